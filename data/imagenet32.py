"""ImageNet downsampled to 32x32 pixels (Chrabaszcz, Loshchilov and Hutter, "A downsampled variant of ImageNet as an
alternative to the CIFAR datasets", arXiv 1707.08819, 2017): 1,281,167 training images in ten files, and the 50,000
validation images, which are the test set here.

ImageNet's terms forbid to pass it on: users get Imagenet32_train_npz.zip and Imagenet32_val_npz.zip (or the pickles,
Imagenet32_train.zip and Imagenet32_val.zip) from image-net.org and unpack them. The .npz files hold `data`, uint8
(n, 3072), red, green and blue plane of each image; `labels`, 1 to 1000 in the order of the authors' map_clsloc.txt; and
`mean`, the mean image, which is not used.

All images are held in memory: 3.9 GB, and 6.2 GB more for the padded ones from which augment=crop_flip cuts.
"""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from data.batch_files import BatchFiles, FileFormat, PublishedFile
from data.dataset import Statistics

if TYPE_CHECKING:
    from data.batch_files import Array

PIXELS = 3 * 32 * 32
NUM_RECORDS = (*[128_116] * 9, 128_123, 50_000)

#: MD5s of train_data_batch_1 to 10, then val_data. image-net.org prints none. Those of the pickles stand alike in four
#: public repositories. Those of the .npz files stand in four as well, of which two have a digit too many in the fifth,
#: and the two others read the files only where these match.
NPZ_MD5S = (
    "464fde20de6eb44c28cc1a8c11544bb1",
    "bdb56e71882c3fd91619d789d5dd7c79",
    "83ff36d76ea26867491a281ea6e1d03b",
    "98ff184fe109d5c2a0f6da63843880c7",
    "62b8803e13c3e6de9498da7aaaae57c8",
    "e0b06665f890b029f1d8d0a0db26e119",
    "9731f469aac1622477813c132c5a847a",
    "60aed934b9d26b7ee83a1a83bdcfbe0f",
    "b96328e6affd718660c2561a6fe8c14c",
    "1dc618d544c554220dd118f72975470c",
    "a8c04a389f2649841fb7a01720da9dd9",
)
PICKLE_MD5S = (
    "6c4495e65cd24a8c3019857ef9b758ee",
    "3dd727de4155836807dfc19f98c9fe70",
    "03d3dc4e850e23e1d526f268a0196296",
    "876f7e6d6ddb1f52ecb654ffdc8293f6",
    "c789bcdd1feed34a9bc58598a1a1bf7d",
    "8ce5344cb1e11f31bc507cae4c856083",
    "32ecc8ad6c55b1c9cb6cf79a2cc46094",
    "bdeb6da3d05771121992b48c59c69439",
    "58417149b5ce31688f805341e7f57b4f",
    "46ad60a1144aaf97a143914453b0dabb",
    "06c02b8b4c8de8b3a36b07859a49de6f",
)


@dataclass(frozen=True, kw_only=True)
class ImageNet32(BatchFiles):
    """A thousand classes. The statistics are those of ImageNet at full size, as MoMo's experiments have them."""

    name: ClassVar[str] = "imagenet32"
    statistics: ClassVar[Statistics | None] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    @property
    def classes(self) -> int:
        return 1000

    def formats(self) -> tuple[FileFormat, ...]:
        folders = ("imagenet32", "imagenet32/train", "imagenet32/val")
        npz, pickles = published_files(NPZ_MD5S, ".npz"), published_files(PICKLE_MD5S, "")
        return (
            FileFormat(
                "the .npz files",
                ("Imagenet32_train_npz", "Imagenet32_val_npz", *folders),
                npz[:-1],
                npz[-1:],
                read_npz,
            ),
            FileFormat(
                "the pickles",
                ("Imagenet32_train", "Imagenet32_val", *folders),
                pickles[:-1],
                pickles[-1:],
                read_pickle,
                pickled=True,
            ),
        )

    def origin(self) -> str:
        return "Imagenet32_train_npz.zip and Imagenet32_val_npz.zip from https://image-net.org, to be unpacked"

    def download(self) -> str | None:
        return "its terms are agreed to there, so no run does it"


def published_files(md5s: tuple[str, ...], suffix: str) -> tuple[PublishedFile, ...]:
    names = [*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"]
    rows = zip(names, md5s, NUM_RECORDS, strict=True)
    return tuple(PublishedFile(name + suffix, md5, records) for name, md5, records in rows)


def read_npz(path: Path, content: bytes) -> tuple[Array, Array]:
    """Pixels (n, 3072) and labels (n,) from 0 of a .npz file. Raises ValueError for a damaged one, and for one that
    holds pickled objects, which are not opened."""
    import numpy

    try:
        with numpy.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return checked(path, {key: arrays[key] for key in ("data", "labels")})
    except KeyError as error:
        raise ValueError(f"{path} holds no array {error.args[0]}; it has to hold data and labels") from None
    except (ValueError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is damaged or no .npz file ({error}); delete it and get it again") from None


def read_pickle(path: Path, content: bytes) -> tuple[Array, Array]:
    """The same of a pickle, which the caller knows to be the published one."""
    import numpy

    batch = pickle.loads(content, encoding="latin1")
    return checked(path, {"data": batch["data"], "labels": numpy.array(batch["labels"])})


def checked(path: Path, arrays: dict[str, Any]) -> tuple[Array, Array]:
    data, labels = arrays["data"], arrays["labels"]
    if data.dtype != "uint8" or data.ndim != 2 or data.shape[1] != PIXELS:
        raise ValueError(f"{path}: data is {data.dtype} {data.shape}, not uint8 (n, {PIXELS}), images of 32x32")
    if labels.dtype.kind not in "iu" or labels.shape != data.shape[:1]:
        raise ValueError(f"{path}: labels is {labels.dtype} {labels.shape}, not a whole number for each of {len(data)}")
    if len(labels) and not 1 <= labels.min() <= labels.max() <= 1000:
        raise ValueError(f"{path} has labels {labels.min()} to {labels.max()}; those of ImageNet32 are 1 to 1000")
    return data, labels.astype("int64") - 1
