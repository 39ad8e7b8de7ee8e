"""The chapters of a report as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from report.page.writing import Figure, Item, Notes, Page, Picture, Runs, Section
from report.task_report import TaskReport


def booklet(chapters: Sequence[TaskReport], folder: Path) -> Page:
    """folder: where the figures have been drawn."""
    several = len(chapters) > 1
    sections = [section for made in chapters for section in sections_of(made, folder, several)]
    title = ", ".join(made.task for made in chapters)
    runs = [run for made in chapters for run in made.runs]
    optimizers = sorted({run.optimizer for run in runs})
    names = ", ".join(optimizers) if len(optimizers) <= 6 else f"{len(optimizers)} optimizers"
    return Page(f"Optimizers on {title}", names, sections, facts(chapters))


def facts(chapters: Sequence[TaskReport]) -> list[tuple[str, str]]:
    runs = [run for made in chapters for run in made.runs]
    endings = [run.ending for run in runs]
    seeds = {run.seed for run in runs}
    known = [
        ("runs", str(len(runs))),
        ("settings", str(sum(len(made.settings) for made in chapters))),
        ("optimizers", str(len({run.optimizer for run in runs}))),
        ("seeds", str(len(seeds))),
    ]
    known += [(each, str(endings.count(each))) for each in ("diverged", "failed", "running") if each in endings]
    for name, key in (("device", "device_name"), ("commit", "git")):
        values = {spelled(run.environment.get(key)) for run in runs} - {""}
        known += [(name, values.pop())] if len(values) == 1 else []
    return known


def spelled(value: object) -> str:
    """A device's name, or a commit's first digits."""
    return str(value.get("commit") or "")[:10] if isinstance(value, dict) else str(value or "")


def sections_of(made: TaskReport, folder: Path, several: bool) -> list[Section]:
    sections = []
    for i, (title, tables, figures) in enumerate(made.parts):
        items: list[Item] = [Notes(list(made.warnings))] if made.warnings and i == 0 else []
        for figure in figures:
            if figure.panels:
                items.append(Figure(figure.panels, figure.caption))
            else:
                items.append(Picture(folder / f"{made.prefix}{figure.name}.png", figure.caption))
        items += tables.values()
        sections.append(Section(f"{made.task}: {title}" if several else title, "", items))
    title = "Runs" if not several else f"{made.task}: Runs"
    return [*sections, Section(title, "", [Runs(list(made.runs))])]
