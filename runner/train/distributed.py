"""A run's place among its processes. This file is the case of one process, and imports no torch.

    distributed.is_main                       whether this process writes the run's folder and prints
    distributed.all_reduce(losses)            a tensor summed over the processes
    distributed.all_gather(value)             each process's value, by rank
    with distributed.raise_together(): ...    a ConfigError in one process is raised in all

Everything but `is_main` and `print_error` is a collective: all processes call it, in the same order. Several
processes are a runner.train.process_group.ProcessGroup; runner.train.launch chooses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.config.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

FAILED = 1  # exit code of a run that failed


@dataclass(frozen=True)
class DistributedContext:
    """rank: this process's number among `size`; local_rank, local_size: the same on this machine.

    launched: started by a launcher such as torchrun, which forwards signals and kills after a while.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    launched: bool = False

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def run(self, main: Callable[[], int]) -> int:
        """Call `main`, which returns an exit code, in all processes; only the main process prints."""
        return main()

    def all_gather(self, value: Any) -> list[Any]:
        """The value of each process, by rank. It is pickled; tensors are on the CPU."""
        return [value]

    def all_reduce(self, x: Tensor) -> Tensor:
        """The sum over the processes; x is unchanged."""
        return x

    def sum_numbers(self, *numbers: float) -> list[float]:
        """Each number summed over the processes, in double precision."""
        return list(numbers)

    def max(self, number: float) -> float:
        return max(self.all_gather(number))

    def broadcast_buffers(self, network: nn.Module) -> None:
        """Give every process the main one's buffers, such as batch norm's statistics."""

    @contextlib.contextmanager
    def raise_together(self) -> Iterator[None]:
        """A ConfigError inside, whichever process raises it, is raised in all; else a barrier."""
        raised: ConfigError | None = None
        try:
            yield
        except ConfigError as error:
            raised = error
        for each in self.all_gather(raised):
            if each is not None:
                raise each

    def print_error(self, text: str) -> None:
        """Print a failure of a process other than the main one, whose other output is suppressed."""


SINGLE_PROCESS = DistributedContext()
