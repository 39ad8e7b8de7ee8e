"""AggMo's velocities along one eigenvector, which small betas turn first, as in the AggMo paper's figure 2.

They are those of the run: on f(x) = 1/2 lambda x^2 the steps' distances decide them, and every step has its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from report.diagnostics.linear_systems import VelocityMethod, eigenvalues_of, method_name, method_of
from report.figures.panel import Line, Panel
from report.figures.series_style import COLOURS, DASHES, SeriesStyle
from report.selection import chosen
from results.run import Run
from results.settings import Setting

if TYPE_CHECKING:
    import numpy

CLUSTERS = 6  # of arrows along the steps
HEIGHT = 0.4  # of the longest arrow, of the distances' span
SPREAD = 0.55  # width of a cluster, of the space between clusters
POSITION = SeriesStyle("#000000", (), "")
VELOCITIES = [SeriesStyle(colour, dash, "") for colour, dash in zip(COLOURS[:6], DASHES, strict=False)]


@dataclass(frozen=True)
class Damped:
    """x: (steps,) before each step. velocities: (K, steps), in the direction of the step, as the paper's."""

    method: VelocityMethod
    x: numpy.ndarray
    velocities: numpy.ndarray

    @property
    def betas(self) -> Sequence[float]:
        return self.method.betas


def damping_panels(settings: Iterable[Setting], count: int | None = 1) -> list[list[Panel]]:
    """A figure's panels for each of AggMo's `count` best settings (None: all) on a quadratic of one eigenvalue: the
    distance with the velocities as arrows, and the velocities. Empty where a run has no row of every step.
    """
    found = [(setting.optimizer, damped(setting.runs[0])) for setting in chosen(settings, count)]
    return [panels(each, method_name(optimizer, each.method)) for optimizer, each in found if each]


def damped(run: Run) -> Damped | None:
    import numpy

    eigenvalues, start = eigenvalues_of(run), run.config["model"].get("start")
    method = method_of(run.config) if len(eigenvalues) == 1 and start and start[0] else None
    if method is None or not 1 < len(method.betas) <= len(VELOCITIES):
        return None
    rows = [row for row in run.steps if "x0" in row]
    if [row["step"] for row in rows] != list(range(1, len(rows) + 1)):
        return None
    x = numpy.array([start[0], *(row["x0"] for row in rows)])[:-1]
    return Damped(method, x, -method.velocities(x, eigenvalues[0])) if len(x) > CLUSTERS else None


def panels(found: Damped, title: str) -> list[Panel]:
    steps = list(range(len(found.x)))
    names = [f"velocity of β = {beta:.6g}" for beta in found.betas]
    lines = [
        Line(name, style, [step + 1 for step in steps], v.tolist())
        for name, style, v in zip(names, VELOCITIES, found.velocities, strict=False)
    ]
    x = found.x.tolist()
    span = max(x) - min(x)
    limits = (min(0.0, *x) - (HEIGHT + 0.05) * span, max(x) + (HEIGHT + 0.05) * span)
    position = Line("distance", POSITION, steps, x)
    note = "arrows: velocities, of the right panel's colours; 1: half of the way; 2: beyond the optimum"
    name = "distance along the eigenvector"
    arrows = Panel(title, "step", name, [position], y_range=limits, note=note, background=Arrows(found))
    return [arrows, Panel("", "step", "velocity", lines, background=zero_line)]


@dataclass(frozen=True)
class Arrows:
    """The velocities at some steps, on matplotlib's axes: longer for faster, up or down, one colour for each beta."""

    damped: Damped

    def __call__(self, axes: Any) -> None:
        found = self.damped
        zero_line(axes)
        steps, gap = len(found.x), len(found.x) / (CLUSTERS + 1)
        marked = {"1": aligned(found), "2": opposed(found)}
        regular = [round((n + 1) * gap) for n in range(CLUSTERS)]
        places = [step for step in marked.values() if step is not None]
        places += [step for step in regular if all(abs(step - other) > 0.8 * gap for other in places)]
        span = float(found.x.max() - found.x.min())
        scale = HEIGHT * span / float(abs(found.velocities).max())
        for i, v in enumerate(found.velocities):
            shift = SPREAD * gap * (i / (len(found.betas) - 1) - 0.5)
            for at in places:
                place = (at + shift, float(found.x[at]))
                end = (place[0], place[1] + scale * float(v[at]))
                style = {"arrowstyle": "-|>", "color": VELOCITIES[i].colour, "linewidth": 1.6}
                axes.annotate("", end, place, arrowprops={**style, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7})
        for name, step in marked.items():
            if step is not None:
                style = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "linewidth": 0.6}
                where = {"xytext": (20, 10), "textcoords": "offset points", "ha": "center", "va": "center"}
                axes.annotate(name, (step, float(found.x[step])), **where, bbox=style, fontsize=7)
        axes.set_xlim(0, steps)


def zero_line(axes: Any) -> None:
    axes.axhline(0, color="0.5", linewidth=0.6, zorder=1)


def aligned(found: Damped) -> int | None:
    """The step at which half of the way to the optimum is gone: the paper's point (1); None if there is none."""
    below = (found.x / found.x[0] < 0.5).nonzero()[0]
    return int(below[0]) if len(below) else None


def opposed(found: Damped) -> int | None:
    """The first step beyond the optimum at which the velocity of the second beta brakes that of the last: the paper's
    point (2); None if there is none.
    """
    slow, quick = found.velocities[-1], found.velocities[1]
    beyond = (found.x / found.x[0] < 0) & (slow * quick < 0)
    return int(beyond.nonzero()[0][0]) if beyond.any() else None
