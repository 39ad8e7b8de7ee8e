"""The table of a suite: optimizers by tasks, each cell the best setting's mean over seeds, and the mean ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from report.scores.data import Task, TriedSetting
from report.suite.scored import Scored
from report.tables.table import Look, Table
from report.tables.text import ABSENT, Spread, number
from results.labels import short_key

SHADES = (1.0, 3.0, 10.0)  # times what counts as near: where shades end
NO_VALUE = 5  # the shade of cells without one
NOTES = (
    "Each cell: the setting with the best validation of those tried, mean ± standard deviation over its seeds; with "
    "log10 of the logarithms.",
    "mean rank: over the tasks, 1 the best; with the 95 % interval of a bootstrap over tasks and seeds.",
    "Below the values, and by the shade: best; near (within the stated distance of the best); else how many times that "
    "distance it is behind.",
)


def ranking_table(scored: Scored) -> Table:
    """A row an optimizer, the best rank first."""
    tasks = scored.tasks
    rows, looks = [], []
    ranks = {rank.optimizer: rank for rank in scored.ranks}
    for optimizer in scored.order:
        rank = ranks.get(optimizer)
        strong = Look(strong=optimizer in scored.compared.mine)
        near = f"{scored.num_near(optimizer)} of {len(scored.ranked_tasks)}" if rank else ABSENT
        ranked = f"{rank.mean:.1f} [{rank.low:.1f}, {rank.high:.1f}]" if rank else ABSENT
        rows.append([optimizer, ranked, near, *(cell(scored, task, optimizer) for task in tasks)])
        looks.append([strong, strong, Look(), *(look(scored, task, optimizer) for task in tasks)])
    columns = ["optimizer", "mean rank", "near the best", *(heading(scored, task) for task in tasks)]
    notes = [*NOTES, values_note(scored), *left_out_note(scored)]
    return Table(f"Suite {scored.compared.name}: best settings by task", columns, rows, notes, looks=looks)


def heading(scored: Scored, task: Task) -> str:
    """`digits_mlp: acc ↑, near 0.01`."""
    arrow = "↑" if task.better == "max" else "↓"
    near = f", near {task.near:g}" if task.near is not None else ""
    return f"{task.name}: {metric_of(scored, task)} {arrow}{near}"


def metric_of(scored: Scored, task: Task) -> str:
    metric = scored.compared.suite.tasks[task.name].metric
    return f"log10 {metric}" if task.log_scale else metric


def values_note(scored: Scored) -> str:
    validated = [task.name for task in scored.tasks if scored.which[task.name] != "test"]
    where = f", but on {', '.join(validated)} on validation" if validated else ""
    return (
        f"Values are of the test set, with the weights of the best epoch on validation{where}; problems without data "
        "have one value for both."
    )


def left_out_note(scored: Scored) -> list[str]:
    found = []
    if len(scored.ranked_tasks) < len(scored.tasks):
        names = ", ".join(task.name for task in scored.ranked_tasks)
        found.append(f"Ranks are over {len(scored.ranked_tasks)} of {len(scored.tasks)} tasks: {names}.")
    if scored.unranked:
        found.append(f"Without a rank, as runs are missing on some of the tasks: {', '.join(scored.unranked)}.")
    return found


def cell(scored: Scored, task: Task, optimizer: str) -> str:
    setting = scored.chosen[task.name].get(optimizer)
    if setting is None:
        return ABSENT
    losses = list(scored.results[task.name][optimizer].values())
    finite = [loss for loss in losses if math.isfinite(loss)]
    if len(finite) == len(losses):
        return shown(task, losses)
    return ending_text(setting, len(losses) - len(finite))


def ending_text(setting: TriedSetting, missing: int) -> str:
    """`diverged`, or `1 of 5 diverged`."""
    word = next((trial.ending for trial in setting.trials if trial.ending != "done"), "no value")
    return word if missing == len(setting.trials) else f"{missing} of {len(setting.trials)} {word}"


def shown(task: Task, losses: Sequence[float]) -> Spread:
    """Losses as values of the metric, or its logarithm."""
    return Spread(losses, -1 if task.better == "max" else 1)


def look(scored: Scored, task: Task, optimizer: str) -> Look:
    if optimizer not in scored.chosen[task.name]:
        return Look()
    distance = scored.distance(task, optimizer)
    if not math.isfinite(scored.means[task.name][optimizer]):
        return Look(level=NO_VALUE, tip=tip(scored, task, optimizer))
    level = 0 if distance == 0 else 1 + sum(distance > end * (1 + 1e-9) for end in SHADES)
    below = "best" if level == 0 else "near" if level == 1 else behind(distance)
    return Look(level=level, below=below, tip=tip(scored, task, optimizer))


def behind(distance: float) -> str:
    return (
        f"{distance:.2g}×" if distance < 100 else f"{min(distance, 1e9):,.0f}×" if math.isfinite(distance) else "behind"
    )


def tip(scored: Scored, task: Task, optimizer: str) -> str:
    """The cell's setting, seeds, distance and steps, a line each."""
    setting = scored.chosen[task.name][optimizer]
    losses = scored.results[task.name][optimizer]
    values = ", ".join(f"{seed}: {value_text(task, loss)}" for seed, loss in losses.items())
    lines = [f"{optimizer} on {task.name}", f"setting: {setting_text(scored, setting)}", f"by seed: {values}"]
    gap = scored.means[task.name][optimizer] - min(scored.means[task.name].values())
    if math.isfinite(gap):
        unit = " decades" if task.log_scale else ""
        lines.append(f"distance to the best: {number(float(gap))}{unit} (near: {task.near:g})")
    lines.append(steps_text(scored, task, optimizer))
    return "\n".join(lines)


def value_text(task: Task, loss: float) -> str:
    """A loss as a value of the metric itself."""
    if not math.isfinite(loss):
        return "none"
    return number(10.0**loss if task.log_scale else -loss if task.better == "max" else loss)


def steps_text(scored: Scored, task: Task, optimizer: str) -> str:
    if task.name not in scored.steps:
        return "no target"
    steps = scored.steps[task.name][optimizer]
    return f"target {task.target:g}: " + (f"reached after {steps:,} steps" if steps is not None else "not reached")


def setting_text(scored: Scored, setting: TriedSetting) -> str:
    """`lr=0.003 betas[0]=0.95`: the searched numbers; the label where these are not known."""
    space = scored.compared.spaces.get(setting.optimizer, {})
    named = [f"{short_key(key)}={setting.numbers[key]:.4g}" for key in space if key in setting.numbers]
    return " ".join(named) or setting.trials[0].setting.partition(" ")[2]
