"""torch's random number generators: orders of samples, and the global generators' seeds and states."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.train.seeding import stream_seed

#: of training, at most, by whose batches the running statistics (batch norm's) of evaluation weights are estimated
STATISTICS_SAMPLES = 10_000


def epoch_order(n: int, seed: int, epoch: int, shuffle: bool = True, reshuffle: bool = True) -> Tensor:
    """Indices (n,) on the CPU of the training samples in the order of the 1-based `epoch`.

    reshuffle=False: every epoch in the order of the first."""
    if not shuffle:
        return torch.arange(n)
    epoch = epoch if reshuffle else 1
    return torch.randperm(n, generator=torch.Generator().manual_seed(stream_seed(seed, "order", epoch)))


def statistics_order(n: int, batch_size: int, seed: int, step: int) -> Tensor:
    """Indices on the CPU of the training samples by which running statistics are estimated after `step`: whole batches
    of at most STATISTICS_SAMPLES samples, or the one batch that has more; of fewer samples than a batch, all."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(stream_seed(seed, "statistics_order", step)))
    batches = min(n // batch_size, max(1, STATISTICS_SAMPLES // batch_size))
    return order[: batches * batch_size] if batches else order


def seed_process(seed: int, rank: int, step: int = 0) -> None:
    """Seed torch's global generators, which dropout uses. Rank 0 gets the seed of a run in one process; every other
    rank gets its own from `step` on, so that its dropout masks differ."""
    torch.manual_seed(stream_seed(seed, "global", *((rank, step) if rank else ())))


def rng_state() -> dict[str, Tensor]:
    """States of torch's global generators by device, as tensors that load with weights_only=True."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        state |= {f"cuda:{i}": each for i, each in enumerate(torch.cuda.get_rng_state_all())}
    return state


def restore_rng_state(state: dict[str, Tensor]) -> None:
    """Set the generators of the devices that exist here."""
    for device, value in state.items():
        if device == "cpu":
            torch.set_rng_state(value.cpu())  # a checkpoint is loaded to the run's device
        elif torch.cuda.is_available() and int(device.split(":")[1]) < torch.cuda.device_count():
            torch.cuda.set_rng_state(value.cpu(), device)
