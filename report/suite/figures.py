"""Figures of a suite. With many optimizers those that are asked about and the best few have colours, the others are
grey, thin and behind; the legend of the page shows and hides each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from report.figures.comparison import comparison
from report.figures.panel import Line, Panel, Weight
from report.figures.sensitivity import sensitivity
from report.figures.series_style import DASHES, SeriesStyle, styles_of
from report.names import name_of
from report.scores.data import Task
from report.suite.scored import Scored
from report.suite.tables import expected_shares
from results.settings import Setting, settings

BEST = 5  # optimizers that have colours beside those asked about
MOST = 8  # optimizers of which all have colours
GREY = "#8b929b"
FARTHEST = 10.0  # of the profile of distances, times what counts as near
LEARNING_RATE = "optim.lr"


@dataclass(frozen=True)
class Looks:
    """How each optimizer is drawn, in all figures of a suite. order: of the legends."""

    styles: dict[str, SeriesStyle]
    weights: dict[str, Weight]
    order: tuple[str, ...]

    def line(self, optimizer: str, x: Sequence[float], y: Sequence[float], label: str = "") -> Line:
        return Line(label or optimizer, self.styles[optimizer], x, y, weight=self.weights[optimizer])

    def restyled(self, panel: Panel) -> Panel:
        """Another figure's panel, whose labels begin with the optimizers' names; without the grey lines' bands."""
        lines = sorted(panel.lines, key=lambda line: self.order.index(optimizer_of(line)))
        return replace(panel, lines=[self.redrawn(line) for line in lines], note=self.note(panel.note))

    def redrawn(self, line: Line) -> Line:
        name = optimizer_of(line)
        bands = {"low": (), "high": ()} if self.weights[name] == "faint" else {}
        return replace(line, style=self.styles[name], weight=self.weights[name], **bands)

    def note(self, before: str = "") -> str:
        grey = [name for name in self.order if self.weights[name] == "faint"]
        return "; ".join(filter(None, (before, f"grey: {', '.join(grey)}" if grey else "")))


def optimizer_of(line: Line) -> str:
    return line.label.partition(" ")[0]


def looks_of(scored: Scored) -> Looks:
    mine = [name for name in scored.order if name in scored.compared.mine]
    others = [name for name in scored.order if name not in mine]
    count = len(others) if len(scored.order) <= MOST else max(BEST, 1)
    coloured, grey = [*mine, *others[:count]], others[count:]
    styles = dict(zip(coloured, styles_of(coloured), strict=True))
    styles |= {name: SeriesStyle(GREY, DASHES[i % len(DASHES)], "o") for i, name in enumerate(grey)}
    weights: dict[str, Weight] = dict.fromkeys(scored.order, "normal")
    weights |= dict.fromkeys(mine, "strong")
    weights |= dict.fromkeys(grey, "faint")
    return Looks(styles, weights, (*coloured, *grey))


def profile_panels(scored: Scored, looks: Looks) -> list[Panel]:
    """The share of tasks by steps to the target, where there are targets, and by the distance of the results."""
    found = []
    if profiles := {each.optimizer: each for each in scored.profiles}:
        lines = [looks.line(name, *staircase(profiles[name].points())) for name in looks.order if name in profiles]
        titles = "Steps to the target", "times the steps of the fastest", "share of tasks"
        found.append(Panel(*titles, lines, y_range=(-0.02, 1.03), note=looks.note()))
    tasks = scored.ranked_tasks
    lines = []
    for name in (name for name in looks.order if name in scored.ranked):
        distances = [scored.distance(task, name) for task in tasks]
        ends = sorted({0.0, *(each for each in distances if each <= FARTHEST)})
        points = [(end, sum(each <= end for each in distances) / len(tasks)) for end in ends]
        lines.append(looks.line(name, *staircase([*points, (FARTHEST, points[-1][1])])))
    titles = "Results", "distance to the best / near", "share of tasks"
    return [*found, Panel(*titles, lines, y_range=(-0.02, 1.03), note=looks.note())]


def staircase(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """A line through the corners of steps, which rise at their points."""
    x, y = [points[0][0]], [points[0][1]]
    for place, height in points[1:]:
        x += [place, place] if height != y[-1] else [place]
        y += [y[-1], height] if height != y[-1] else [height]
    return x, y


def expected_panel(scored: Scored, looks: Looks) -> Panel:
    shares = expected_shares(scored)
    lines = [
        replace(looks.line(name, range(1, len(shares[name]) + 1), shares[name]), markers=True)
        for name in looks.order
        if name in shares
    ]
    return Panel("", "trials", "share of tasks near the best", lines, y_range=(-0.02, 1.03), note=looks.note())


def task_curves(scored: Scored, looks: Looks, task: Task) -> list[Panel]:
    """Training and validation by epoch, each optimizer with its best setting."""
    chosen = [Setting(runs) for runs in scored.chosen_runs(task.name).values()]
    panels = [panel for panel in comparison(chosen, diverged=True) if panel.lines]
    return [looks.restyled(panel) for panel in panels]


def task_tuning(scored: Scored, looks: Looks, task: Task) -> list[Panel]:
    """The score by learning rate, and the expected best by the number of trials."""
    tried = settings(run for runs in scored.compared.runs_of(task.name).values() for run in runs)
    having = [setting for setting in tried if LEARNING_RATE in setting.runs[0].settings]
    found = [looks.restyled(panel) for panel in sensitivity(having)] if having else []
    expected = scored.expected(task)
    metric = scored.compared.suite.tasks[task.name].metric
    lines = []
    for name in (name for name in looks.order if name in expected):
        values = [value_of(task, each.mean) for each in expected[name]]
        lines.append(replace(looks.line(name, range(1, len(values) + 1), values), markers=True))
    y_name = f"{name_of(f'val/{metric}')}, expected best"
    return [*found, *([Panel("", "trials", y_name, lines, y_log=task.log_scale, note=looks.note())] if lines else [])]


def value_of(task: Task, loss: float) -> float:
    """A loss as a value of the metric."""
    return 10.0**loss if task.log_scale else -loss if task.better == "max" else loss
