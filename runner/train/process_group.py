"""Several processes of one run, connected by torch.distributed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
from torch import Tensor, distributed, nn

from runner.train.distributed import FAILED, DistributedContext

TIMEOUT = timedelta(minutes=10)  # of one collective; when a process dies, torchrun ends the others at once


@dataclass(frozen=True)
class ProcessGroup(DistributedContext):
    """gloo on CPUs, nccl on CUDA devices. The group exists inside `run`."""

    def run(self, main: Callable[[], int]) -> NoReturn:
        """Call `main` in all processes and exit with the code that it returns."""
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, timeout=TIMEOUT)
        with contextlib.nullcontext() if self.is_main else suppress_output():
            code = main()
        if code != FAILED:  # a process that failed has left the sequence of collectives
            self.all_gather(None)  # torchrun ends all processes when one exits with an error: wait for all output
            distributed.destroy_process_group()
        exit_process(code)

    def all_gather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def all_reduce(self, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    def sum_numbers(self, *numbers: float) -> list[float]:
        return self.all_reduce(torch.tensor(numbers, dtype=torch.float64)).tolist()

    def broadcast_buffers(self, network: nn.Module) -> None:
        for buffer in network.buffers():
            distributed.broadcast(buffer, src=0)

    def print_error(self, text: str) -> None:
        if not self.is_main:
            print(f"process {self.rank} of {self.size} failed:\n{text}", file=sys.__stderr__, flush=True)


def exit_process(code: int) -> NoReturn:
    """Exit without the interpreter's shutdown, in which gloo's threads now and then abort the process (SIGABRT,
    "terminate called without an active exception")."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextlib.contextmanager
def suppress_output() -> Iterator[None]:
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
        yield
