"""Optimizers for PyTorch: transforms written once, composed, and run by one torch.optim.Optimizer.

    from optim import AggMo
    AggMo(model.parameters(), lr=0.1, betas=(0, 0.9, 0.99))         a torch.optim.Optimizer
    AggMo.from_exp_form(model.parameters(), lr=0.1, a=0.1, k=4)
    EMA(Lookahead(AggMo(model.parameters()), k=6), momentum=0.99)   the same optimizer with wrappers around it
    build(configs()["adam"](lr=1e-3), params, [wrappers()["lookahead"](k=6)])    from names, as the command line does

Every file in optim/rules and optim/wrappers is found by itself: configs() and wrappers() list what can be chosen by
name. Importing this package does not import torch, which only the optimizers themselves need.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from . import rules as _rules
from . import wrappers as _wrappers
from .config import OptimizerConfig, check_wrappers
from .ranges import SettingError
from .transform import Transform, Wrapper

if TYPE_CHECKING:
    from .optimizer import Backend, ComposedOptimizer, Params
    from .optimizers.adabelief import AdaBelief, Yogi
    from .optimizers.adabound import AdaBound, AMSBound
    from .optimizers.adafactor import Adafactor
    from .optimizers.adam import Adam, AdamW, AMSGrad, NAdam
    from .optimizers.adamp import SGDP, AdamP
    from .optimizers.aggmo import AggMo, AggMoExp, AggMoGeneral
    from .optimizers.lars import LARS
    from .optimizers.momo import Momo, MomoAdam
    from .optimizers.prodigy import Prodigy
    from .optimizers.quasi_hyperbolic import QHM, QHAdam
    from .optimizers.radam import RAdam, RAdamW
    from .optimizers.rmsprop import Adadelta, RMSprop
    from .optimizers.sgd import SGD, SGDW, Momentum, Nesterov
    from .optimizers.soap import SOAP
    from .statistics import evaluation_statistics, update_statistics
    from .wrapping import EMA, GradientDropout, GradientNoise, LearningRateDropout, Lookahead

_LAZY = {  # what is imported, and torch with it, when it is first asked for
    "optimizer": ("ComposedOptimizer",),
    "optimizers.adabelief": ("AdaBelief", "Yogi"),
    "optimizers.adabound": ("AdaBound", "AMSBound"),
    "optimizers.adafactor": ("Adafactor",),
    "optimizers.adam": ("Adam", "AdamW", "AMSGrad", "NAdam"),
    "optimizers.adamp": ("AdamP", "SGDP"),
    "optimizers.aggmo": ("AggMo", "AggMoExp", "AggMoGeneral"),
    "optimizers.lars": ("LARS",),
    "optimizers.momo": ("Momo", "MomoAdam"),
    "optimizers.prodigy": ("Prodigy",),
    "optimizers.quasi_hyperbolic": ("QHM", "QHAdam"),
    "optimizers.radam": ("RAdam", "RAdamW"),
    "optimizers.rmsprop": ("Adadelta", "RMSprop"),
    "optimizers.soap": ("SOAP",),
    "optimizers.sgd": ("SGD", "SGDW", "Momentum", "Nesterov"),
    "statistics": ("evaluation_statistics", "update_statistics"),
    "wrapping": ("EMA", "GradientDropout", "GradientNoise", "LearningRateDropout", "Lookahead"),
}
_MODULE_OF = {name: module for module, names in _LAZY.items() for name in names}


def configs() -> dict[str, type[OptimizerConfig]]:
    """Every optimizer's configuration by its name: {"aggmo": AggMoConfig, ...}."""
    return dict(_found(_rules.__name__, OptimizerConfig))


def wrappers() -> dict[str, type[Wrapper]]:
    """Every wrapper by its name: {"lookahead": LookaheadWrapper, ...}."""
    return dict(_found(_wrappers.__name__, Wrapper))


def build(
    config: OptimizerConfig,
    params: Params,
    wrap: Iterable[Wrapper] = (),
    backend: Backend = "auto",
    seed: int = 0,
    maximize: bool = False,
) -> ComposedOptimizer:
    """Make the optimizer that `config` describes, with wrappers around it: ComposedOptimizer's arguments."""
    from .optimizer import ComposedOptimizer

    return ComposedOptimizer(params, config, wrap, backend=backend, seed=seed, maximize=maximize)


@cache
def _found(package: str, base: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for info in iter_modules(import_module(package).__path__):
        module = import_module(f"{package}.{info.name}")
        for cls in vars(module).values():
            own = isinstance(cls, type) and issubclass(cls, base) and cls.__module__ == module.__name__
            if not own or not hasattr(cls, "name"):
                continue
            if cls.name in found:
                raise ValueError(f"{cls.name!r} names both {found[cls.name].__name__} and {cls.__name__}")
            found[cls.name] = cls
    return found


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# fmt: off
__all__ = [
    "AMSBound", "AMSGrad", "AdaBelief", "AdaBound", "Adadelta", "Adafactor", "Adam", "AdamP", "AdamW", "AggMo",
    "AggMoExp", "AggMoGeneral", "ComposedOptimizer", "EMA", "GradientDropout", "GradientNoise", "LARS",
    "LearningRateDropout", "Lookahead", "Momentum", "Momo", "MomoAdam", "NAdam", "Nesterov", "OptimizerConfig",
    "Prodigy", "QHAdam", "QHM", "RAdam", "RAdamW", "RMSprop", "SGD", "SGDP", "SGDW", "SOAP", "SettingError",
    "Transform", "Wrapper", "Yogi", "build", "check_wrappers", "configs", "evaluation_statistics",
    "update_statistics", "wrappers",
]
# fmt: on
