"""Toy problems: the paths of several optimizers over one function, and how far they have come step by step.

What to draw is in each run's scene.npz; which problem it is, nothing here needs to know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from report.figures.choice import chosen, labels
from report.figures.looks import Look, looks_of
from report.figures.panel import Line, Panel
from report.insight.scene import Place, Plane, Scene, Series, Window, read_scene
from results.settings import Setting

DEEPEST = 1e-8  # of the largest distance: smaller ones are below the picture
DECADE = 10  # between values, from which on their axis is logarithmic
SMOOTH = 40  # a noisy series is averaged over so many parts


@dataclass(frozen=True)
class Ground:
    """What lies under paths: the function's contours, start and optimum, and each path's last place."""

    plane: Plane
    ends: Sequence[tuple[Look, Place]]

    def __call__(self, axes: Any) -> None:
        from report.insight.trajectory import draw_contours, mark

        axes.grid(False)
        for line in axes.get_lines():
            line.set_linewidth(0.9)
        draw_contours(axes, self.plane, fine=True)
        mark(axes, [self.plane.chart.start], "o", "white", "start", 4)
        for look, end in self.ends:
            axes.plot(*end, look.marker, color=look.colour, markeredgecolor="black", markeredgewidth=0.6, zorder=6)


@dataclass(frozen=True)
class Walk:
    """One setting's first run, and how it is shown."""

    setting: Setting
    scene: Scene
    label: str
    look: Look

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.setting.runs[0].steps

    @property
    def diverged(self) -> bool:
        return self.setting.runs[0].ending == "diverged"


def paths(settings: Iterable[Setting], count: int | None = 1) -> list[list[Panel]]:
    """For each problem a figure's panels: the paths of each optimizer's `count` best settings (None: all), then a
    panel a series.

    Of a setting its first seed is drawn, a diverged run to where it leaves the others' window. Empty where no run has
    a scene.
    """
    found: dict[str, list[tuple[Setting, Scene]]] = defaultdict(list)
    for setting in settings:
        scene = read_scene(setting.runs[0].folder)
        if scene and setting.runs[0].steps:
            chart = scene.plane.chart if scene.plane else None
            found[repr((setting.runs[0].task, chart, [(each.key, each.name) for each in scene.series]))].append(
                (setting, scene)
            )
    return [problem(own, count) for own in found.values()]


def problem(own: Sequence[tuple[Setting, Scene]], count: int | None) -> list[Panel]:
    scenes = {id(setting): scene for setting, scene in own}
    tried = [setting for setting, _ in own]
    drawn = chosen(tried, count, diverged=True)
    looks = looks_of([setting.optimizer for setting in drawn])
    names = labels(drawn, tried)
    walks = [Walk(s, scenes[id(s)], name, look) for s, name, look in zip(drawn, names, looks, strict=True)]
    over = [plane_panel(walks)] if walks[0].scene.plane else []
    return [*over, *(series_panel(walks, i) for i in range(len(walks[0].scene.series)))]


def plane_panel(walks: Sequence[Walk]) -> Panel:
    """The window holds every path of a run that did not diverge."""
    planes = [walk.scene.plane for walk in walks if walk.scene.plane]
    ways = [plane.chart.path(walk.rows) for walk, plane in zip(walks, planes, strict=True)]
    chart = planes[0].chart
    kept = [way for walk, way in zip(walks, ways, strict=True) if not walk.diverged] or ways
    window = Window.around([*chart.fixed, *(place for way in kept for place in way)], chart.equal)
    planes.sort(key=lambda plane: plane.window.x[-1] - plane.window.x[0])
    plane = next((each for each in planes if each.window.holds(window)), planes[-1])
    ways = [until_lost(way, window) if walk.diverged else way for walk, way in zip(walks, ways, strict=True)]
    lines = [
        Line(walk.label, walk.look, [x for x, _ in way], [y for _, y in way])
        for walk, way in zip(walks, ways, strict=True)
    ]
    ends = [(walk.look, way[-1]) for walk, way in zip(walks, ways, strict=True)]
    return Panel("", *chart.names, lines, backdrop=Ground(plane.seen_through(window), ends))


def until_lost(way: Sequence[Place], window: Window) -> Sequence[Place]:
    """As far as the first place out of sight."""
    for i, place in enumerate(way):
        if not all(side[0] <= at <= side[-1] for side, at in zip((window.x, window.y), place, strict=True)):
            return way[: i + 1]
    return way


def series_panel(walks: Sequence[Walk], number: int) -> Panel:
    """The steps of one series: sizes with what they never exceed again, noisy values smoothed."""
    series = walks[0].scene.series[number]
    lines = [line(walk, walk.scene.series[number]) for walk in walks]
    sound = [each for each, walk in zip(lines, walks, strict=True) if not walk.diverged] or lines
    if series.kind == "size":
        high = max((max(each.y) for each in sound), default=0.0)
        low = min((value for each in sound for value in each.y if value > 0), default=1.0)
        log = high > 0
        limits = (max(low / 1.5, DEEPEST * high), 2 * high) if log else None
        note = "line: the largest to come; pale: each step"
        return Panel("", "step", series.name, floored(lines, limits), y_log=log, y_range=limits, note=note)
    if series.kind == "mean":
        settled = [value for each in sound for value in each.y[len(each.y) // 20 :]]  # the first means are of few steps
        limits = (1.1 * min(0.0, *settled), 1.1 * max(0.0, *settled) or 1.0)
        return Panel("", "step", series.name, lines, y_range=limits)
    if series.kind == "noisy":
        return Panel("", "step", series.name, lines, note="pale: each recorded step")
    every = [value for each in lines for value in each.y]
    log = min(every) > 0 and max(every) > DECADE * min(every)
    return Panel("", "step", series.name, lines, y_log=log)


def line(walk: Walk, series: Series) -> Line:
    steps, values = series.points(walk.rows)
    made = Line(walk.label, walk.look, steps, values)
    if series.kind == "size" and not walk.diverged:
        return replace(made, y=list(accumulate(reversed(values), max))[::-1], ghost=values)
    if series.kind == "noisy":
        return replace(made, y=averages(values), ghost=values)
    return made


def averages(values: Sequence[float]) -> list[float]:
    """Running means over a part of the values, over fewer at the ends."""
    half = len(values) // SMOOTH // 2
    parts = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(part) / len(part) for part in parts]


def floored(lines: Sequence[Line], limits: tuple[float, float] | None) -> list[Line]:
    """0 has no place on a logarithmic axis: it lies out of sight, below the lower edge."""
    if limits is None:
        return list(lines)
    low = limits[0] / DECADE
    return [replace(each, y=[max(y, low) for y in each.y], ghost=[max(y, low) for y in each.ghost]) for each in lines]
