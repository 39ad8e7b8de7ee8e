"""The state of a run that its checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from optim.interface import TrainingOptimizer
from optim.schedules import LRScheduler
from runner.train.distributed import DistributedContext
from runner.train.progress import Progress
from runner.train.rng import restore_rng_state, rng_state, seed_process


@dataclass(frozen=True)
class TrainState:
    """All that decides the rest of a run. seed: of the run, for processes that it had not before."""

    model: nn.Module
    optimizer: TrainingOptimizer
    scheduler: LRScheduler
    progress: Progress
    seed: int
    distributed: DistributedContext

    def state_dict(self) -> dict[str, Any]:
        """A collective: every process's random number generators are in it."""
        return {
            "progress": self.progress.state_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "rng": self.distributed.all_gather(rng_state()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore in place. Raises KeyError, TypeError or ValueError if the state is another run's."""
        self.progress.load_state_dict(state["progress"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        rank, rng_states = self.distributed.rank, state["rng"]
        if rank < len(rng_states):
            restore_rng_state(rng_states[rank])
        else:  # the run had fewer processes before
            seed_process(self.seed, rank, self.progress.step)
