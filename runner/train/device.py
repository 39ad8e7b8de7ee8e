"""Which device a run uses: as asked, or refused with the reason."""

from __future__ import annotations

import re

from runner.config.errors import ConfigError
from runner.train.distributed import SINGLE_PROCESS, DistributedContext


def choose_device(wanted: str, distributed: DistributedContext = SINGLE_PROCESS) -> str:
    """auto, cpu, cuda, cuda:<index> or mps as torch's name; ConfigError if it can't be had here.

    Of several processes each has a CUDA device of its own: that of its number on its machine.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = f"torch finds {count} CUDA device{'s' if count != 1 else ''}" if count else "torch finds no CUDA device"
    several = distributed.size > 1
    if wanted == "cpu" or (wanted == "auto" and not count):
        return "cpu"
    if several and (wanted == "mps" or wanted.startswith("cuda:")):
        raise ConfigError(
            f"device={wanted} is one device for {distributed.size} processes; device=cuda gives each its own, "
            "device=cpu runs all on the processor"
        )
    if several and wanted in ("auto", "cuda"):
        if distributed.local_size > count:
            raise ConfigError(
                f"device={wanted}: {found} here for {distributed.local_size} processes; start no more than there are "
                "devices, or set device=cpu"
            )
        return f"cuda:{distributed.local_rank}"
    if wanted == "auto":
        return "cuda"
    if wanted == "mps":
        if not torch.backends.mps.is_available():
            raise ConfigError("device=mps: this torch or machine has no Metal device; device=auto finds what there is")
        return wanted
    if match := re.fullmatch(r"cuda(?::(\d+))?", wanted):
        if int(match[1] or 0) >= count:
            raise ConfigError(f"device={wanted}: {found} here; device=auto finds what there is")
        return wanted
    raise ConfigError(f"device={wanted} is not one of auto, cpu, cuda, cuda:<index>, mps")
