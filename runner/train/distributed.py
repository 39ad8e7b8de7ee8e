"""The processes of one run: this one alone, or as many as `torchrun --nproc_per_node=2 main.py ...` starts.

    distributed.is_main                       whether this process writes the run's folder and prints
    distributed.all_reduce(losses)            a tensor summed over the processes
    distributed.all_gather(value)             each process's value, by rank
    with distributed.raise_together(): ...    an error that the user can correct is raised in all processes

Everything but `is_main` is a collective: all processes call it, in the same order. With one process nothing here
communicates, and torch.distributed is not imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from runner.config.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

#: what torchrun sets in each process; any other launcher has to set the same
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
TIMEOUT = timedelta(minutes=10)  # of one collective; when a process dies, torchrun ends the others at once
FAILED = 1  # exit code of a process that ends by itself, whatever the others do


@dataclass(frozen=True)
class DistributedContext:
    """rank: this process's number among `size`; local_rank, local_size: the same on this machine alone.

    launched: a launcher started this process, passes signals on and kills after a while, also where it started one.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    launched: bool = False

    @classmethod
    def from_environment(cls) -> DistributedContext:
        if not all(name in os.environ for name in VARIABLES):
            return cls()
        return cls(*(int(os.environ[name]) for name in VARIABLES[:4]), launched=True)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def run(self, work: Callable[[], int]) -> int:
        """Call `work`, which returns an exit code, in all processes and end them; a single process returns the code.

        Only the main process prints.
        """
        if self.size == 1:
            return work()
        import torch
        from torch import distributed

        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, timeout=TIMEOUT)
        with contextlib.nullcontext() if self.is_main else suppress_output():
            code = work()
        if code != FAILED:  # a process that failed has left the sequence of collectives
            self.all_gather(None)  # torchrun ends all when one leaves with an error: let the main process print first
            distributed.destroy_process_group()
        exit_process(code)

    def all_gather(self, value: Any) -> list[Any]:
        """The value of each process, by rank. It is pickled; tensors are on the CPU."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def all_reduce(self, x: Tensor) -> Tensor:
        """The sum over the processes; x stays as it is."""
        if self.size == 1:
            return x
        from torch import distributed

        total = x.clone()
        distributed.all_reduce(total)
        return total

    def sum_numbers(self, *numbers: float) -> list[float]:
        """Each number summed over the processes, in double precision."""
        if self.size == 1:
            return list(numbers)
        import torch

        return self.all_reduce(torch.tensor(numbers, dtype=torch.float64)).tolist()

    def max(self, number: float) -> float:
        return max(self.all_gather(number))

    def broadcast_buffers(self, network: nn.Module) -> None:
        """Give every process the main one's buffers, such as batch norm's statistics."""
        if self.size > 1:
            from torch import distributed

            for buffer in network.buffers():
                distributed.broadcast(buffer, src=0)

    @contextlib.contextmanager
    def raise_together(self) -> Iterator[None]:
        """A ConfigError inside, whichever process raises it, is raised in all; a barrier for those that raise none."""
        raised: ConfigError | None = None
        try:
            yield
        except ConfigError as error:
            raised = error
        for each in self.all_gather(raised):
            if each is not None:
                raise each

    def print_error(self, text: str) -> None:
        """Print a failure of a process other than the main one, whose own output is suppressed."""
        if not self.is_main:
            print(f"process {self.rank} of {self.size} failed:\n{text}", file=sys.__stderr__, flush=True)


SINGLE_PROCESS = DistributedContext()


def exit_process(code: int) -> NoReturn:
    """End this process without the interpreter's shutdown, during which gloo's threads now and then abort it
    (SIGABRT, "terminate called without an active exception")."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextlib.contextmanager
def suppress_output() -> Iterator[None]:
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
        yield
