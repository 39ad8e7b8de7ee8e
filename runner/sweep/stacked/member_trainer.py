"""The trainer of one run in a stack."""

from __future__ import annotations

import time

from torch import Tensor

from results.paths import BEST
from runner.train import checkpoint
from runner.train.progress import Diverged, Means
from runner.train.trainer import Trainer

STATUS_EVERY_S = 2.0


class MemberTrainer(Trainer):
    """A Trainer whose steps and validation are done by a StackedTrainer, for all runs of the stack together.

    The tensors of its model and optimizer are views of the stack's, so what it evaluates and saves is its run's state.
    """

    ended = False  # the stack goes on computing its steps, and ignores them
    divergence: Diverged | None = None
    validation: Means | None = None  # of the epoch that is about to end
    best_weights: dict[str, Tensor] | None = None  # not yet saved
    status_written_s = 0.0

    def fit(self) -> None:
        """Raise Diverged if the run has; the stack has trained it."""
        if self.divergence:
            raise self.divergence

    def evaluate(self, part: str, evaluation_weights: bool = True) -> Means:
        if part == "val" and self.validation is not None:
            means, self.validation = self.validation, None
            return means
        return super().evaluate(part, evaluation_weights)

    def save_best(self) -> None:
        """Copy the weights; they are saved with the next checkpoint."""
        with self.evaluation_weights():
            self.best_weights = {name: value.clone() for name, value in self.model.state_dict().items()}

    def save(self) -> None:
        """Do nothing at the end of an epoch: the stack saves all runs from time to time, by save_checkpoints."""

    def save_checkpoints(self) -> None:
        """Write best.pt and last.pt."""
        self.write_best()
        super().save()

    def write_best(self) -> None:
        if self.best_weights is not None:
            content = {"model": self.best_weights, **(self.progress.best or {})}
            self.progress.best_checksum = checkpoint.save(self.folder.path / BEST, content)
            self.best_weights = None

    def end(self) -> None:
        """Leave the stack: save, and copy the weights, as the test loads the best ones while the stack goes on."""
        self.ended = True
        if self.divergence:
            self.write_best()  # the last weights are of a later step than the last checkpoint
        else:
            self.save_checkpoints()
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            tensor.data = tensor.data.clone()

    def write_status(self) -> None:
        if time.monotonic() - self.status_written_s > STATUS_EVERY_S:
            self.status_written_s = time.monotonic()
            super().write_status()
