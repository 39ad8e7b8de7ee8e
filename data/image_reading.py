"""Reading an image file as RGB of 8 bits, and what a user should know of files that are of another kind or damaged."""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: how PIL's modes other than RGB are called; what is not named here is called by its mode
KINDS = {"1": "black-and-white", "L": "grey", "LA": "grey with transparency", "RGBA": "transparent", "P": "palette"}
SIXTEEN_BITS = "16-bit grey"
ORIENTATION, TURNED = 0x0112, range(2, 9)  # of EXIF; 1: as stored


@dataclass(frozen=True)
class Examined:
    """An image file that has been decoded. problem: why that failed; empty if it did not. kind: what RGB of 8 bits was
    converted from; empty if nothing was. is_turned: whether its EXIF data ask for a rotation, which is not applied."""

    problem: str = ""
    kind: str = ""
    is_turned: bool = False


def examine(path: str) -> Examined:
    from PIL import Image

    ignore_warnings()
    try:
        with Image.open(path) as file:
            kind = kind_of(file)
            as_rgb(file)
            return Examined(kind=kind, is_turned=is_turned(file))
    except Exception as error:  # PIL raises many kinds for damaged files
        return Examined(unreadable(path, error))


def unreadable(path: str, error: Exception) -> str:
    """What is wrong with a file whose reading has raised `error`."""
    reason = str(error).replace(f" file '{path}'", " it").replace(f": '{path}'", "")
    if not os.path.exists(path):
        reason = "there is no such file; a broken link?"
    elif not os.path.getsize(path):
        reason = "the file is empty"
    elif type(error).__name__ == "UnidentifiedImageError":
        reason = "its content is of no known image format"
    name = "".join(char if char.isprintable() else repr(char)[1:-1] for char in path)  # in one line, and encodable
    return f"{name} is not an image that can be read ({reason})"


def read_rgb(path: str) -> Image:
    """An image file as RGB of 8 bits; 16-bit greys are scaled to them, where PIL would cut them off at 255.

    The pixels are taken as they are stored: transparency is dropped and EXIF's rotation is not applied, as in
    torchvision's ImageFolder. Raises ValueError for pixels of 32 bits or with a sign, whose range no file names; else
    whatever PIL raises, for more than 178,956,970 pixels too.
    """
    from PIL import Image

    with Image.open(path) as file:
        return as_rgb(file)


def as_rgb(file: Image) -> Image:
    import numpy
    from PIL import Image

    if has_16_bits(file):
        greys = numpy.asarray(file).astype(numpy.uint32)
        return Image.fromarray(((greys + 128) // 257).astype(numpy.uint8)).convert("RGB")
    if file.mode in ("I", "F"):
        raise ValueError(
            f"its pixels have 32 bits or a sign (PIL's mode {file.mode}); convert them to unsigned 8 or 16 bits"
        )
    return file.convert("RGB")


def has_16_bits(file: Image) -> bool:
    return file.mode.startswith("I;16") or (file.mode == "I" and file.format == "PPM")  # PGM, as PIL reads it


def kind_of(file: Image) -> str:
    if has_16_bits(file):
        return SIXTEEN_BITS
    kind = "" if file.mode == "RGB" else KINDS.get(file.mode, file.mode)
    return f"{kind} with transparency" if file.mode == "P" and "transparency" in file.info else kind


def is_turned(file: Image) -> bool:
    with contextlib.suppress(Exception):  # damaged EXIF data, which reading the pixels passes over
        return file.getexif().get(ORIENTATION) in TURNED
    return False


def ignore_warnings() -> None:
    """Leave out PIL's warnings of EXIF data, of palettes with transparency and of more than 89,478,485 pixels: such
    files are read, and each process would print them."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
