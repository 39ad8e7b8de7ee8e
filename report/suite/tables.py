"""Tables of a suite beside the ranking: wins and losses, steps to targets, sensitivity, the expected best, times, and
each task's best settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from report.scores.data import Task
from report.scores.profile import MAX_RATIO
from report.scores.wins import LOSS, TIE, WIN, Duel
from report.suite.origins import mean_seconds, timed
from report.suite.ranking import behind, cell, look, metric_of, setting_text, shown, steps_text
from report.suite.scored import Scored
from report.tables.table import Look, Table
from report.tables.text import ABSENT, number
from report.tables.verdicts import p_text

RATIOS = (1.0, 1.5, 2.0, 4.0)  # where shades of steps and seconds end
SHARES = (0.75, 0.5, 0.25, 0.1)  # and of shares
DUELS = (
    "Task by task a paired t-test over the seeds of the best settings; of each row, the p-values of all tasks are "
    "corrected together (Holm), so that the probability of any false win or loss in a row is below 5 %.",
    "A tie is a difference that these seeds do not show; it is no proof that there is none.",
    "Without chance (equal differences in every seed) a difference counts as it stands; a run that diverged loses "
    "against runs that all finished.",
)
STEPS = (
    "The first evaluation at which the mean over the seeds of the best setting has reached the target on validation; "
    "evaluations are an epoch apart, and no step in between is known. Below: times the fastest's steps.",
    f"area: of the performance profile up to {MAX_RATIO:g} times the fastest, 1 for the fastest everywhere.",
)
SIGNIFICANT = (
    "Reached: the mean is better than the target with p < {:g} by a one-sided t-test of the seeds' values, as the "
    "modded-nanogpt speedrun asks of a record."
)
SENSITIVITY = (
    "Each setting tried stands for the part of the space that is nearer to it than to the others, on the space's "
    "scale; the values are validation's, of the first seed. Settings that diverged are not near.",
)
EXPECTED = (
    "The share of tasks on which the expected best of n random trials is near the best that any optimizer's trial "
    "reached, on validation with the first seed (Dodge et al., EMNLP 2019); failed trials have the task's worst value.",
)


def duels_table(scored: Scored) -> Table:
    rows, looks = [], []
    for duel in scored.duels:
        counts = [str(len(duel.tasks(verdict))) for verdict in (WIN, TIE, LOSS)]
        verdicts = [duel.verdicts.get(task.name, ABSENT) for task in scored.tasks]
        rows.append([duel.optimizer, duel.baseline, *counts, *verdicts])
        strong = Look(strong=duel.optimizer in scored.compared.mine)
        looks.append([strong, *[Look()] * 4, *(verdict_look(scored, duel, task) for task in scored.tasks)])
    columns = ["optimizer", "against", "wins", "ties", "losses", *(task.name for task in scored.tasks)]
    title = f"Suite {scored.compared.name}: wins, ties and losses"
    return Table(title, columns, rows, DUELS, looks=looks)


def verdict_look(scored: Scored, duel: Duel, task: Task) -> Look:
    """With the difference and its p on pointing."""
    verdict, found = duel.verdicts.get(task.name), duel.comparisons.get(task.name)
    if verdict is None or found is None:
        return Look()
    lines = [f"{duel.optimizer} against {duel.baseline} on {task.name}: {verdict}"]
    if found.n:
        unit = " decades" if task.log_scale else ""
        lines.append(f"difference, positive where better: {number(float(found.difference))}{unit}, {found.n} seeds")
    lines.append(f"p{equals(found.p)}, corrected p{equals(found.holm)}" if found.p is not None else "no test")
    return Look(level={WIN: 1, TIE: 3, LOSS: 4}[verdict], tip="\n".join(lines))


def equals(p: float | None) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"={text}"


def by_task(
    scored: Scored,
    title: str,
    columns: Sequence[str],
    first: Callable[[str], Sequence[str]],
    each: Callable[[Task, str], tuple[str, Look]],
    notes: Sequence[str],
    tasks: Sequence[Task],
) -> Table:
    """A table of optimizers by tasks. first: the cells before the tasks' ones."""
    rows, looks = [], []
    for optimizer in scored.order:
        strong = Look(strong=optimizer in scored.compared.mine)
        cells = [each(task, optimizer) for task in tasks]
        before = first(optimizer)
        rows.append([optimizer, *before, *(text for text, _ in cells)])
        looks.append([strong, *[Look()] * len(before), *(own for _, own in cells)])
    names = ["optimizer", *columns]
    return Table(f"Suite {scored.compared.name}: {title}", names, rows, notes, looks=looks)


def steps_table(scored: Scored) -> Table | None:
    """None if no task has a target."""
    tasks = [task for task in scored.tasks if task.name in scored.steps]
    if not tasks:
        return None

    def first(optimizer: str) -> list[str]:
        area, reached = scored.area(optimizer), [scored.steps[task.name].get(optimizer) for task in tasks]
        count = f"{sum(each is not None for each in reached)} of {len(tasks)}"
        return [ABSENT if area is None else f"{area:.2f}", count]

    def each(task: Task, optimizer: str) -> tuple[str, Look]:
        if optimizer not in scored.chosen[task.name]:
            return ABSENT, Look()
        steps = scored.steps[task.name][optimizer]
        reached = [other for other in scored.steps[task.name].values() if other is not None]
        setting = setting_text(scored, scored.chosen[task.name][optimizer])
        tip = f"{optimizer} on {task.name}, {setting}\n{steps_text(scored, task, optimizer)}"
        if steps is None:
            return "not reached", Look(level=len(RATIOS), tip=tip)
        return f"{steps:,}", ratio_look(steps / min(reached), tip)

    columns = [
        "area",
        "reached",
        *(f"{task.name}: {scored.compared.suite.tasks[task.name].metric} {task.target:g}" for task in tasks),
    ]
    without = [task.name for task in scored.tasks if task.name not in scored.steps]
    notes = [*STEPS, *([SIGNIFICANT.format(scored.rule.alpha)] if scored.rule else [])]
    notes += [f"Without a target: {', '.join(without)}."] if without else []
    return by_task(scored, "steps to the target", columns, first, each, notes, tasks)


def ratio_look(ratio: float, tip: str = "") -> Look:
    below = "fastest" if ratio == 1 else f"{ratio:.2f}×" if ratio < 10 else behind(ratio)
    return Look(level=sum(ratio > end * (1 + 1e-9) for end in RATIOS), below=below, tip=tip)


def sensitivity_table(scored: Scored, to_all: bool) -> Table | None:
    """The share of each search space near the optimizer's own best, or, to_all, near the best of all."""
    tasks = [task for task in scored.tasks if task.near is not None]
    found = {
        (task.name, name): scored.sensitivity(task, name, to_all) for task in tasks for name in scored.chosen[task.name]
    }
    if not any(found.values()):
        return None

    def first(optimizer: str) -> list[str]:
        shares = [own.share for task in tasks if (own := found.get((task.name, optimizer)))]
        return [f"{sum(shares) / len(shares):.2f}" if shares else ABSENT]

    def each(task: Task, optimizer: str) -> tuple[str, Look]:
        own = found.get((task.name, optimizer))
        if own is None:
            return ABSENT, Look()
        space = scored.compared.spaces[optimizer]
        ranges = "\n".join(f"{key}: {range_}" for key, range_ in space.items())
        tip = f"{optimizer} on {task.name}, {own.num_trials} settings\n{ranges}\nnear: {task.near:g}"
        return f"{own.share:.2f}", Look(level=sum(own.share < end for end in SHARES), tip=tip)

    whose = "the best of all optimizers" if to_all else "the optimizer's own best"
    columns = ["mean", *(f"{task.name}, near {task.near:g}" for task in tasks)]
    return by_task(scored, f"share of the search space near {whose}", columns, first, each, SENSITIVITY, tasks)


def expected_shares(scored: Scored) -> dict[str, list[float]]:
    """By optimizer, for n = 1, 2, ... trials, the share of the ranked tasks on which the expected best is near the best
    of all. n: up to the number of trials on every task."""
    tasks = [task for task in scored.ranked_tasks if task.near is not None]
    expected = {task.name: scored.expected(task) for task in tasks}
    limits = {task.name: scored.best_first(task) + task.near * (1 + 1e-9) for task in tasks if task.near is not None}
    found: dict[str, list[float]] = {}
    for optimizer in scored.ranked if tasks else ():
        most = min(len(scored.first_trials(task.name, optimizer)) for task in tasks)
        curves = {task.name: expected[task.name].get(optimizer) for task in tasks}
        near = [
            sum(bool(curve) and curve[n].mean <= limits[task] for task, curve in curves.items()) / len(tasks)
            for n in range(most)
        ]
        if near:
            found[optimizer] = near
    return found


def expected_table(scored: Scored) -> Table | None:
    shares = expected_shares(scored)
    if not shares:
        return None
    most = max(map(len, shares.values()))
    rows, looks = [], []
    for optimizer in (name for name in scored.order if name in shares):
        own = shares[optimizer]
        rows.append([optimizer, *(f"{share:.2f}" for share in own), *[ABSENT] * (most - len(own))])
        levels = [Look(level=sum(share < end for end in SHARES)) for share in own]
        looks.append([Look(strong=optimizer in scored.compared.mine), *levels, *[Look()] * (most - len(own))])
    columns = ["optimizer", "1 trial", *(f"{n} trials" for n in range(2, most + 1))]
    title = f"Suite {scored.compared.name}: tasks near the best, by the number of trials"
    return Table(title, columns, rows, EXPECTED, looks=looks)


def times_table(scored: Scored) -> tuple[Table | None, str]:
    """Seconds of training of the best settings where these can be compared, and a note on those that can't."""
    found, note = timed(scored.compared)
    allowed = {task: own.keys() for task, own in found.items()}
    seconds = {
        task.name: {
            optimizer: mean
            for optimizer, runs in scored.chosen_runs(task.name).items()
            if optimizer in allowed.get(task.name, ()) and (mean := mean_seconds(runs)) is not None
        }
        for task in scored.tasks
    }
    if not any(len(own) > 1 for own in seconds.values()):
        return None, note or "Times are not compared: none were recorded."

    def each(task: Task, optimizer: str) -> tuple[str, Look]:
        own = seconds[task.name]
        return (
            (number(own[optimizer]), ratio_look(own[optimizer] / min(own.values())))
            if optimizer in own
            else (ABSENT, Look())
        )

    columns = [task.name for task in scored.tasks]
    notes = ["Mean over the seeds of the best setting, without evaluation. Below: times the fastest."]
    return by_task(scored, "seconds of training", columns, lambda _: [], each, notes, scored.tasks), note


def task_table(scored: Scored, task: Task) -> Table:
    """A task's best settings: what the ranking's cells say on pointing, as a table."""
    rows, looks = [], []
    chosen = scored.chosen[task.name]
    for optimizer in sorted(chosen, key=lambda name: (scored.means[task.name][name], name)):
        setting, own = chosen[optimizer], look(scored, task, optimizer)
        validated = [loss for loss in setting.losses("best").values() if math.isfinite(loss)]
        steps = scored.steps.get(task.name, {}).get(optimizer)
        distance = scored.distance(task, optimizer)
        rows.append(
            [
                optimizer,
                setting_text(scored, setting),
                str(len(setting.trials)),
                cell(scored, task, optimizer),
                shown(task, validated) if validated else ABSENT,
                f"{distance:.3g}" if math.isfinite(distance) else ABSENT,
                f"{steps:,}" if steps is not None else ABSENT,
                str(len(scored.tried[task.name][optimizer])),
            ]
        )
        strong = Look(strong=optimizer in scored.compared.mine)
        looks.append([strong, Look(), Look(), Look(level=own.level), *[Look()] * 4])
    metric = metric_of(scored, task)
    result = f"{scored.which[task.name]} {metric}" if scored.which[task.name] == "test" else f"val {metric}"
    columns = ["optimizer", "best setting", "n", result, f"val {metric}, best epoch"]
    columns += ["distance / near", "steps to target", "settings tried"]
    notes = ["Chosen by the best epoch on validation; means ± standard deviations over n seeds."]
    title = f"Suite {scored.compared.name}, {task.name}: best settings"
    return Table(title, columns, rows, notes, looks=looks)
