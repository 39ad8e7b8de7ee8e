"""Independent streams of randomness from one seed.

    stream_seed(seed, "order", epoch)  ->  the seed of a generator used for nothing else

Every draw is addressed by what it is for, so nothing but the counters needs saving: a resumed run asks for epoch
7's order and gets the order that an undisturbed run had. Initialisation and order do not depend on the optimizer
or the device, so two optimizers with one seed start from the same weights and see the same batches.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def stream_seed(seed: int, stream: str, *counters: int) -> int:
    """A 63-bit seed for `stream` (init, order, augment, noise, global) at `counters`; 0 is a seed like any other."""
    text = ":".join([str(seed), stream, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def epoch_order(n: int, seed: int, epoch: int, shuffle: bool = True) -> Tensor:
    """The order of the n training samples in the 1-based `epoch`, on the CPU: a permutation, or as they lie."""
    import torch

    if not shuffle:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(stream_seed(seed, "order", epoch)))


def seed_process(seed: int, rank: int, step: int = 0) -> None:
    """Seed torch's global generators (dropout draws from them) for a process: the first's are those of a run of one
    process; each of the others draws its own masks, from `step` on."""
    import torch

    torch.manual_seed(stream_seed(seed, "global", *((rank, step) if rank else ())))


def rng_state() -> dict[str, Tensor]:
    """torch's global generators, as tensors that load with weights_only=True."""
    import torch

    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        state |= {f"cuda:{i}": each for i, each in enumerate(torch.cuda.get_rng_state_all())}
    return state


def restore_rng_state(state: dict[str, Tensor]) -> None:
    import torch

    for device, value in state.items():
        if device == "cpu":
            torch.set_rng_state(value.cpu())  # a checkpoint is loaded to the run's device
        elif torch.cuda.is_available() and int(device.split(":")[1]) < torch.cuda.device_count():
            torch.cuda.set_rng_state(value.cpu(), device)
