"""The HTML report: the page of one or several groups' reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from report.group_report import Figure as ReportFigure
from report.group_report import GroupReport
from report.page.content import Figure, Item, Notes, Page, Picture, Runs, Section


def html_report(reports: Sequence[GroupReport], folder: Path) -> Page:
    """The page of the groups' reports. folder: where the figures have been drawn."""
    several = len(reports) > 1
    sections = [section for report in reports for section in sections_of(report, folder, several)]
    title = ", ".join(dict.fromkeys(report.runs[0].task for report in reports))
    runs = [run for report in reports for run in report.runs]
    optimizers = sorted({run.optimizer for run in runs})
    names = ", ".join(optimizers) if len(optimizers) <= 6 else f"{len(optimizers)} optimizers"
    return Page(f"Optimizers on {title}", names, sections, facts(reports))


def facts(reports: Sequence[GroupReport]) -> list[tuple[str, str]]:
    """What was run, how many ended otherwise than done; the device and the commit if all runs share them."""
    runs = [run for report in reports for run in report.runs]
    endings = [run.ending for run in runs]
    seeds = {run.seed for run in runs}
    found = [
        ("runs", str(len(runs))),
        ("settings", str(sum(len(report.settings) for report in reports))),
        ("optimizers", str(len({run.optimizer for run in runs}))),
        ("seeds", str(len(seeds))),
    ]
    found += [
        (each, str(endings.count(each))) for each in ("diverged", "stopped", "failed", "running") if each in endings
    ]
    for name, key in (("device", "device_name"), ("commit", "git")):
        values = {name_of(run.environment.get(key)) for run in runs} - {""}
        found += [(name, values.pop())] if len(values) == 1 else []
    return found


def name_of(value: object) -> str:
    """A device's name, or a commit's first digits."""
    return str(value.get("commit") or "")[:10] if isinstance(value, dict) else str(value or "")


def notes_of(warnings: Sequence[str], notes: Sequence[str]) -> list[Item]:
    """Those that there are."""
    return [Notes(list(lines), warning) for lines, warning in ((warnings, True), (notes, False)) if lines]


def item_of(figure: ReportFigure, picture: Path) -> Item:
    """An interactive figure where it has panels, else the picture that was drawn."""
    return Figure(figure.panels, figure.caption) if figure.panels else Picture(picture, figure.caption)


def sections_of(report: GroupReport, folder: Path, several: bool) -> list[Section]:
    sections = []
    for i, (title, tables, figures) in enumerate(report.parts):
        items: list[Item] = notes_of(report.warnings, report.notes) if i == 0 else []
        items += [item_of(figure, folder / f"{report.prefix}{figure.name}.png") for figure in figures]
        items += tables.values()
        sections.append(Section(f"{report.group.name}: {title}" if several else title, "", items))
    title = "Runs" if not several else f"{report.group.name}: Runs"
    return [*sections, Section(title, "", [Runs(list(report.runs))])]
