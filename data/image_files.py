"""Images that stay in their files: decoded, cut and stacked by worker processes while the network trains.

What is random about an image is seeded by its own number for the epoch, so the same images come out whatever the
number of workers and wherever in an epoch they start.
"""

from __future__ import annotations

import atexit
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from data.check import md5_of
from data.decoding_rate import DecodingRate
from data.image_reading import Examined, examine, ignore_warnings, read_rgb, unreadable

if TYPE_CHECKING:
    import numpy
    import torch
    from PIL.Image import Image
    from torch import Tensor

    from data.samples import Batches

    Item = tuple[Tensor, Tensor] | str

#: Of the workers. In a run that a fork server has started, as in a sweep of parallel processes, Python's own choice
#: would be a server of its own, and each worker would import torch anew, in every epoch. Elsewhere: Python's choice.
START_METHOD = "fork" if sys.platform == "linux" else None
SHARED_MEMORY = "/dev/shm"  # on Linux
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class ImageFiles:
    """Samples of one part as files. Batches are uint8 (n, 3, image_size, image_size) on `device`.

    As they are: the shorter side resized to image_size * 256 / 224, then the centre; augmented: a random part
    (area 8 % to 100 %, aspect 3/4 to 4/3) resized, half of them mirrored (torchvision's RandomResizedCrop and
    RandomHorizontalFlip, which is how ImageNet is commonly trained since Szegedy et al., CVPR 2015).
    """

    files: numpy.ndarray[Any, Any]  # bytes: a list of str would be copied, reference count by count, by every worker
    y: Tensor  # labels (n,), on the CPU
    image_size: int
    num_workers: int
    device: torch.device
    folder: str = ""  # of the part
    random: bool = False
    note: str = ""
    decoding: DecodingRate = field(default_factory=DecodingRate, compare=False)  # of the batches `in_turn`

    def __len__(self) -> int:
        return len(self.files)

    def to(self, device: str) -> ImageFiles:
        import torch

        return replace(self, device=torch.device(device))

    def take(self, index: Tensor) -> ImageFiles:
        return replace(self, files=self.files[index.numpy()], y=self.y[index])

    def limited(self, limit: int | None) -> ImageFiles:
        return self if limit is None else replace(self, files=self.files[:limit], y=self.y[:limit])

    def augmented(self) -> ImageFiles:
        return replace(self, random=True)

    def in_turn(self, order: Tensor, batch_size: int, start: int, seed: int) -> Batches:
        import torch

        generator = torch.Generator().manual_seed(seed)
        seeds = torch.randint(2**63 - 1, (len(self),), generator=generator) if self.random else None
        return self.decoded(order.split(batch_size)[start:], seeds, self.decoding)

    def in_order(self, size: int) -> Batches:
        import torch

        return self.decoded(torch.arange(len(self)).split(size), None)

    def examined(self, i: int) -> Examined:
        """The file of sample i, which is decoded."""
        return examine(os.fsdecode(self.files[i]))

    @property
    def fingerprint(self) -> str:
        """Of the files' names below `folder`, in their order."""
        start = len(os.fsencode(self.folder))
        return md5_of(b"\0".join(file[start:] for file in self.files.tolist()))

    def decoded(self, batches: Sequence[Tensor], seeds: Tensor | None, decoding: DecodingRate | None = None) -> Batches:
        """The images of each index tensor; seeds: of each image's own draws (n,). decoding: where they are counted.

        ValueError names a damaged file."""
        import torch
        from torch.utils.data import DataLoader

        cuda, num_workers = self.device.type == "cuda", min(self.num_workers, len(batches))
        check_semaphores(num_workers)
        ignore_warnings()
        loader = DataLoader(
            Decoder(self.files, self.y, transform(self.image_size, seeds is not None), seeds),  # type: ignore[arg-type]
            batch_sampler=[index.tolist() for index in batches],
            num_workers=num_workers,
            multiprocessing_context=START_METHOD if num_workers else None,
            collate_fn=stack,
            pin_memory=cuda,
            worker_init_fn=start_worker,
            generator=torch.Generator(),  # else it draws from the global one, and a resumed run would draw once more
        )
        with blocked_signals():  # in the workers until they ignore them
            stream = iter(loader)
        with shut_down_in_the_end(stream):
            for batch in stream:
                if isinstance(batch, str):
                    raise ValueError(f"{batch}; replace it, or leave such files out by data.on_error=skip")
                x, y = map(torch.as_tensor, batch[:2])
                if decoding:
                    decoding.add(len(y), batch[2], num_workers)
                yield x.to(self.device, non_blocking=cuda), y.to(self.device, non_blocking=cuda)


@dataclass(frozen=True)
class Decoder:
    """Item i: (image as uint8 (3, size, size), label), or the sentence that says what is wrong with its file."""

    files: numpy.ndarray[Any, Any]
    y: Tensor
    transform: Callable[[Image], Tensor]
    seeds: Tensor | None

    def __len__(self) -> int:
        return len(self.files)

    def __getitems__(self, index: Sequence[int]) -> list[Item | float]:
        """The items, and last the seconds that they took; called by torch's loader for each batch."""
        start = perf_counter()
        items = [self.item(i) for i in index]
        return [*items, perf_counter() - start]

    def item(self, i: int) -> Item:
        path = os.fsdecode(self.files[i])
        try:
            image = read_rgb(path)
        except Exception as error:  # PIL raises many kinds for damaged files
            return unreadable(path, error)
        if self.seeds is None:
            return self.transform(image), self.y[i]
        with global_generator(int(self.seeds[i])):
            return self.transform(image), self.y[i]


@contextmanager
def global_generator(seed: int) -> Iterator[None]:
    """torch's global CPU generator, which torchvision's transforms draw from, at `seed`; then as it was."""
    import torch

    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would reset CUDA's too
    try:
        yield
    finally:
        torch.set_rng_state(before)


def transform(size: int, random: bool) -> Callable[[Image], Tensor]:
    from torchvision.transforms import v2

    if random:
        return v2.Compose([v2.RandomResizedCrop(size), v2.RandomHorizontalFlip(), v2.PILToTensor()])
    return v2.Compose([v2.Resize(size * 256 // 224), v2.CenterCrop(size), v2.PILToTensor()])


def stack(items_and_seconds: list[Any]) -> tuple[Any, Any, float] | str:
    """A batch and its seconds, or the first complaint: raised in a worker, it would reach the user inside a traceback.

    A worker's batch lies in shared memory. Where that is too small (64 MB in a container, for all its processes), it is
    numpy arrays, which go through a pipe: left to itself, torch loses the batch and waits for it for ever.
    """
    import torch
    from torch.utils.data import get_worker_info

    *items, seconds = items_and_seconds
    for item in items:
        if isinstance(item, str):
            return item
    x, y = (torch.stack(each) for each in zip(*items, strict=True))  # type: ignore[arg-type]
    if get_worker_info() is None:
        return x, y, seconds
    if free_shared_memory() > 2 * (x.nbytes + y.nbytes):
        with suppress(RuntimeError):  # another process has taken it; torch's attempt leaves an empty file there
            return x.share_memory_(), y.share_memory_(), seconds
    return x.numpy(), y.numpy(), seconds


def check_semaphores(num_workers: int) -> None:
    """ValueError where there is no room for those of the workers' queues: a page each."""
    if num_workers and free_shared_memory() < 4096 * (4 * num_workers + 16):
        raise ValueError(
            f"data.num_workers={num_workers}: {SHARED_MEMORY} has {free_shared_memory():g} bytes left, too few for the "
            "processes that read images; make it larger, or data.num_workers=0 reads them in the run's own process"
        )


def free_shared_memory() -> float:
    """Bytes; infinite where the system sets no limit of its own to them."""
    if not os.path.isdir(SHARED_MEMORY):
        return math.inf
    found = os.statvfs(SHARED_MEMORY)
    return found.f_bavail * found.f_frsize


@contextmanager
def shut_down_in_the_end(stream: Any) -> Iterator[None]:
    """End the workers of a loader's iterator with the block, also by an error, and if Python exits inside it.

    Left to itself, torch ends them once the iterator is freed. If a circle of references has kept it, its queues are
    gone by then; the workers ignore the SIGTERM that follows, and Python would wait for them for ever at its exit.
    """
    end = partial(shut_down, stream)
    atexit.register(end)
    try:
        yield
    finally:
        atexit.unregister(end)
        end()


def shut_down(stream: Any) -> None:
    if hasattr(stream, "_shutdown_workers"):  # else it has none
        stream._shutdown_workers()
        for worker in stream._workers:
            if worker.is_alive():
                worker.kill()


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back in this thread; a process that is started inside holds them back as well."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker(worker: int) -> None:
    """Ctrl-C and a scheduler's SIGTERM reach the whole group of processes: a run saves first, and its workers end with
    it. Ended by the signal themselves, they would fail it."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    ignore_warnings()
