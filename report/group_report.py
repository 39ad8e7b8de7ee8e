"""The report of one group of comparable runs: tables, figures and warnings, in the order of the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from report.comparable import Group
from report.figures.comparison import comparison
from report.figures.panel import Panel
from report.figures.series import Band, By
from report.published.against_records import is_records
from report.selection import swept_keys
from report.tables.table import Table
from report.warnings import warnings
from results.run import Run
from results.settings import Setting, best, settings
from results.values import is_number

Draw = Callable[[Path, Sequence[str]], list[Path]]  # (path without ending, formats) -> files


@dataclass(frozen=True)
class ReportOptions:
    """The options of the command line; commandline.py describes them."""

    by: By = "epoch"
    band: Band = "range"
    smooth: int = 0
    count: int = 1
    diverged: bool = False
    percent: bool = False
    target: float | None = None
    baseline: str | None = None
    against: Sequence[str] = ()
    heatmap: Sequence[str] = ()
    layer: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure by its file's name: panels, which the page makes interactive, or a function that draws it."""

    name: str
    caption: str
    panels: Sequence[Panel] = ()
    draw: Draw | None = None


Part = tuple[str, dict[str, Table], list[Figure]]  # title, tables by their files' names, figures


@dataclass
class GroupReport:
    """parts: in the order of the page. prefix: of all their files' names.

    notes: what was asked for and is not among the parts.
    """

    group: Group
    prefix: str
    settings: Sequence[Setting]
    warnings: Sequence[str]
    notes: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    @property
    def runs(self) -> Sequence[Run]:
        return self.group.runs

    def add(self, title: str, tables: dict[str, Table | None], figures: Sequence[Figure]) -> None:
        """A part, unless it would be empty."""
        filled = {name: self.titled(table) for name, table in tables.items() if table is not None and table.rows}
        shown = [figure for figure in figures if figure.panels or figure.draw]
        if filled or shown:
            self.parts.append((title, filled, shown))

    def titled(self, table: Table) -> Table:
        """With the group's name in place of the task's."""
        task = f"{self.runs[0].task}:"
        title = table.title.removeprefix(task)
        return table if title == table.title else replace(table, title=f"{self.group.name}:{title}")


def group_report(group: Group, options: ReportOptions, prefix: str = "") -> GroupReport:
    """The report of one group. prefix: of its files' names. Raises ValueError for an option that does not fit."""
    tried = settings(group.runs)
    report = GroupReport(group, prefix, tried, warnings(tried))
    for add in (add_results, add_curves, add_sensitivity, add_diagnostics, add_published, add_all_settings):
        add(report, options)
    return report


def add_results(report: GroupReport, options: ReportOptions) -> None:
    from report.tables.best import best_table
    from report.tables.verdicts import comparison_table

    chosen = {optimizer: group[0] for optimizer, group in best(report.settings).items()}
    if options.baseline is not None and options.baseline not in chosen:
        raise ValueError(f"--baseline {options.baseline}: no finished runs; there are {', '.join(chosen) or 'none'}")
    tables: dict[str, Table | None] = {"best": best_table(report.settings, options.percent)}
    if len(chosen) > 1:
        tables["differences"] = comparison_table(chosen, options.baseline, percent=options.percent)
    report.add("Results", tables, [])


def add_curves(report: GroupReport, options: ReportOptions) -> None:
    from report.tables.targets import targets_table

    how = {"count": options.count, "band": options.band, "smooth": options.smooth, "diverged": options.diverged}
    panels = [panel for panel in comparison(report.settings, options.by, **how) if panel.lines]
    number = "its best setting" if options.count == 1 else f"its {options.count} best settings"
    tables: dict[str, Table | None] = {}
    if any(setting.finished for setting in report.settings):
        tables["targets"] = targets_table(report.settings, options.target, options.percent)
    report.add("Curves", tables, [Figure("comparison", f"Each optimizer with {number} on validation.", panels)])


def add_sensitivity(report: GroupReport, options: ReportOptions) -> None:
    from report.figures.heatmap import heatmap
    from report.figures.heatmap_drawing import draw_grids
    from report.figures.sensitivity import sensitivity, sensitivity_table

    numeric = [key for key in swept_keys(report.settings) if is_numeric(report.settings, key)]
    tables: dict[str, Table | None] = {}
    figures = []
    for key in numeric:
        name = "sensitivity" if key == "optim.lr" else f"sensitivity_{key.replace('.', '_')}"
        panels = sensitivity(report.settings, key, band=options.band)
        figures.append(Figure(name, f"The last epoch's score on validation against {key}.", panels))
        tables[name] = sensitivity_table(report.settings, key) if panels else None
    pair = options.heatmap or (numeric[:2] if len(numeric) > 1 else [])
    if pair and (grids := heatmap(report.settings, *pair)):
        caption = f"The best epoch's score on validation over {pair[0]} and {pair[1]}."
        figures.append(Figure("heatmap", caption, draw=lambda path, formats: draw_grids(grids, path, formats=formats)))
    report.add("Sensitivity", tables, figures)


def is_numeric(tried: Sequence[Setting], key: str) -> bool:
    values = [setting.runs[0].settings[key] for setting in tried if key in setting.runs[0].settings]
    return all(map(is_number, values))


def add_diagnostics(report: GroupReport, options: ReportOptions) -> None:
    """Records of `track=true`, the paths of toy problems, the autoencoder's images: where the runs have them."""
    from report.diagnostics.norms import clipping, norms, projections
    from report.diagnostics.problems import problem_figures
    from report.diagnostics.reconstructions import draw_reconstructions, reconstructions
    from report.diagnostics.stepsizes import adaptive_steps
    from report.diagnostics.velocities import velocities
    from report.figures.drawing import draw

    tried, count = report.settings, options.count
    tracked = {
        "norms": ("Norms of weights, updates and gradients; the effective step.", norms(tried, options.layer, count)),
        "clipping": ("The share of steps that clip_norm clipped.", clipping(tried, count)),
        "step_sizes": ("MoMo's step size ζ and its cap, by learning rate.", adaptive_steps(tried)),
        "velocities": ("AggMo's velocities, one for each β.", velocities(tried, count)),
        "projections": ("The share of weights of which AdamP or SGDP projected the step.", projections(tried, count)),
    }
    report.add("Steps and norms", {}, [Figure(name, *described) for name, described in tracked.items()])
    paths = [drawn_figures(*described, draw) for described in problem_figures(tried, count)]
    report.add("Paths", {}, [figure for each in paths for figure in each])
    caption = "Test images, and each optimizer's best network's reconstructions."
    images = drawn_figures("reconstructions", caption, reconstructions(tried, count), draw_reconstructions)
    report.add("Reconstructions", {}, images)


def drawn_figures(name: str, caption: str, contents: Sequence[Any], draw: Callable[..., list[Path]]) -> list[Figure]:
    """A figure for each content, numbered where there are several."""
    names = [name] if len(contents) == 1 else [f"{name}_{i + 1}" for i in range(len(contents))]
    return [
        Figure(each, caption, draw=lambda path, formats, content=content: draw(content, path, formats=formats))
        for each, content in zip(names, contents, strict=True)
    ]


def add_published(report: GroupReport, options: ReportOptions) -> None:
    from report.published.figures import published_figures
    from report.published.panels import published_panels
    from report.published.tables import nothing_to_compare, published_sweep_table, published_table

    for name in options.against:
        if is_records(name):
            add_records(report, name)
            continue
        file = f"against_{name.replace('/', '_')}"
        tables = {
            file: published_table(name, report.settings),
            f"{file}_sweep": published_sweep_table(name, report.settings),
        }
        drawn = published_figures(name, report.settings)
        figures = [Figure(f"{file}_{figure.name}", f"{figure.title}.", panels) for figure, panels in drawn]
        figures.append(Figure(file, "Published (grey) and ours.", published_panels(name, report.settings)))
        report.add(f"Against the paper: {name}", tables, figures)
        if not any(table is not None and table.rows for table in tables.values()):
            report.notes.append(nothing_to_compare(name, report.settings))


def file_name(against: str) -> str:
    return re.sub(r"[^\w-]+", "_", against.removesuffix(".jsonl")).strip("_")


def add_records(report: GroupReport, name: str) -> None:
    from report.published.against_records import records_table
    from report.published.record_panels import record_panels

    table, file = records_table(name, report.settings), f"against_{file_name(name)}"
    panels = record_panels(name, report.settings) if table.rows else []
    caption = "Recorded (grey) and these runs; bands: 95 % intervals."
    report.add(f"Against {name}", {file: table}, [Figure(file, caption, panels)])
    if not table.rows:
        what = "task, optimizer and optimizer's settings"
        report.notes.append(f"Against {name}: nothing to compare; no recorded run has the {what} of these runs.")


def add_all_settings(report: GroupReport, options: ReportOptions) -> None:
    from report.tables.best import every_table

    if len(report.settings) > len({setting.optimizer for setting in report.settings}):
        report.add("All settings", {"settings": every_table(report.settings, options.percent)}, [])
