"""The processes of one run: this one alone, or as many as `torchrun --nproc_per_node=2 main.py ...` starts.

    processes.first                 the one that writes the run's folder and speaks
    processes.sum(losses)           a tensor summed over the processes
    processes.everyone(value)       each one's value, by rank
    with processes.agreed(): ...    what one refuses, all refuse

Everything but `first` is a collective: all processes call it, in the same order. With one process nothing here does
anything, and torch.distributed is not imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from runner.config.validate import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

#: what torchrun tells each process; whoever starts them otherwise sets the same
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
LONGEST_WAIT = timedelta(minutes=10)  # for the others in one collective; when one dies, torchrun ends the rest at once
FAILED = 1  # exit code of a process that ends by itself, whatever the others do


@dataclass(frozen=True)
class Processes:
    """rank: this process's number among `size`; local_rank, local_size: the same on this machine alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    launched: bool = False  # a launcher passes signals on, and kills after a while: also where it started only one

    @classmethod
    def of_environment(cls) -> Processes:
        if not all(name in os.environ for name in VARIABLES):
            return cls()
        return cls(*(int(os.environ[name]) for name in VARIABLES[:4]), launched=True)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def together(self, work: Callable[[], int]) -> int:
        """Do `work`, which returns an exit code, in all processes and end them; one process returns the code.

        What the others print is not shown.
        """
        if self.size == 1:
            return work()
        import torch
        from torch import distributed

        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, timeout=LONGEST_WAIT)
        with contextlib.nullcontext() if self.first else silence():
            code = work()
        if code != FAILED:  # else the others are elsewhere
            self.everyone(None)  # when one leaves with an error, torchrun ends the rest: let the first finish speaking
            distributed.destroy_process_group()
        leave(code)

    def everyone(self, value: Any) -> list[Any]:
        """The value that each process has, by rank. It is pickled; tensors are on the CPU."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def sum(self, x: Tensor) -> Tensor:
        if self.size == 1:
            return x
        from torch import distributed

        total = x.clone()
        distributed.all_reduce(total)
        return total

    def sums(self, *numbers: float) -> list[float]:
        """Each number summed over the processes, in double precision."""
        if self.size == 1:
            return list(numbers)
        import torch

        return self.sum(torch.tensor(numbers, dtype=torch.float64)).tolist()

    def largest(self, number: float) -> float:
        return max(self.everyone(number))

    def same_buffers(self, network: nn.Module) -> None:
        """Give every process the first one's buffers, such as batch norm's statistics."""
        if self.size > 1:
            from torch import distributed

            for buffer in network.buffers():
                distributed.broadcast(buffer, src=0)

    @contextlib.contextmanager
    def agreed(self) -> Iterator[None]:
        """A ConfigError inside, whichever process raises it, is raised in all; nobody goes on before all are here."""
        refusal: ConfigError | None = None
        try:
            yield
        except ConfigError as error:
            refusal = error
        for each in self.everyone(refusal):
            if each is not None:
                raise each

    def complain(self, text: str) -> None:
        """Tell of a failure that the first process, which speaks for all, can't know."""
        if not self.first:
            print(f"process {self.rank} of {self.size} failed:\n{text}", file=sys.__stderr__, flush=True)


ALONE = Processes()


def leave(code: int) -> NoReturn:
    """End this process without taking the interpreter down piece by piece: gloo's threads, which may live until then,
    abort it now and then (SIGABRT, "terminate called without an active exception")."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
