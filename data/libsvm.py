"""A file in the format of LIBSVM (svmlight): a line a sample, "target index:value index:value ..."."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from data.check import md5_of
from data.features import Features, part_of
from data.samples import Part

if TYPE_CHECKING:
    import numpy

SPLIT_SEED = 12345678  # step-back's, whose test part this is at test_fraction=0.2


@dataclass(frozen=True, kw_only=True)
class LibSVM(Features):
    """The user's file, plain or compressed (.gz, .bz2), in memory as dense float32.

    target: "sign" takes two values, whatever they are, the larger as +1 and the other as -1; "value" takes them as
    they are. The file has no test samples of its own: test_fraction of them are, always the same.
    """

    name: ClassVar[str] = "libsvm"

    path: str = ""  # a file as seen from here or from data.root
    target: Literal["value", "sign"] = "sign"
    test_fraction: float = field(default=0.2, metadata={"range": "(0, 1)"})

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, self.table()[0].shape[1])

    @property
    def classes(self) -> int:
        return 1

    @property
    def has_signs(self) -> bool:  # type: ignore[override]
        return self.target == "sign"

    def versions(self) -> dict[str, str]:
        return {"content of data.path": md5_of(self.file().read_bytes())}

    def table(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Features (n, features) and targets (n,) of the whole file. Raises ValueError, as a missing setting does."""
        return read_table(str(self.file()))

    def file(self) -> Path:
        if not self.path:
            raise ValueError(f'data={self.name} needs data.path=FILE with lines of "target index:value ..."')
        path = Path(self.path).expanduser()
        path = path if path.is_file() else Path(self.folder()) / path
        if not path.is_file():
            raise ValueError(
                f"data={self.name}: there is no file {path}; data.path={self.path} must name a file, seen from here or "
                f"from {self.folder()}"
            )
        return path

    def read(self) -> tuple[Part, Part]:
        import numpy
        from sklearn.model_selection import train_test_split

        x, y = self.table()
        if self.has_signs:
            values = numpy.unique(y)
            if len(values) != 2:
                raise ValueError(f"{self.path} has {len(values)} different targets; data.target=sign needs 2")
            y = numpy.where(y == values[1], 1.0, -1.0)
        size = 1 - self.test_fraction
        try:
            train, test = train_test_split(numpy.arange(len(y)), train_size=size, random_state=SPLIT_SEED)
        except ValueError:
            raise ValueError(
                f"data.test_fraction={self.test_fraction:g} of {len(y)} samples leaves training or test empty"
            ) from None
        return part_of(x[train], y[train]), part_of(x[test], y[test])


@lru_cache(maxsize=1)
def read_table(path: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Raises ValueError saying what is wrong with the file."""
    import numpy
    from sklearn.datasets import load_svmlight_file

    try:
        x, y = load_svmlight_file(path)
    except (ValueError, OverflowError, EOFError, OSError) as error:
        raise ValueError(f"{path} can't be read as a LIBSVM file: {str(error).splitlines()[0]}") from None
    if 0 in x.shape:
        raise ValueError(f"{path} has no samples")
    x = x.toarray()
    if not (numpy.isfinite(x).all() and numpy.isfinite(y).all()):
        raise ValueError(f"{path} holds nan or an infinity")
    return x, y
