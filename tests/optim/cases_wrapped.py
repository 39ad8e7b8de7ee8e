"""Rows of the shared table: every wrapper, alone and with the others."""

from __future__ import annotations

from typing import Any

from optim.rules.adam import AdamConfig
from optim.rules.aggmo import AggMoConfig
from optim.rules.sgd import MomentumConfig, NesterovConfig
from optim.wrappers.ema import EMAWrapper
from optim.wrappers.gradient_dropout import GradientDropoutWrapper
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.learning_rate_dropout import LearningRateDropoutWrapper
from optim.wrappers.lookahead import LookaheadWrapper

ALL = (
    GradientNoiseWrapper(0.1),
    GradientDropoutWrapper(0.8),
    LearningRateDropoutWrapper(0.6),
    LookaheadWrapper(3, 0.4, "pullback"),
    EMAWrapper(0.8),
)


def rows(case: Any) -> dict[str, Any]:
    """case: the table's Case(spec, buffers, reference, wrap)."""
    return {
        "dropouts": case(
            AdamConfig(0.05, weight_decay=0.1), 2, None, (LearningRateDropoutWrapper(0.6), GradientDropoutWrapper(0.7))
        ),
        "averaged": case(MomentumConfig(0.05), 2, None, (EMAWrapper(0.8),)),
        "lookahead_reset": case(NesterovConfig(0.05), 2, None, (LookaheadWrapper(3, 0.6, "reset"),)),
        "lookahead_pullback": case(
            AggMoConfig(0.05), 8, None, (LookaheadWrapper(3, 0.6, "pullback"), EMAWrapper(0.9, debias=False))
        ),
        "wrapped_in_all": case(AdamConfig(0.05), 5, None, ALL),
    }
