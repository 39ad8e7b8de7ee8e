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
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config import OptimizerConfig, check_wrappers
from .ranges import SettingError
from .registry import configs, wrappers
from .transform import Transform, Wrapper

if TYPE_CHECKING:
    from .grouping.build import build_grouped
    from .grouping.combined import CombinedOptimizer
    from .grouping.resolve import parameter_groups
    from .optimizer import Backend, ComposedOptimizer, Params
    from .optimizers.adabelief import AdaBelief, Yogi
    from .optimizers.adabound import AdaBound, AMSBound
    from .optimizers.adafactor import Adafactor
    from .optimizers.adam import Adam, AdamW, AMSGrad, NAdam
    from .optimizers.adamp import SGDP, AdamP
    from .optimizers.adan import Adan
    from .optimizers.ademamix import AdEMAMix
    from .optimizers.adopt import ADOPT
    from .optimizers.aggmo import AggMo, AggMoExp, AggMoGeneral
    from .optimizers.lamb import LAMB
    from .optimizers.lars import LARS
    from .optimizers.momo import Momo, MomoAdam
    from .optimizers.muon import Muon
    from .optimizers.prodigy import Prodigy
    from .optimizers.quasi_hyperbolic import QHM, QHAdam
    from .optimizers.radam import RAdam, RAdamW
    from .optimizers.rmsprop import Adadelta, RMSprop
    from .optimizers.sgd import SGD, SGDW, Momentum, Nesterov
    from .optimizers.sign import Lion, Signum
    from .optimizers.soap import SOAP
    from .statistics import evaluation_statistics, update_statistics
    from .wrapping import (
        EMA,
        MARS,
        NTASGD,
        SWA,
        Cautious,
        GradientDropout,
        GradientNoise,
        LearningRateDropout,
        Lookahead,
        ScheduleFree,
    )

_LAZY = {  # what is imported, and torch with it, when it is first asked for
    "grouping.build": ("build_grouped",),
    "grouping.combined": ("CombinedOptimizer",),
    "grouping.resolve": ("parameter_groups",),
    "optimizer": ("ComposedOptimizer",),
    "optimizers.adabelief": ("AdaBelief", "Yogi"),
    "optimizers.adabound": ("AdaBound", "AMSBound"),
    "optimizers.adafactor": ("Adafactor",),
    "optimizers.adam": ("Adam", "AdamW", "AMSGrad", "NAdam"),
    "optimizers.adamp": ("AdamP", "SGDP"),
    "optimizers.adan": ("Adan",),
    "optimizers.ademamix": ("AdEMAMix",),
    "optimizers.adopt": ("ADOPT",),
    "optimizers.aggmo": ("AggMo", "AggMoExp", "AggMoGeneral"),
    "optimizers.lamb": ("LAMB",),
    "optimizers.lars": ("LARS",),
    "optimizers.momo": ("Momo", "MomoAdam"),
    "optimizers.muon": ("Muon",),
    "optimizers.prodigy": ("Prodigy",),
    "optimizers.quasi_hyperbolic": ("QHM", "QHAdam"),
    "optimizers.radam": ("RAdam", "RAdamW"),
    "optimizers.rmsprop": ("Adadelta", "RMSprop"),
    "optimizers.sgd": ("SGD", "SGDW", "Momentum", "Nesterov"),
    "optimizers.sign": ("Lion", "Signum"),
    "optimizers.soap": ("SOAP",),
    "statistics": ("evaluation_statistics", "update_statistics"),
    "wrapping": (
        *("Cautious", "EMA", "GradientDropout", "GradientNoise", "LearningRateDropout", "Lookahead", "MARS"),
        *("NTASGD", "SWA", "ScheduleFree"),
    ),
}
_MODULE_OF = {name: module for module, names in _LAZY.items() for name in names}


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


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# fmt: off
__all__ = [
    "ADOPT", "AMSBound", "AMSGrad", "AdEMAMix", "AdaBelief", "AdaBound", "Adadelta", "Adafactor", "Adam", "AdamP",
    "AdamW", "Adan", "AggMo", "AggMoExp", "AggMoGeneral", "Cautious", "CombinedOptimizer", "ComposedOptimizer",
    "EMA", "GradientDropout", "GradientNoise", "LAMB", "LARS", "LearningRateDropout", "Lion", "Lookahead", "MARS",
    "Momentum", "Momo", "MomoAdam", "Muon", "NAdam", "NTASGD", "Nesterov", "OptimizerConfig", "Prodigy", "QHAdam",
    "QHM", "RAdam", "RAdamW", "RMSprop", "SGD", "SGDP", "SGDW", "SOAP", "SWA", "ScheduleFree", "SettingError", "Signum",
    "Transform", "Wrapper", "Yogi", "build", "build_grouped", "check_wrappers", "configs", "evaluation_statistics",
    "parameter_groups", "update_statistics", "wrappers",
]
# fmt: on
