"""The report of a suite in the order of its page, and its files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from report.files import replace_list, write_parts
from report.group_report import Figure, Part
from report.html_report import notes_of
from report.page import content as page_content
from report.page.content import Item, Page, Runs, Section
from report.scores.cautions import cautions
from report.suite.figures import Looks, expected_panel, looks_of, profile_panels, task_curves, task_tuning
from report.suite.gather import all_runs, gather
from report.suite.origins import origin_notes
from report.suite.ranking import ranking_table
from report.suite.scored import Scored, scored
from report.suite.tables import duels_table, expected_table, sensitivity_table, steps_table, task_table, times_table
from report.tables.table import Table
from results.settings import FEWEST_SEEDS
from results.suite import Suite, read_suite
from results.suite_runs import SuiteRuns, read_recorded, read_suite_runs

PROFILE = (
    "Performance profiles: the share of tasks on which an optimizer reaches the target within so many times the steps "
    "of the fastest, and on which its result is within so many times the distance that counts as near the best. "
    "Higher is better."
)
TEXT = {
    "Sensitivity": (
        "How much of its search space suits an optimizer: the share that is near its own best, and the share that is "
        "near the best of all. An optimizer that is equally bad everywhere has a share of 1 of the first, and 0 of the "
        "second."
    ),
    "Tuning": "What is to be expected of so many random trials, without knowing which of them are good.",
}


@dataclass(frozen=True)
class SuiteReport:
    """warnings: reasons to doubt it. notes: what has to be known. parts: in the order of the page."""

    scored: Scored
    warnings: list[str]
    notes: list[str]
    parts: list[Part] = field(default_factory=list)

    def add(self, title: str, tables: dict[str, Table | None], figures: Sequence[Figure]) -> None:
        """A part, unless it would be empty."""
        filled = {name: table for name, table in tables.items() if table is not None and table.rows}
        shown = [figure for figure in figures if figure.panels]
        if filled or shown:
            self.parts.append((title, filled, shown))


def read_report(
    folder: Path,
    baselines: Sequence[str] = (),
    only: Collection[str] = (),
    tasks: Collection[str] = (),
    significance: float | None = None,
) -> SuiteReport:
    """The report of a folder with suite.json: of a command's runs beside the recorded ones, or of recorded ones.

    tasks: those that are scored (all). significance: in place of the suite's. Raises OSError, and ValueError for a
    damaged file, an unknown suite, task or optimizer, or no runs.
    """
    found = read_suite_runs(folder)
    name = found.manifest.suite
    suite = read_suite(name)
    suite = suite if significance is None else replace(suite, significance=significance)
    own, recorded = (found, read_recorded(name)) if any(found.manifest.runs.values()) else (None, found)
    if tasks:
        suite = suite_of(suite, tasks)
        own, recorded = (each and runs_of(each, tasks) for each in (own, recorded))
    return suite_report(name, suite, own, recorded, baselines, only)


def suite_of(suite: Suite, tasks: Collection[str]) -> Suite:
    """The suite with these tasks alone. Raises ValueError for one that it does not have."""
    if unknown := [name for name in tasks if name not in suite.tasks]:
        raise ValueError(f"task={unknown[0]} is none of the suite's; they are {', '.join(suite.tasks)}")
    return replace(suite, tasks={name: task for name, task in suite.tasks.items() if name in tasks})


def runs_of(found: SuiteRuns, tasks: Collection[str]) -> SuiteRuns:
    return replace(found, runs={name: runs for name, runs in found.runs.items() if name in tasks})


def suite_report(
    name: str,
    suite: Suite,
    own: SuiteRuns | None,
    recorded: SuiteRuns | None,
    baselines: Sequence[str] = (),
    only: Collection[str] = (),
) -> SuiteReport:
    """own: a command's runs. recorded: reference runs. baselines: what the optimizers are compared with (all others).
    only: the optimizers that are shown (all)."""
    compared = gather(name, suite, own, recorded, only)
    found = scored(compared, baselines)
    times, untimed = times_table(found)
    notes = [*compared.notes, *origin_notes(compared), *targets_notes(found), *([untimed] if untimed else [])]
    report = SuiteReport(found, warnings_of(found), notes)
    looks = looks_of(found)
    add_overview(report, looks, times)
    for task in found.tasks:
        curves = Figure(f"curves_{task.name}", "Each optimizer with its best setting.", task_curves(found, looks, task))
        caption = "Last epoch's validation by learning rate; the expected best on validation by the number of trials."
        tuning = Figure(f"tuning_{task.name}", caption, task_tuning(found, looks, task))
        report.add(task.name, {f"best_{task.name}": task_table(found, task)}, [curves, tuning])
    return report


def add_overview(report: SuiteReport, looks: Looks, times: Table | None) -> None:
    """What concerns all tasks."""
    found = report.scored
    profile = Figure("profile", PROFILE, profile_panels(found, looks))
    report.add("Ranking", {"ranking": ranking_table(found)}, [profile])
    report.add("Wins and losses", {"duels": duels_table(found)}, [])
    report.add("Steps to the target", {"steps": steps_table(found), "seconds": times}, [])
    tables = {"sensitivity": sensitivity_table(found, False), "sensitivity_to_all": sensitivity_table(found, True)}
    report.add("Sensitivity", tables, [])
    caption = "The share of tasks on which the expected best of so many trials is near the best of all."
    report.add(
        "Tuning",
        {"expected_best": expected_table(found)},
        [Figure("expected_best", caption, expected_panels(found, looks))],
    )


def expected_panels(found: Scored, looks: Looks) -> list:
    panel = expected_panel(found, looks)
    return [panel] if panel.lines else []


def warnings_of(found: Scored) -> list[str]:
    few = sorted(
        {name for own in found.chosen.values() for name, each in own.items() if len(each.trials) < FEWEST_SEEDS}
    )
    lines = [f"Fewer than {FEWEST_SEEDS} seeds of {', '.join(few)}: differences may be chance."] if few else []
    doubts = cautions(found.tried, found.chosen, found.compared.spaces, found.rule, found.compared.mine)
    return [*found.compared.warnings, *lines, *doubts]


def targets_notes(found: Scored) -> list[str]:
    """On tasks without a target, and on those whose target nobody reached."""
    without = [task.name for task in found.tasks if task.name not in found.steps]
    missed = [task for task, own in found.steps.items() if not any(own.values())]
    lines = []
    if without:
        lines.append(f"No target is set for {', '.join(without)}: these tasks are no part of the profile of steps.")
    if missed:
        lines.append(f"No optimizer reached the target of {', '.join(missed)}, which counts for none in the profile.")
    return lines


def page_of(report: SuiteReport) -> Page:
    found, compared = report.scored, report.scored.compared
    sections = []
    for i, (title, tables, figures) in enumerate(report.parts):
        items: list[Item] = notes_of(report.warnings, report.notes) if i == 0 else []
        items += [page_content.Figure(figure.panels, figure.caption) for figure in figures]
        sections.append(Section(title, TEXT.get(title, ""), [*items, *tables.values()]))
    runs = [runs_item("Your runs", compared.own), runs_item("Recorded runs", compared.recorded)]
    sections.append(Section("Runs", "", [each for each in runs if each.runs]))
    who = ", ".join(compared.mine) or f"{len(compared.optimizers)} optimizers"
    others = len(compared.optimizers) - len(compared.mine)
    against = f" against {others} others" if compared.mine else ""
    return Page(f"Suite {compared.name}", f"{who}{against} on {len(found.tasks)} tasks", sections, facts(found))


def runs_item(title: str, runs: dict) -> Runs:
    tasks = [task for task, by_optimizer in runs.items() for own in by_optimizer.values() for _ in own]
    return Runs(all_runs(runs), title, tasks)


def facts(found: Scored) -> list[tuple[str, str]]:
    compared = found.compared
    ranks = {rank.optimizer: rank.mean for rank in found.ranks}
    shown = compared.mine or tuple(found.order[:1])
    first = [(f"mean rank of {name}", f"{ranks[name]:.1f} of {len(ranks)}") for name in shown if name in ranks]
    own, recorded = len(all_runs(compared.own)), len(all_runs(compared.recorded))
    runs = [(name, str(count)) for name, count in (("your runs", own), ("recorded runs", recorded)) if count]
    sizes = [("tasks", str(len(found.tasks))), ("optimizers", str(len(compared.optimizers)))]
    return [*first, *sizes, *runs, ("seeds of the best", str(len(compared.suite.seeds)))]


def write_suite_report(
    report: SuiteReport, out: Path, formats: Sequence[str] = ("png", "pdf"), html: bool = True, drawn: str | None = None
) -> Path:
    """Write all files; return the page's, or the folder's where there is none. drawn: the only figure to be drawn into
    files (all); the page has all of them in any case."""
    from report.page.html import write_page

    out.mkdir(parents=True, exist_ok=True)
    parts = [
        (title, tables, [figure for figure in figures if drawn in (None, figure.name)])
        for title, tables, figures in report.parts
    ]
    written = write_parts(parts, out, formats)
    if html:
        written.append(write_page(page_of(report), out / "report.html"))
    replace_list(out, written)
    return written[-1] if html else out
