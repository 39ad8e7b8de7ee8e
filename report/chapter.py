"""What a report says of one task's runs: tables, figures and cautions, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from report.figures.comparison import comparison
from report.figures.panel import Panel
from report.figures.series import By, Kind
from report.figures.swept import swept_keys
from report.tables.table import Table
from report.warnings import cautions
from results.run import Run
from results.settings import Setting, best, settings
from results.values import is_number

Draw = Callable[[Path, Sequence[str]], list[Path]]  # (path without ending, formats) -> files


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for; see report/commandline.py for each."""

    by: By = "epoch"
    kind: Kind = "range"
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
    """A figure by its file's name: panels, which can be explored, or something that only draws itself."""

    name: str
    caption: str
    panels: Sequence[Panel] = ()
    draw: Draw | None = None


@dataclass
class Chapter:
    """parts: (title, tables by their files' names, figures) in order. prefix: of all these files' names."""

    task: str
    prefix: str
    runs: Sequence[Run]
    settings: Sequence[Setting]
    cautions: Sequence[str]
    parts: list[tuple[str, dict[str, Table], list[Figure]]] = field(default_factory=list)

    def add(self, title: str, tables: dict[str, Table | None], figures: Sequence[Figure]) -> None:
        """A part, unless it would be empty."""
        there = {name: table for name, table in tables.items() if table is not None and table.rows}
        shown = [figure for figure in figures if figure.panels or figure.draw]
        if there or shown:
            self.parts.append((title, there, shown))


def chapter(runs: Sequence[Run], wishes: Wishes, prefix: str = "") -> Chapter:
    """The report of one task's runs. prefix: of its files' names. Raises ValueError for a wish that they can't meet."""
    every = settings(runs)
    made = Chapter(runs[0].task, prefix, runs, every, cautions(every))
    add_results(made, wishes)
    add_curves(made, wishes)
    add_sensitivity(made, wishes)
    add_insight(made, wishes)
    add_published(made, wishes)
    add_all_settings(made, wishes)
    return made


def add_results(made: Chapter, wishes: Wishes) -> None:
    from report.tables.best import best_table
    from report.tables.verdicts import comparison_table

    chosen = {optimizer: own[0] for optimizer, own in best(made.settings).items()}
    if wishes.baseline is not None and wishes.baseline not in chosen:
        raise ValueError(f"--baseline {wishes.baseline}: no finished runs; there are {', '.join(chosen) or 'none'}")
    tables: dict[str, Table | None] = {"best": best_table(made.settings, wishes.percent)}
    if len(chosen) > 1:
        tables["differences"] = comparison_table(chosen, wishes.baseline, percent=wishes.percent)
    made.add("Results", tables, [])


def add_curves(made: Chapter, wishes: Wishes) -> None:
    from report.tables.targets import targets_table

    how = {"count": wishes.count, "kind": wishes.kind, "smooth": wishes.smooth, "diverged": wishes.diverged}
    panels = comparison(made.settings, wishes.by, **how)
    drawn = [panel for panel in panels if panel.lines]
    best_ones = "its best setting" if wishes.count == 1 else f"its {wishes.count} best settings"
    reached: dict[str, Table | None] = {}
    if any(setting.finished for setting in made.settings):
        reached["targets"] = targets_table(made.settings, wishes.target, wishes.percent)
    made.add("Curves", reached, [Figure("comparison", f"Each optimizer with {best_ones} on validation.", drawn)])


def add_sensitivity(made: Chapter, wishes: Wishes) -> None:
    from report.figures.heatmap import heatmap
    from report.figures.heatmap_drawing import draw_grids
    from report.figures.sensitivity import sensitivity, sensitivity_table

    numeric = [key for key in swept_keys(made.settings) if is_numeric(made.settings, key)]
    tables: dict[str, Table | None] = {}
    figures = []
    for key in numeric:
        name = "sensitivity" if key == "optim.lr" else f"sensitivity_{key.replace('.', '_')}"
        panels = sensitivity(made.settings, key, kind=wishes.kind)
        figures.append(Figure(name, f"The last epoch's score against {key}.", panels))
        tables[name] = sensitivity_table(made.settings, key) if panels else None
    pair = wishes.heatmap or (numeric[:2] if len(numeric) > 1 else [])
    if pair and (grids := heatmap(made.settings, *pair)):
        caption = f"The best epoch's score over {pair[0]} and {pair[1]}."
        figures.append(Figure("heatmap", caption, draw=lambda path, formats: draw_grids(grids, path, formats=formats)))
    elif wishes.heatmap:
        raise ValueError(f"--heatmap {','.join(pair)}: no optimizer has two values of each")
    made.add("Sensitivity", tables, figures)


def is_numeric(every: Sequence[Setting], key: str) -> bool:
    values = [run.settings[key] for setting in every for run in setting.runs[:1] if key in run.settings]
    return all(map(is_number, values))


def add_insight(made: Chapter, wishes: Wishes) -> None:
    """What `track=true` recorded, the paths of toy problems, the autoencoder's drawings: where the runs have them."""
    from report.figures.drawing import draw
    from report.insight.norms import norms, projections
    from report.insight.paths import paths
    from report.insight.reconstructions import draw_album, reconstructions
    from report.insight.stepsizes import adaptive_steps
    from report.insight.velocities import velocities

    every, count = made.settings, wishes.count
    tracked = [
        Figure(
            "norms", "Norms of weights, updates and gradients; the effective step.", norms(every, wishes.layer, count)
        ),
        Figure("step_sizes", "MoMo's step size ζ and its cap, by learning rate.", adaptive_steps(every)),
        Figure("velocities", "AggMo's velocities, one for each β.", velocities(every, count)),
        Figure(
            "projections", "The share of weights of which AdamP or SGDP projected the step.", projections(every, count)
        ),
    ]
    made.add("Steps and norms", {}, tracked)
    walks = [panels for panels in paths(every, count) if panels]
    figures = []
    for i, panels in enumerate(walks):
        name = "paths" if len(walks) == 1 else f"paths_{i + 1}"
        figures.append(
            Figure(name, "Where each optimizer went.", draw=lambda p, f, own=panels: draw(own, p, formats=f))
        )
    made.add("Paths", {}, figures)
    figures = []
    albums = reconstructions(every, count)
    for i, album in enumerate(albums):
        name = "reconstructions" if len(albums) == 1 else f"reconstructions_{i + 1}"
        caption = "Test images, and what each optimizer's best network makes of them."
        figures.append(Figure(name, caption, draw=lambda p, f, own=album: draw_album(own, p, f)))
    made.add("Reconstructions", {}, figures)


def add_published(made: Chapter, wishes: Wishes) -> None:
    from report.published.against import against, against_sweep
    from report.published.against_panels import against_panels

    for name in wishes.against:
        slug = f"against_{name.replace('/', '_')}"
        tables = {slug: against(name, made.runs), f"{slug}_sweep": against_sweep(name, made.runs)}
        panels = against_panels(name, made.settings)
        made.add(f"Against the paper: {name}", tables, [Figure(slug, "Published (grey) and ours.", panels)])


def add_all_settings(made: Chapter, wishes: Wishes) -> None:
    from report.tables.best import every_table

    if len(made.settings) > len({setting.optimizer for setting in made.settings}):
        made.add("All settings", {"settings": every_table(made.settings, wishes.percent)}, [])
