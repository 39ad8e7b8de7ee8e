"""AggMo as an optimizer of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import keras
import numpy
from keras import ops

from ..ranges import Checked, ranged
from ..rules.aggmo import AggMoExpConfig, betas_field


@dataclass(frozen=True)
class AggMoConfig(Checked):
    """The numbers of AggMo by Keras's names, in the ranges of optim.AggMo."""

    learning_rate: float = ranged(0.1, "[0, inf)")
    betas: tuple[float, ...] = betas_field(0.0, 0.9, 0.99)
    weight_decay: float | None = ranged(None, "[0, inf)")


@keras.saving.register_keras_serializable(package="optim")
class AggMo(keras.optimizers.Optimizer):
    """v_i <- beta_i v_i + g;  w <- w - learning_rate/K sum_i v_i.

    learning_rate: a number in [0, inf), a LearningRateSchedule, or a callable without arguments; betas: K values in
    [0, 1), equal ones allowed; weight_decay: None, or in [0, inf); other arguments are those of
    keras.optimizers.Optimizer (clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
    loss_scale_factor, gradient_accumulation_steps, name). A value out of its range raises ValueError; so does `build`
    where a beta is 1 in the precision of a variable, whose velocity has it too (0.999 in bfloat16).
    State: K tensors of the variable's size.

    Source: Lucas, Sun, Zemel and Grosse, ICLR 2019, eq. 3, and the authors' optimizer for TensorFlow 1
    (github.com/AtheMathmo/AggMo, tensorflow/aggmo.py). Without weight decay it is optim.AggMo.
    Deviations: weight_decay is Keras's, decoupled: w <- w - learning_rate weight_decay w before the step. The paper's,
    and optim.AggMo's, is L2, added to g; as a layer's argument, kernel_regularizer=L2(weight_decay / 2) is that. The
    authors' TensorFlow optimizer has no weight decay and takes a callable for betas, which here are numbers; in the
    commit read, 5e8ae39, its from_exp_form names its argument k and reads K, a NameError. Sparse gradients mean the
    same in both: velocities decay in every row, whether or not the row has a gradient.

    >>> import keras
    >>> from optim.keras import AggMo
    >>> w = keras.Variable([1.0])
    >>> optimizer = AggMo(0.25, betas=(0.0, 0.5))
    >>> for _ in range(2):
    ...     optimizer.apply([keras.ops.ones(1)], [w])
    >>> w.numpy().item()             # 1 - 0.25 * (1 + (1 + 1.5) / 2)
    0.4375
    """

    def __init__(
        self,
        learning_rate: float | Callable[..., Any] = 0.1,
        betas: tuple[float, ...] = (0.0, 0.9, 0.99),
        weight_decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        changing = callable(learning_rate)  # a schedule is callable too
        if not changing and not isinstance(learning_rate, Real):
            kind = type(learning_rate).__name__
            raise AggMoConfig.error(f"learning_rate is of {kind}: neither a number in [0, inf) nor callable")
        config = AggMoConfig(0.0 if changing else learning_rate, betas, weight_decay)
        super().__init__(learning_rate if changing else float(learning_rate), weight_decay, **kwargs)
        self.betas = tuple(float(beta) for beta in config.betas)

    @classmethod
    def from_exp_form(
        cls, learning_rate: float | Callable[..., Any] = 0.1, a: float = 0.1, k: int = 3, **kwargs: Any
    ) -> AggMo:
        """The exponential form, beta_i = 1 - a^i for i = 0..k-1; a in (0, 1), k a positive integer."""
        return cls(learning_rate, AggMoExpConfig(a=a, k=k).betas, **kwargs)

    def build(self, variables: list[Any]) -> None:
        """Make the velocities of `variables`, K for each; does nothing where it was called before."""
        if self.built:
            return
        for variable in variables:
            dtype = keras.backend.standardize_dtype(variable.dtype)
            for i, beta in enumerate(self.betas):
                if numpy.float64(beta).astype(dtype) == 1:
                    raise AggMoConfig.error(f"betas[{i}]={beta} is 1 in {dtype}, the precision of {variable.name}")
        super().build(variables)
        names = [f"velocity_{i}" for i in range(len(self.betas))]
        self.velocities = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable and its velocities; Keras calls it for each variable that has a gradient."""
        index, dtype = self._get_variable_index(variable), variable.dtype
        gradient, learning_rate = ops.cast(gradient, dtype), ops.cast(learning_rate, dtype)
        total = None
        for of_beta, beta in zip(self.velocities, self.betas, strict=True):
            # ops instead of operators: they take TensorFlow's sparse gradients too
            v = ops.add(ops.multiply(of_beta[index], ops.cast(beta, dtype)), gradient)
            self.assign(of_beta[index], v)
            total = v if total is None else ops.add(total, v)
        mean = ops.divide(total, ops.cast(len(self.betas), dtype))
        self.assign_sub(variable, ops.multiply(mean, learning_rate))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "betas": list(self.betas)}
