"""--budget: a sweep that is shrunk to the time that there is.

First fewer seeds, down to one, then fewer epochs, down to one; never fewer methods or other settings. What was decided
is recorded beside the sweep, so that the same command always means the same runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.files import parse_json, read_file, write_json
from results.typed import read_dataclass
from results.values import format_value
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.sweep.launch import is_basic, is_joblib, runs_at_a_time
from runner.sweep.plan import DONE, REFUSED, REPEATED, Job, run_count
from runner.sweep.remaining_time import format_duration
from runner.sweep.run_cost import CostMeter, RunCost
from runner.sweep.slots import Slot, process_slots
from runner.sweep.table import sweep_folder

FILE = "budget.json"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """seeds, epochs: of all runs; None: as the sweep has them. Seconds are estimates: whole_s of the whole sweep, as it
    was when this was decided, shrunken_s of what is left of it."""

    budget_s: float
    whole_s: float
    shrunken_s: float
    at_a_time: int
    seeds: Sequence[int] | None = None
    epochs: int | None = field(default=None, metadata={"range": "[1, inf)"})

    @property
    def overrides(self) -> list[str]:
        """The words that make the same runs without --budget."""
        seeds = [f"seed={','.join(map(str, self.seeds))}"] if self.seeds else []
        return seeds + ([f"epochs={self.epochs}"] if self.epochs else [])


@dataclass(frozen=True)
class Sizes:
    """What can be shrunk in a sweep.

    costs: of each setting, whatever its seed, with its epochs. common: the seeds that every setting has, in order.
    num_runs: of all settings together.
    """

    costs: Sequence[tuple[RunCost, int]]
    common: Sequence[int]
    num_runs: int

    def seconds(self, num_seeds: int, at_a_time: int, epochs: int | None = None) -> float:
        """Seconds of num_seeds runs of each setting, with the same number of epochs if one is given."""
        each = [cost.seconds(epochs or own) for cost, own in self.costs]
        return together_s([s for s in each for _ in range(num_seeds)], at_a_time)

    def options(self) -> Iterator[tuple[int | None, int | None]]:
        """(number of seeds, epochs) from the largest to the smallest; None: as the sweep has them."""
        for n in range(len(self.common), 0, -1):
            if n * len(self.costs) < self.num_runs:
                yield n, None
        fewest = 1 if self.common and len(self.costs) < self.num_runs else None
        epochs = [own for _, own in self.costs]
        for number in range(min(epochs), 0, -1):
            if number < max(epochs):
                yield fewest, number


def together_s(seconds: Sequence[float], at_a_time: int) -> float:
    """Seconds of runs of which so many are in progress at a time."""
    return max(sum(seconds) / at_a_time, max(seconds, default=0.0))


def shrink(jobs: Sequence[Job], launcher: Any, budget_s: float, print_line: Callable[[str], Any]) -> list[str]:
    """The overrides that shrink a planned sweep to a budget, as recorded by an earlier command or decided now.

    Prints what is shrunk. Raises ConfigError where the smallest does not fit, and for a launcher of other machines.
    """
    jobs = [job for job in jobs if job.state not in (REFUSED, REPEATED)]
    if any(job.checked_config.settings.branch.run for job in jobs):
        raise ConfigError("--budget goes with runs from their first epoch, not with branches of others")
    folder = sweep_folder(jobs)
    decision = recorded(folder / FILE, budget_s)
    if decision is None:
        slots = machine_slots(launcher, jobs[0].checked_config)
        print_line("Timing some steps of each method.")
        decision = decide(jobs, CostMeter(slots[0].threads), len(slots), budget_s)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / FILE, vars(decision))
        except OSError as error:
            raise ConfigError(f"outputs: can't write {folder}: {error.strerror}") from None
    print_line(describe(decision, jobs))
    print_line(f"Recorded in {folder / FILE}, which the same command follows; without this file it measures again.")
    return decision.overrides


def recorded(file: Path, budget_s: float) -> Decision | None:
    """The decision for this budget, if one is recorded."""
    try:
        decision = read_dataclass(Decision, parse_json(read_file(file), file.name), file.name)
    except (OSError, ValueError):
        return None
    return decision if decision.budget_s == budget_s else None


def machine_slots(launcher: Any, config: Config) -> list[Slot]:
    """A slot for each run in progress at a time; ConfigError for a launcher of other machines."""
    settings = config.settings
    if hasattr(launcher, "machine_slots"):
        return launcher.machine_slots(settings)
    if is_basic(launcher):
        return [Slot(settings.threads or 0)]
    if is_joblib(launcher):
        return process_slots(runs_at_a_time(launcher, settings), 1, settings.device, settings.threads)
    raise ConfigError("--budget measures this machine: it goes with hydra/launcher=local, stacked, joblib or none")


def decide(jobs: Sequence[Job], cost: Callable[[Config], RunCost], at_a_time: int, budget_s: float) -> Decision:
    """The largest part of a sweep that fits into so many seconds; ConfigError where not even the smallest does."""
    to_do = [job.checked_config for job in jobs if job.state != DONE]
    whole_s = together_s([cost(config).seconds(config.settings.epochs) for config in to_do], at_a_time)
    if whole_s <= budget_s:
        return Decision(budget_s=budget_s, whole_s=whole_s, shrunken_s=whole_s, at_a_time=at_a_time)
    sizes, shrunken_s, obstacle = sizes_of(jobs, cost), whole_s, ""
    for num_seeds, epochs in sizes.options():
        if epochs and (obstacle := shorter_obstacle(jobs, epochs)):
            break
        times = num_seeds or sizes.num_runs // len(sizes.costs)
        shrunken_s = sizes.seconds(times, at_a_time, epochs)
        if shrunken_s <= budget_s:
            seeds = sizes.common[:num_seeds] if num_seeds else None
            numbers = {"budget_s": budget_s, "whole_s": whole_s, "shrunken_s": shrunken_s, "at_a_time": at_a_time}
            return Decision(**numbers, seeds=seeds, epochs=epochs)
    reason = f", with fewer epochs than which they are refused ({obstacle})" if obstacle else ""
    raise ConfigError(
        f"--budget: {len(sizes.costs)} settings with as few seeds and epochs as can be take about "
        f"{format_duration(shrunken_s)}{reason}, more than {format_duration(budget_s)}; the whole sweep takes about "
        f"{format_duration(whole_s)}. Give more time, or fewer methods (optim=...) or rates (optim.lr=...)"
    )


def shorter_obstacle(jobs: Sequence[Job], epochs: int) -> str:
    """Why the runs can't have so few epochs; empty where they can."""
    configs = [job.checked_config for job in jobs]
    if (longest := max(config.settings.finetune.epochs for config in configs)) > epochs:
        return f"finetune.epochs={longest}"
    problems = [config.lr_schedule.problem(epochs) for config in configs]
    return next((f"optim.lr_schedule.{problem}" for problem in problems if problem), "")


def sizes_of(jobs: Sequence[Job], cost: Callable[[Config], RunCost]) -> Sizes:
    """The settings of a sweep, which are its runs apart from the seeds."""
    seeds: dict[str, list[int]] = {}
    costs: dict[str, tuple[RunCost, int]] = {}
    for job in jobs:
        config = job.checked_config
        setting = str(config.run_path.parent)
        seeds.setdefault(setting, []).append(config.settings.seed)
        costs[setting] = cost(config), config.settings.epochs
    first = next(iter(seeds.values()))
    common = [seed for seed in first if all(seed in others for others in seeds.values())]
    return Sizes(list(costs.values()), common, len(jobs))


def describe(decision: Decision, jobs: Sequence[Job]) -> str:
    """What was decided, and what that means for the report."""
    budget, at_a_time = format_duration(decision.budget_s), f"{decision.at_a_time} at a time"
    whole = f"the whole sweep, {run_count(jobs)}, takes about {format_duration(decision.whole_s)} ({at_a_time})"
    if not decision.overrides:
        return f"Budget {budget}: {whole}, so nothing is left out. Estimated by timing some steps of each method."
    seeds = {job.checked_config.settings.seed for job in jobs}
    epochs = sorted({job.checked_config.settings.epochs for job in jobs})
    changes = [f"seeds: {len(decision.seeds)} of {len(seeds)}"] if decision.seeds else []
    changes += [f"epochs: {decision.epochs} of {' or '.join(map(format_value, epochs))}"] if decision.epochs else []
    words = " ".join(decision.overrides)
    lines = [
        f"Budget {budget}: {whole}, estimated by timing some steps of each method.",
        f"Shrunk to about {format_duration(decision.shrunken_s)}: {', '.join(changes)}. All methods and rates are run.",
        f"The report names these differences. The same runs without --budget: {words}",
    ]
    if decision.epochs:
        lines += unreached(jobs, decision.epochs)
    return "\n".join(lines)


def unreached(jobs: Sequence[Job], epochs: int) -> list[str]:
    """Lines on what the schedules do in a shorter run: milestones stay where they are."""
    notes = [note for job in jobs for note in job.checked_config.lr_schedule.notes(epochs)]
    return [f"The schedule is not scaled: {note}" for note in dict.fromkeys(notes)]
