"""Learning-rate schedules: the factor on the learning rate as a pure function of progress.

    cosine(t) = final + (1 - final) (1 + cos(pi t/T)) / 2        per step
    step(e)   = lr_decay ^ #{milestones <= e}                    per epoch

Each is a small frozen dataclass; `LRScheduler` turns it into the learning rate of every step of a run and owns the one
schedule that depends on results (plateau). Pure factors need no state in a checkpoint and can be drawn, stacked and
tested without training. torch's own schedulers work on every optimizer of this package as well.

Warmup: for its first `warmup` epochs any schedule is multiplied by (s + 1) / W, with s the 0-based step and W the
warmup in steps (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2). Schedules that end (cosine,
linear, poly) start to fall after the warmup; milestones count epochs from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, inf, isfinite, pi
from typing import ClassVar, Literal

from .ranges import Checked, ranged


@dataclass(frozen=True, kw_only=True)
class Schedule(Checked):
    """Base: `factor(t, T)` for t in [0, T); t counts epochs or steps as `per` says."""

    name: ClassVar[str]
    per: ClassVar[Literal["epoch", "step"]] = "epoch"
    after_warmup: ClassVar[bool] = False  # True: t and T count from the end of the warmup

    warmup: float = ranged(0.0, "[0, inf)")  # epochs

    def factor(self, t: int, total: int) -> float:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """1."""

    name: ClassVar[str] = "constant"

    def factor(self, t: int, total: int) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """lr_decay ^ (number of milestones passed), per epoch; torch's MultiStepLR."""

    name: ClassVar[str] = "step"

    milestones: tuple[int, ...] = ranged((200, 400, 800), "[1, inf)")
    lr_decay: float = ranged(0.1, "(0, 1]")

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.milestones) != sorted(set(self.milestones)):
            raise self.error(f"milestones={list(self.milestones)} do not rise")

    def factor(self, t: int, total: int) -> float:
        return self.lr_decay ** sum(milestone <= t for milestone in self.milestones)


@dataclass(frozen=True, kw_only=True)
class Exp(Schedule):
    """lr_decay ^ t, per epoch; torch's ExponentialLR."""

    name: ClassVar[str] = "exp"

    lr_decay: float = ranged(0.95, "(0, 1]")

    def factor(self, t: int, total: int) -> float:
        return self.lr_decay**t


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """final + (1 - final) (1 + cos(pi t/T)) / 2, per step (Loshchilov and Hutter, SGDR, ICLR 2017, equation 5)."""

    name: ClassVar[str] = "cosine"
    per: ClassVar[Literal["epoch", "step"]] = "step"
    after_warmup: ClassVar[bool] = True

    final: float = ranged(0.0, "[0, 1]")

    def factor(self, t: int, total: int) -> float:
        return self.final + (1 - self.final) * (1 + cos(pi * t / total)) / 2


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """1 - (1 - final) t/T, per step."""

    name: ClassVar[str] = "linear"
    per: ClassVar[Literal["epoch", "step"]] = "step"
    after_warmup: ClassVar[bool] = True

    final: float = ranged(0.0, "[0, 1]")

    def factor(self, t: int, total: int) -> float:
        return 1 - (1 - self.final) * t / total


@dataclass(frozen=True, kw_only=True)
class Poly(Schedule):
    """(1 - t/T)^power, per step; LARS uses power 2 (You, Gitman and Ginsburg, 2017, algorithm 1)."""

    name: ClassVar[str] = "poly"
    per: ClassVar[Literal["epoch", "step"]] = "step"
    after_warmup: ClassVar[bool] = True

    power: float = ranged(2.0, "(0, inf)")

    def factor(self, t: int, total: int) -> float:
        return (1 - t / total) ** self.power


@dataclass(frozen=True, kw_only=True)
class Plateau(Schedule):
    """lr_decay once the watched loss has gone more than `patience` epochs without improving by `threshold`.

    torch's ReduceLROnPlateau with mode "min", threshold_mode "rel" and no cooldown. `LRScheduler` keeps its state.
    Deviation: of a best loss below zero, which torch never sees fail to improve, the threshold is a part of its size.
    """

    name: ClassVar[str] = "plateau"

    lr_decay: float = ranged(0.1, "(0, 1)")
    patience: int = ranged(10, "[0, inf)")
    threshold: float = ranged(1e-4, "[0, 1)")
    min_factor: float = ranged(0.0, "[0, 1]")
    watch: Literal["val", "train"] = "val"  # neural-net-optimization watches the training loss

    def factor(self, t: int, total: int) -> float:
        return 1.0


SCHEDULES = {schedule.name: schedule for schedule in (Constant, Step, Exp, Cosine, Linear, Poly, Plateau)}


class LRScheduler:
    """The learning rate of each step of one run.

    Args:
        schedule: what multiplies the learning rate.
        steps_per_epoch, epochs: the run's length.
    """

    def __init__(self, schedule: Schedule, steps_per_epoch: int, epochs: int) -> None:
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self.warmup_steps = min(round(schedule.warmup * steps_per_epoch), steps_per_epoch * epochs)
        self.total = steps_per_epoch * epochs if schedule.per == "step" else epochs
        self.scale, self.best, self.bad_epochs = 1.0, inf, 0  # of plateau

    def factor(self, step: int) -> float:
        """The factor on the learning rate of the 0-based `step`."""
        schedule, warm = self.schedule, self.warmup_steps
        t = step if schedule.per == "step" else step // self.steps_per_epoch
        if not schedule.after_warmup:
            factor = schedule.factor(t, self.total)
        else:
            factor = schedule.factor(max(0, t - warm), max(1, self.total - warm))
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
