"""Optimizers for Keras 3, on each of its backends: PyTorch, TensorFlow and JAX.

    from optim.keras import AggMo
    model.compile(AggMo(0.1, betas=(0, 0.9, 0.99)), "mse")      a keras.optimizers.Optimizer
    AggMo.from_exp_form(0.1, a=0.1, k=4, weight_decay=1e-4)
    keras.optimizers.LossScaleOptimizer(AggMo(0.1))             Keras's own wrappers and arguments apply

Importing this package imports neither Keras nor torch. Its optimizers import Keras, an optional requirement, and Keras
the backend that KERAS_BACKEND chooses. Nothing else of optim imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aggmo import AggMo

__all__ = ["AggMo"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .aggmo import AggMo
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise ModuleNotFoundError(f"{__name__} needs Keras: pip install 'keras>=3.15,<4'", name="keras") from None
    return globals().setdefault(name, AggMo)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
