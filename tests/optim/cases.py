"""The cases that the optimizer tests share: every method, wrapped ones, and what an unwrapped one must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import adamp
import momo
import pytest
import torch
from cases_adaptive import ADAPTIVE
from cases_modern import MODERN
from references import (
    BETAS,
    DECAY,
    EPS,
    LR,
    PaperLARS,
    Sutskever,
    adaboundw,
    amsgrad_before,
    amsgrad_never,
    bounded,
    built_by,
    decoupled,
    formula,
    in_double,
    nadam,
    objax_adam,
    radam,
    radamw_nesterov,
    torch_optimizer,
)
from references_wrapped import cautious_adamw, mars_adamw, schedule_free_adamw, schedule_free_sgd

import optim
from optim.conformance import Candidate
from optim.rules.adabound import AdaBoundConfig, AMSBoundConfig
from optim.rules.adadelta import AdadeltaConfig
from optim.rules.adam import AdamConfig
from optim.rules.adamp import AdamPConfig
from optim.rules.adamw import AdamWConfig
from optim.rules.aggmo import AggMoConfig, AggMoExpConfig
from optim.rules.aggmo_general import AggMoGeneralConfig
from optim.rules.amsgrad import AMSGradConfig
from optim.rules.lars import LARSConfig
from optim.rules.momo import MomoConfig
from optim.rules.momo_adam import MomoAdamConfig
from optim.rules.nadam import NAdamConfig
from optim.rules.radam import RAdamConfig, RAdamWConfig
from optim.rules.rmsprop import RMSpropConfig
from optim.rules.sgd import MomentumConfig, NesterovConfig, SGDConfig
from optim.rules.sgdp import SGDPConfig
from optim.rules.sgdw import SGDWConfig
from optim.wrappers.cautious import CautiousWrapper
from optim.wrappers.ema import EMAWrapper
from optim.wrappers.gradient_dropout import GradientDropoutWrapper
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.learning_rate_dropout import LearningRateDropoutWrapper
from optim.wrappers.lookahead import LookaheadWrapper
from optim.wrappers.mars import MARSWrapper
from optim.wrappers.nt_asgd import NTASGDWrapper
from optim.wrappers.schedule_free import ScheduleFreeWrapper
from optim.wrappers.swa import SWAWrapper


@dataclass(frozen=True)
class Case:
    """An optimizer of ours, and what it must equal to 1e-12."""

    config: optim.OptimizerConfig
    reference: Callable[[Any], torch.optim.Optimizer] | None = None
    wrap: tuple[optim.Wrapper, ...] = ()

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.config, self.wrap)

    def build(self, params: Any, **options: Any) -> optim.ComposedOptimizer:
        return optim.build(self.config, params, self.wrap, **options)


ALL = (  # that go together
    GradientNoiseWrapper(0.1),
    GradientDropoutWrapper(0.8),
    MARSWrapper(0.1, 0.9),
    CautiousWrapper(),
    LearningRateDropoutWrapper(0.6),
    LookaheadWrapper(3, 0.4, "pullback"),
    EMAWrapper(0.8),
)
_AGGMO = (0.0, 0.8, 0.97)
_ADAM = (LR, BETAS, EPS, DECAY)
_TORCH_ADAM = {"betas": BETAS, "eps": EPS, "weight_decay": DECAY}
_BOUNDS = (LR, BETAS, 0.04, 0.2, EPS, DECAY)
_BOTH = {"lr": LR, "weight_decay": DECAY}
# the loss of `train` falls from 124 to about 0; at these bounds either term of tau decides some of 48 steps
_MODEL, _ADAM_MODEL = {"lb": 0.0, **_BOTH}, {"lb": 25.0, "betas": BETAS, "eps": EPS, **_BOTH}
_FSTAR = {"divide": False, "use_fstar": True, **_ADAM_MODEL}
_CORRECTED = {"bias_correction": True, "use_fstar": True, **_MODEL}
_ADAMP = {"betas": BETAS, "eps": EPS, "delta": 3.0, "wd_ratio": 0.3, **_BOTH}
_SGDP = {"momentum": 0.8, "dampening": 0.4, "delta": 1.0, "wd_ratio": 0.3, **_BOTH}
_LARS = {"momentum": 0.9, "trust_coefficient": 0.3, **_BOTH}

SGD_CASES = {
    "sgd": Case(SGDConfig(LR), built_by(torch.optim.SGD)),
    "sgd_l2": Case(SGDConfig(LR, weight_decay=DECAY), built_by(torch.optim.SGD, weight_decay=DECAY)),
    "momentum": Case(MomentumConfig(LR, 0.9), built_by(torch.optim.SGD, momentum=0.9)),
    "momentum_damped": Case(
        MomentumConfig(LR, 0.9, dampening=0.4, weight_decay=DECAY),
        built_by(torch.optim.SGD, momentum=0.9, dampening=0.4, weight_decay=DECAY),
    ),
    "nesterov": Case(
        NesterovConfig(LR, 0.8, weight_decay=DECAY),
        built_by(torch.optim.SGD, momentum=0.8, weight_decay=DECAY, nesterov=True),
    ),
    "sgdw": Case(SGDWConfig(LR, 0.9, 0.4, DECAY), decoupled(built_by(torch.optim.SGD, momentum=0.9, dampening=0.4))),
    "sgdw_nesterov": Case(
        SGDWConfig(LR, 0.8, 0.0, DECAY, nesterov=True),
        decoupled(built_by(torch.optim.SGD, momentum=0.8, nesterov=True)),
    ),
    "momentum_lr_inside": Case(MomentumConfig(LR, 0.9, lr_in_velocity=True), built_by(Sutskever, momentum=0.9)),
    "sgdw_lr_inside": Case(
        SGDWConfig(LR, 0.9, weight_decay=DECAY, lr_in_velocity=True), built_by(Sutskever, momentum=0.9, decay=DECAY)
    ),
    "aggmo": Case(AggMoConfig(LR, _AGGMO), built_by(torch_optimizer.AggMo, betas=_AGGMO)),
    "aggmo_l2": Case(AggMoConfig(LR, _AGGMO, DECAY), built_by(torch_optimizer.AggMo, betas=_AGGMO, weight_decay=DECAY)),
    "aggmo_exp": Case(AggMoExpConfig(LR, 0.2, 4), built_by(torch_optimizer.AggMo.from_exp_form, a=0.2, k=4)),
    "aggmo_general": Case(
        AggMoGeneralConfig(LR, (0.0, 0.8), (2.0, 1.6), DECAY),
        built_by(torch.optim.SGD, nesterov=True, momentum=0.8, weight_decay=DECAY),
    ),
}
MOMENT_CASES = {
    "adam": Case(AdamConfig(LR), built_by(torch.optim.Adam)),
    "adam_l2": Case(AdamConfig(*_ADAM), built_by(torch.optim.Adam, **_TORCH_ADAM)),
    "adam_objax": Case(AdamConfig(*_ADAM, eps_inside_sqrt=True), formula(objax_adam)),
    "rmsprop": Case(
        RMSpropConfig(LR, 0.9, EPS, DECAY), built_by(torch.optim.RMSprop, alpha=0.9, eps=EPS, weight_decay=DECAY)
    ),
    "rmsprop_centered": Case(
        RMSpropConfig(LR, 0.9, EPS, 0.0, 0.8, centered=True),
        built_by(torch.optim.RMSprop, alpha=0.9, eps=EPS, momentum=0.8, centered=True),
    ),
    "adamw": Case(AdamWConfig(*_ADAM), built_by(torch.optim.AdamW, **_TORCH_ADAM)),
    "adamw_amsgrad": Case(AdamWConfig(*_ADAM, amsgrad=True), built_by(torch.optim.AdamW, amsgrad=True, **_TORCH_ADAM)),
    "amsgrad": Case(AMSGradConfig(*_ADAM), built_by(torch.optim.Adam, amsgrad=True, **_TORCH_ADAM)),
    "amsgrad_before": Case(AMSGradConfig(*_ADAM, "before"), formula(amsgrad_before)),
    "amsgrad_never": Case(AMSGradConfig(LR, BETAS, EPS, 0.0, "never"), formula(amsgrad_never)),
    "nadam": Case(NAdamConfig(*_ADAM), nadam()),
    "nadam_constant": Case(
        NAdamConfig(*_ADAM, 1e9, decoupled_weight_decay=True), nadam(momentum_decay=1e9, decoupled_weight_decay=True)
    ),
    "radam": Case(RAdamConfig(*_ADAM), formula(radam)),
    "radam_torch": Case(RAdamConfig(*_ADAM, rho_threshold=5), built_by(torch.optim.RAdam, **_TORCH_ADAM)),
    "radamw": Case(
        RAdamWConfig(*_ADAM, rho_threshold=5),
        built_by(torch.optim.RAdam, decoupled_weight_decay=True, **_TORCH_ADAM),
    ),
    "radamw_nesterov": Case(RAdamWConfig(*_ADAM, nesterov=True), formula(radamw_nesterov)),
    "adabound": Case(AdaBoundConfig(*_BOUNDS), bounded()),
    "amsbound": Case(AMSBoundConfig(*_BOUNDS), bounded(amsbound=True)),
    "adaboundw": Case(AdaBoundConfig(*_BOUNDS, decoupled_weight_decay=True), formula(adaboundw)),
    "amsboundw": Case(
        AMSBoundConfig(*_BOUNDS, decoupled_weight_decay=True), decoupled(bounded(weight_decay=0.0, amsbound=True))
    ),
    "adadelta": Case(
        AdadeltaConfig(LR, 0.9, 1e-3, DECAY), built_by(torch.optim.Adadelta, rho=0.9, eps=1e-3, weight_decay=DECAY)
    ),
}
ADAPTIVE_CASES = {
    "momo": Case(MomoConfig(**_MODEL), lambda ps: in_double(momo.Momo)(ps, **_MODEL)),
    "momo_corrected": Case(MomoConfig(**_CORRECTED), lambda ps: in_double(momo.Momo)(ps, **_CORRECTED)),
    "momo_adam": Case(MomoAdamConfig(**_ADAM_MODEL), lambda ps: in_double(momo.MomoAdam)(ps, **_ADAM_MODEL)),
    "momo_adam_fstar": Case(MomoAdamConfig(**_FSTAR), lambda ps: in_double(momo.MomoAdam)(ps, **_FSTAR)),
    "adamp": Case(AdamPConfig(**_ADAMP), lambda ps: adamp.AdamP(ps, **_ADAMP)),
    "adamp_nesterov": Case(AdamPConfig(nesterov=True, **_ADAMP), lambda ps: adamp.AdamP(ps, nesterov=True, **_ADAMP)),
    "sgdp": Case(SGDPConfig(**_SGDP)),  # the package is wrong: see test_projected
    "sgdp_nesterov": Case(SGDPConfig(nesterov=True, **_SGDP), lambda ps: adamp.SGDP(ps, nesterov=True, **_SGDP)),
    "lars": Case(LARSConfig(**_LARS), PaperLARS),
    "lars_objax": Case(LARSConfig(**_LARS, eps=0.2), lambda ps: PaperLARS(ps, eps=0.2)),
}
ADAPTIVE_CASES |= {name: Case(*case) for name, case in ADAPTIVE.items()}
WRAPPED_CASES = {
    "noisy": Case(MomentumConfig(LR), wrap=(GradientNoiseWrapper(0.1),)),
    "lookahead": Case(AdamConfig(LR), wrap=(LookaheadWrapper(3, 0.6),)),
    "noisy_lookahead": Case(AggMoConfig(LR, weight_decay=DECAY), wrap=(LookaheadWrapper(4), GradientNoiseWrapper())),
    "dropouts": Case(
        AdamConfig(LR, weight_decay=DECAY), wrap=(LearningRateDropoutWrapper(0.6), GradientDropoutWrapper(0.7))
    ),
    "averaged": Case(MomentumConfig(LR), wrap=(EMAWrapper(0.8),)),
    "lookahead_reset": Case(NesterovConfig(LR), wrap=(LookaheadWrapper(3, 0.6, "reset"),)),
    "lookahead_pullback": Case(
        AggMoConfig(LR), wrap=(LookaheadWrapper(3, 0.6, "pullback"), EMAWrapper(0.9, debias=False))
    ),
    "momo_pullback": Case(MomoConfig(**_MODEL), wrap=(LookaheadWrapper(3, 0.6, "pullback"),)),
    "schedule_free": Case(
        SGDConfig(LR, weight_decay=DECAY), schedule_free_sgd, wrap=(ScheduleFreeWrapper(0.8, 1.5, 1.0),)
    ),
    "schedule_free_adamw": Case(
        AdamWConfig(LR, (0.0, BETAS[1]), EPS, DECAY), schedule_free_adamw, wrap=(ScheduleFreeWrapper(),)
    ),
    "cautious": Case(AdamWConfig(*_ADAM), formula(cautious_adamw), wrap=(CautiousWrapper(),)),
    "mars": Case(AdamWConfig(*_ADAM), mars_adamw, wrap=(MARSWrapper(0.1, BETAS[0]), CautiousWrapper("nnz"))),
    "swa": Case(MomentumConfig(LR), built_by(torch.optim.SGD, momentum=0.9), wrap=(SWAWrapper(2, 3),)),
    "nt_asgd": Case(SGDConfig(LR), built_by(torch.optim.SGD), wrap=(NTASGDWrapper(2),)),
    "wrapped_in_all": Case(AdamConfig(LR), wrap=ALL),
}
MODERN_CASES = {name: Case(config, reference) for name, (config, reference) in MODERN.items()}
CASES = {**SGD_CASES, **MOMENT_CASES, **ADAPTIVE_CASES, **WRAPPED_CASES, **MODERN_CASES}
assert {case.config.name for case in CASES.values()} == optim.configs().keys(), "every method needs a case"

# methods of different mechanisms, and one in all wrappers; the slow lane runs the others
QUICK = {
    "sgd",
    "momentum_damped",
    "aggmo_l2",
    "adam_l2",
    "adamw",
    "nadam",
    "radam",
    "adabound",
    "lars",
    "momo",
    "momo_adam_fstar",
    "adamp",
    "adafactor",
    "prodigy",
    "schedule_free",
    "wrapped_in_all",
    "muon",
    "ademamix",
}
assert QUICK <= CASES.keys()
every_case = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in CASES]
)
