"""Schedules of one formula: constant, step, exp, linear, poly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..ranges import ranged
from .schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """1."""

    name: ClassVar[str] = "constant"

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
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

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return self.lr_decay ** sum(milestone <= t for milestone in self.milestones)

    def notes(self, epochs: int) -> Iterator[str]:
        if late := [milestone for milestone in self.milestones if milestone >= epochs]:
            which = "no milestone" if len(late) == len(self.milestones) else f"not the milestones {late}"
            yield f"milestones={list(self.milestones)}: a run of {epochs} epochs reaches {which}"


@dataclass(frozen=True, kw_only=True)
class Exp(Schedule):
    """lr_decay ^ t, per epoch; torch's ExponentialLR."""

    name: ClassVar[str] = "exp"

    lr_decay: float = ranged(0.95, "(0, 1]")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return self.lr_decay**t


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """1 - (1 - final) t/T, per step."""

    name: ClassVar[str] = "linear"
    per: ClassVar[Literal["epoch", "step"]] = "step"
    after_warmup: ClassVar[bool] = True

    final: float = ranged(0.0, "[0, 1]")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return 1 - (1 - self.final) * t / total


@dataclass(frozen=True, kw_only=True)
class Poly(Schedule):
    """(1 - t/T)^power, per step; LARS uses power 2 (You, Gitman and Ginsburg, 2017, algorithm 1)."""

    name: ClassVar[str] = "poly"
    per: ClassVar[Literal["epoch", "step"]] = "step"
    after_warmup: ClassVar[bool] = True

    power: float = ranged(2.0, "(0, inf)")

    def factor(self, t: int, total: int, epoch: int = 1) -> float:
        return (1 - t / total) ** self.power
