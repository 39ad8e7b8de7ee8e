"""Autoencoders: test images in the first row, below them the reconstructions, of one run or of several optimizers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report.figures.drawing import blank_figure, figure_style, save
from report.selection import chosen, legend_names
from report.tables.text import number
from results.images import ImageGrid, read_images
from results.run import Run
from results.settings import Setting

if TYPE_CHECKING:
    import numpy

WIDTH, LABELS = 6.8, 1.3  # inches of the figure, of the labels in it
SMALLEST = 84  # pixels of an image's side: smaller images are enlarged
GREY = 128  # the lines between images


@dataclass(frozen=True)
class Reconstructions:
    """Rows of images, bytes (images, channels, height, width), with a label each; the first are the originals."""

    labels: Sequence[str]
    rows: Sequence[numpy.ndarray]


def draw_images(folder: Path) -> None:
    """Draw a run's images as reconstructions.png, where it has some."""
    if grid := read_images(folder):
        from PIL import Image

        Image.fromarray(tiled(list(grid.rows.values()))).save(folder / "reconstructions.png")


def tiled(rows: Sequence[numpy.ndarray]) -> numpy.ndarray:
    """Rows of images as one, (height, width, 3) bytes, enlarged to SMALLEST, with a line of a pixel around each."""
    import numpy

    images = numpy.stack(rows)
    scale = max(1, SMALLEST // images.shape[-1])
    images = images.repeat(scale, axis=3).repeat(scale, axis=4)
    images = numpy.pad(images, [(0, 0), (0, 0), (0, 0), (1, 0), (1, 0)], constant_values=GREY)
    num_rows, columns, channels, height, width = images.shape
    tiles = images.transpose(0, 3, 1, 4, 2).reshape(num_rows * height, columns * width, channels)
    tiles = numpy.pad(tiles, [(0, 1), (0, 1), (0, 0)], constant_values=GREY)
    return tiles.repeat(3, axis=2) if channels == 1 else tiles


def reconstructions(settings: Iterable[Setting], count: int | None = 1) -> list[Reconstructions]:
    """Each optimizer's `count` best settings (None: all), by their first finished seed that has images.

    One figure for each set of originals. Empty where no run has images.
    """
    every, tried, found = list(settings), [], {}
    for setting in every:
        if with_images := first_with_images(setting):
            tried.append(setting)
            found[id(setting)] = with_images
    drawn = chosen(tried, count)
    figures: dict[Any, tuple[list[str], list[numpy.ndarray]]] = {}
    for setting, label in zip(drawn, legend_names(drawn, every), strict=True):
        run, grid = found[id(setting)]
        originals, *reconstructed = grid.rows.values()
        key = run.task, originals.shape, originals.tobytes()
        names, rows = figures.setdefault(key, (["test images"], [originals]))
        names.append(f"{label}\ntest {run.metric} {number(run.status['test'][run.metric])}")
        rows.append(reconstructed[0])
    return [Reconstructions(names, rows) for names, rows in figures.values()]


def first_with_images(setting: Setting) -> tuple[Run, ImageGrid] | None:
    for run in setting.runs:
        if run.ending == "done" and (grid := read_images(run.folder)) and len(grid.rows) == 2:
            return run, grid
    return None


def draw_reconstructions(shown: Reconstructions, path: Path, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Draw the rows below each other, each with its label at the left; return the files."""
    tiles = tiled(shown.rows)
    height = (WIDTH - LABELS) * tiles.shape[0] / tiles.shape[1]
    left, num_rows = LABELS / WIDTH, len(shown.rows)
    with figure_style():
        figure = blank_figure(WIDTH, height)
        axes = figure.add_axes((left, 0, 1 - left, 1))
        axes.imshow(tiles, interpolation="nearest", aspect="auto")
        axes.axis("off")
        for i, label in enumerate(shown.labels):
            figure.text(left - 0.01, 1 - (i + 0.5) / num_rows, label, ha="right", va="center")
    return save(figure, path, formats)
