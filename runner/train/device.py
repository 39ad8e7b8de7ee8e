"""The device of a run: as configured, or refused with the reason."""

from __future__ import annotations

import re

import torch

from runner.config.errors import ConfigError
from runner.train.distributed import SINGLE_PROCESS, DistributedContext


def choose_device(name: str, distributed: DistributedContext = SINGLE_PROCESS) -> str:
    """torch's name for auto, cpu, cuda, cuda:<index> or mps; ConfigError if it is not available.

    Each of several processes gets the CUDA device of its local rank.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return "cpu"
    if distributed.size > 1 and (name in ("auto", "cuda", "mps") or name.startswith("cuda:")):
        return local_device(name, count, distributed)
    if name == "auto":
        return "cuda"
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError("device=mps: this torch or machine has no Metal device; device=auto finds what there is")
        return name
    if match := re.fullmatch(r"cuda(?::(\d+))?", name):
        if int(match[1] or 0) >= count:
            raise ConfigError(f"device={name}: {found_text(count)} here; device=auto finds what there is")
        return name
    raise ConfigError(f"device={name} is not one of auto, cpu, cuda, cuda:<index>, mps")


def local_device(name: str, count: int, distributed: DistributedContext) -> str:
    """The CUDA device of one of several processes. count: CUDA devices of this machine."""
    if name not in ("auto", "cuda"):
        raise ConfigError(
            f"device={name} is one device for {distributed.size} processes; device=cuda gives each process one, "
            "device=cpu runs all on the CPU"
        )
    if distributed.local_size > count:
        raise ConfigError(
            f"device={name}: {found_text(count)} here for {distributed.local_size} processes; start no more than "
            "there are devices, or set device=cpu"
        )
    return f"cuda:{distributed.local_rank}"


def found_text(count: int) -> str:
    return f"torch finds {count} CUDA device{'s' if count != 1 else ''}" if count else "torch finds no CUDA device"
