"""Autoencoders side by side: test images in the first row, below them what each optimizer's best network draws.

Taken from the runs' reconstructions.png, whose upper row are the images and whose lower row are the drawings, with a
line of one screen pixel around each: its rows are cut out as they are, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report.figures.choice import chosen, labels
from report.tables.text import number
from results.run import Run
from results.settings import Setting

if TYPE_CHECKING:
    import numpy

FILE = "reconstructions.png"
WIDTH, NAMES = 6.8, 1.3  # inches of the figure, of the names in it


@dataclass(frozen=True)
class Strip:
    """A row of pictures, (height, width, 3) bytes, and what it shows."""

    label: str
    pixels: numpy.ndarray


@dataclass(frozen=True)
class Album:
    """The originals and then the drawings of several networks; all of the same images."""

    title: str
    strips: Sequence[Strip]


def reconstructions(settings: Iterable[Setting], count: int | None = 1) -> list[Album]:
    """Each optimizer's `count` best settings (None: all), drawn by their first finished seed.

    An album for each set of originals: runs on other images do not fit below these. Empty where no run has pictures.
    """
    every = list(settings)
    pictured = {id(setting): found for setting in every if (found := first_cut(setting))}
    tried = [setting for setting in every if id(setting) in pictured]
    drawn = chosen(tried, count)
    albums: dict[Any, Album] = {}
    for setting, name in zip(drawn, labels(drawn, tried), strict=True):
        run, upper, lower = pictured[id(setting)]
        key = (run.task, upper.shape, upper.tobytes())
        album = albums.get(key) or Album(run.task, [Strip("test images", upper)])
        albums[key] = Album(album.title, [*album.strips, Strip(f"{name}\n{score(run)}", lower)])
    return list(albums.values())


def first_cut(setting: Setting) -> tuple[Run, numpy.ndarray, numpy.ndarray] | None:
    """The setting's first run that has pictures, its originals and its drawings."""
    for run in setting.runs:
        if run.ending == "done" and (rows := cut(run.folder / FILE)):
            return run, *rows
    return None


def score(run: Run) -> str:
    return f"test {run.metric} {number(run.status['test'][run.metric])}"


def cut(path: Path) -> tuple[numpy.ndarray, numpy.ndarray] | None:
    """The upper and the lower row of a picture, each with its frame; None where there is no such picture.

    They have the line between them in common: 2 n + 3 pixels high is a picture of images n high.
    """
    import numpy
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = numpy.array(image.convert("RGB"))
    except (OSError, UnidentifiedImageError):
        return None
    side = (len(pixels) - 3) // 2
    if side < 1 or len(pixels) != 2 * side + 3:
        return None
    return pixels[: side + 2], pixels[side + 1 :]


def draw_album(album: Album, path: Path, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Draw the rows one below the other, each with its name at the left; return what was written."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from report.figures.drawing import STYLE, save

    high, wide = album.strips[0].pixels.shape[:2]
    shape = (WIDTH, len(album.strips) * (WIDTH - NAMES) * high / wide)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=shape)
        FigureCanvasAgg(figure)
        for i, strip in enumerate(album.strips):
            left, bottom = NAMES / WIDTH, 1 - (i + 1) / len(album.strips)
            axes = figure.add_axes((left, bottom, 1 - left, 1 / len(album.strips)))
            axes.imshow(strip.pixels, interpolation="nearest", aspect="auto")
            axes.axis("off")
            figure.text(left - 0.01, bottom + 0.5 / len(album.strips), strip.label, ha="right", va="center")
        return save(figure, path, formats)
