"""Heat maps drawn by matplotlib: a scale whose order survives colour blindness and grey print, numbers in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report.figures.contrast import contrast
from report.figures.drawing import HEIGHT, figure_style, new_figure, save
from report.figures.heatmap import Cell, Grid
from report.figures.swept import Score
from report.names import FRACTIONS

COLOURS = "viridis"  # its lightness grows steadily (Smith and van der Walt, 2015)
BEST = "#d55e00"  # of no cell's colour
EMPTY, DIVERGED = "#ffffff", "#d0d0d0"
DECADE = 10  # a factor between the values from which on their colours are logarithmic


def draw_grids(
    grids: Sequence[Grid], path: Path, columns: int = 2, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Draw grids side by side, in one scale of colours, into path.png and path.pdf; return the files."""
    return save(grids_figure(grids, columns), path, formats)


def grids_figure(grids: Sequence[Grid], columns: int = 2) -> Any:
    tallest = max(len(grid.y_values) for grid in grids)
    with figure_style():
        figure, every = new_figure(len(grids), columns, max(HEIGHT * 0.8, 0.9 + 0.28 * tallest))
        colours = colour_scale(grids)
        for axes, grid in zip(every, grids, strict=True):
            draw_grid(axes, grid, colours)
        bar = figure.colorbar(colours, ax=every, label=grids[0].z_name.replace(", ", ",\n"), shrink=0.9, pad=0.02)
        bar.outline.set_visible(False)
        parts = [part for grid in grids for part in grid.note.split("; ") if part]
        notes = list(dict.fromkeys([*parts, "frame: the best"]))
        if any(score and score.diverged for grid in grids for row in grid.scores for score in row):
            notes.append("hatched: runs diverged")
        figure.supxlabel("; ".join(notes), fontsize=7)
    return figure


def colour_scale(grids: Sequence[Grid]) -> Any:
    """From values to colours: bright is good."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    scores = [score for grid in grids for row in grid.scores for score in row if score]
    values = [score.mean for score in scores if score.mean is not None] or [0.0, 1.0]
    low, high = min(values), max(values)
    log = low > 0 and high >= DECADE * low and not any(name in grids[0].z_name for name in FRACTIONS)
    name = COLOURS if grids[0].larger else f"{COLOURS}_r"
    return ScalarMappable((LogNorm if log else Normalize)(low, high), colormaps[name])


def draw_grid(axes: Any, grid: Grid, colours: Any) -> None:
    axes.set_xlim(-0.5, len(grid.x_values) - 0.5)
    axes.set_ylim(-0.5, len(grid.y_values) - 0.5)
    size = min(7.0, 38 / max(len(grid.x_values), 1))  # points: five letters a cell
    for i, row in enumerate(grid.scores):
        for j, score in enumerate(row):
            draw_cell(axes, (i, j), score, colours, size, bold=(i, j) == grid.best)
    if grid.best:
        draw_box(axes, grid.best, fill=False, edgecolor=BEST, linewidth=2, zorder=3)
    axes.set_xticks(range(len(grid.x_values)), grid.x_values, rotation=30 if max(map(len, grid.x_values)) > 6 else 0)
    axes.set_yticks(range(len(grid.y_values)), grid.y_values)
    axes.tick_params(length=0)
    axes.set(xlabel=grid.x_name, ylabel=grid.y_name, title=grid.title)


def draw_cell(axes: Any, cell: Cell, score: Score | None, colours: Any, size: float, bold: bool) -> None:
    from matplotlib.colors import to_hex

    value, diverged = (score.mean, score.diverged) if score else (None, 0)
    face = to_hex(colours.to_rgba(value)) if value is not None else DIVERGED if diverged else EMPTY
    dark = contrast(face, "#000000") < contrast(face, "#ffffff")
    edge, hatch = "#ffffff" if dark else "#808080", "////" if diverged else None
    draw_box(axes, cell, facecolor=face, edgecolor=edge, hatch=hatch, linewidth=0)
    if score is None or value is None:
        text = "diverged" if diverged else "not\ntried"
    else:
        text = cell_text(value) + (f"\n{diverged} of {len(score.setting.runs)}\ndiverged" if diverged else "")
    box = {"facecolor": face, "edgecolor": "none", "pad": 0.8} if diverged else None  # keeps the hatching off the text
    colour = "#ffffff" if dark else "#000000"
    font = {"color": colour, "fontsize": size, "weight": "bold" if bold else "normal"}
    axes.text(cell[1], cell[0], text, ha="center", va="center", bbox=box, **font)


def draw_box(axes: Any, cell: Cell, **options: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((cell[1] - 0.5, cell[0] - 0.5), 1, 1, **options))


def cell_text(value: float) -> str:
    """Three significant digits: a cell has no room for more."""
    return f"{value:#.3g}".rstrip(".") if 0.01 <= abs(value) < 1000 else f"{value:.2g}"
