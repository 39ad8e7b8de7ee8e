"""The learning rate of every step of a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from .plateau import Plateau
from .schedule import Schedule


class LRScheduler:
    """The learning rate of each step of one run.

    Args:
        schedule: what multiplies the learning rate.
        steps_per_epoch, epochs: the run's length.
        first_epoch: finished epochs of the run that this one branches off; the schedule counts from there.
    """

    def __init__(self, schedule: Schedule, steps_per_epoch: int, epochs: int, first_epoch: int = 0) -> None:
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.first_step = first_epoch * steps_per_epoch
        self.warmup_steps = min(round(schedule.warmup * steps_per_epoch), steps_per_epoch * epochs)
        self.total = steps_per_epoch * epochs if schedule.per == "step" else epochs
        self.scale, self.best, self.bad_epochs = 1.0, inf, 0  # of plateau

    def factor(self, step: int) -> float:
        """The factor on the learning rate of the 0-based `step`, which counts a branch's stem too."""
        schedule, warm = self.schedule, self.warmup_steps
        step -= self.first_step
        t, epoch = (step, self.steps_per_epoch) if schedule.per == "step" else (step // self.steps_per_epoch, 1)
        if not schedule.after_warmup:
            factor = schedule.factor(t, self.total, epoch)
        else:
            factor = schedule.factor(max(0, t - warm), max(1, self.total - warm), epoch)
        if step < warm:
            factor *= (step + 1) / warm
        return factor * self.scale

    def set_lr(self, optimizer, base_lrs: Sequence[float], step: int) -> float:
        """Give every param group its learning rate for `step`; return that of the first."""
        factor = self.factor(step)
        for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
            group["lr"] = lr * factor
        return optimizer.param_groups[0]["lr"]

    def end_epoch(self, train_loss: float, val_loss: float) -> None:
        """Update plateau by the epoch's losses; the other schedules do not depend on them."""
        if not isinstance(self.schedule, Plateau):
            return
        loss = val_loss if self.schedule.watch == "val" else train_loss
        # torch takes (1 - threshold) times a negative best too, which every equal loss is below
        threshold = self.schedule.threshold if self.best > 0 else -self.schedule.threshold
        if isfinite(loss) and loss < self.best * (1 - threshold):
            self.best, self.bad_epochs = loss, 0
            return
        self.bad_epochs += 1
        if self.bad_epochs > self.schedule.patience:
            self.scale = max(self.scale * self.schedule.lr_decay, self.schedule.min_factor)
            self.bad_epochs = 0

    def state_dict(self) -> dict[str, float]:
        return {"scale": self.scale, "best": self.best, "bad_epochs": self.bad_epochs}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.scale, self.best, self.bad_epochs = state["scale"], state["best"], int(state["bad_epochs"])
