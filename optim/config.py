"""Configurations: what users name, a method's arguments with their ranges. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .ranges import Checked
from .transform import Transform, Wrapper, changes_momentum, hyper_names

if TYPE_CHECKING:
    from .transform import Hyper


@dataclass(frozen=True)
class OptimizerConfig(Checked):
    """The arguments of an optimizer, checked when they are given: SettingError for one out of its range."""

    name: ClassVar[str]
    # the argument that is the momentum, or whose first element is; "" for none. Torch's schedulers cycle it if it is
    # `betas` or `momentum`
    momentum_key: ClassVar[str] = ""
    estimates_lr: ClassVar[bool] = False  # lr is a factor on the method's own estimate, which nobody has to search for
    lr: float

    def transforms(self) -> tuple[Transform, ...]:
        """The transforms that these arguments stand for, in order."""
        raise NotImplementedError

    def group_values(self, h: Hyper) -> dict[str, Any]:
        """Hyper-parameters of a new group that follow from its others `h`, unless the group names them."""
        return {}

    def with_momentum(self, m: float, h: Hyper) -> dict[str, Any]:
        """The new hyper-parameters of a group with `h` for momentum `m`; ValueError if the method has none."""
        if not self.momentum_key:
            raise self.error("has no momentum to set")
        old = h[self.momentum_key]
        return {self.momentum_key: (m, *old[1:]) if isinstance(old, tuple | list) else m}


def check_wrappers(config: OptimizerConfig, wrap: Iterable[Wrapper]) -> None:
    """Raise ValueError for wrappers that can't be around this optimizer, or not together."""
    wrap = tuple(wrap)
    names = [wrapper.name for wrapper in wrap]
    for wrapper in wrap:
        if names.count(wrapper.name) > 1:
            raise ValueError(f"{wrapper.name}: is wrapped around the optimizer twice")
        for other, reason in wrapper.excludes.items():
            if other in names:
                raise ValueError(f"{wrapper.name}: not together with {other}: {reason}")
        if changes_momentum(wrapper) and not has_momentum_buffers(config):
            raise ValueError(f"{wrapper.name}: is to change momentum, and {config.label()} has none")


def has_momentum_buffers(config: OptimizerConfig) -> bool:
    """Whether any transform of a method keeps momentum."""
    transforms = config.transforms()
    h = {name: getattr(transform, name) for transform in transforms for name in hyper_names(transform)}
    return any(transform.momentum_buffers(h) for transform in transforms)
