"""Gradient methods with velocities on a quadratic, as linear dynamical systems; their convergence rates.

On f(x) = 1/2 lambda x^2 a step is a matrix on (x, v_1, ..., v_K):

    v_i <- beta_i v_i + scale lambda x        for all i
    x   <- x - lr (gradient lambda x + sum_i weights_i v_i)

and after many steps x shrinks by the matrix's spectral radius at each: Lessard, Recht and Packard, "Analysis and Design
of Optimization Algorithms via Integral Quadratic Constraints", SIAM J. Optim. 2016; so do Lucas et al., "Aggregated
Momentum", ICLR 2019, section 5.

classical momentum   betas [beta], weights [1]
Nesterov             betas [beta], weights [beta], gradient 1; his x is the point at which gradients are taken
AggMo                betas, weights 1/K each
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results.run import Run
from results.values import is_number

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class VelocityMethod:
    """A method by its velocities; see the module's text."""

    lr: float
    betas: Sequence[float] = ()
    weights: Sequence[float] = ()
    gradient: float = 0.0
    scale: float = 1.0

    def matrix(self, eigenvalue: float) -> numpy.ndarray:
        """(K + 1, K + 1): what a step makes of (x, v_1, ..., v_K)."""
        import numpy

        betas, weights = numpy.array(self.betas), numpy.array(self.weights)
        step = numpy.zeros((len(betas) + 1,) * 2)
        step[0, 0] = 1 - self.lr * eigenvalue * (self.gradient + self.scale * weights.sum())
        step[0, 1:] = -self.lr * weights * betas
        step[1:, 0] = self.scale * eigenvalue
        step[1:, 1:] = numpy.diag(betas)
        return step

    def spectral_radius(self, eigenvalue: float) -> float:
        """The factor by which x shrinks at each of many steps."""
        import numpy

        return float(abs(numpy.linalg.eigvals(self.matrix(eigenvalue))).max())

    def rate(self, eigenvalues: Sequence[float]) -> float:
        """-log of the largest spectral radius: how fast the distance to the optimum falls, a step. Negative where the
        method diverges.
        """
        import numpy

        return -float(numpy.log(max(map(self.spectral_radius, eigenvalues))))

    def velocities(self, x: Iterable[float], eigenvalue: float) -> numpy.ndarray:
        """(K, steps): the velocities that step 1, 2, ... has used. x: before these steps, from v = 0 on."""
        import numpy

        betas, found, v = numpy.array(self.betas), [], numpy.zeros(len(self.betas))
        for place in x:
            v = betas * v + self.scale * eigenvalue * place
            found.append(v)
        return numpy.array(found).reshape(len(found), len(betas)).T


def optimal_momentum_rate(condition: float) -> float:
    """-log((sqrt(k) - 1) / (sqrt(k) + 1)): classical momentum with the rate and beta that suit condition number k."""
    from math import log, sqrt

    return -log((sqrt(condition) - 1) / (sqrt(condition) + 1))


def method_of(config: Mapping[str, Any]) -> VelocityMethod | None:
    """The method of a run's configuration; None where a step is not linear in the point, or changes with time."""
    optim = config["optim"]
    changed = any(config.get(key) for key in ("wrap", "groups", "clip_norm", "clip_value"))
    changed |= any(config.get(part, {}).get(key) for part, key in (("finetune", "epochs"), ("branch", "run")))
    schedule = optim.get("lr_schedule", {})
    if changed or optim.get("weight_decay") or schedule.get("name") != "constant" or schedule.get("warmup"):
        return None
    lr, name, beta = optim["lr"], optim["name"], optim.get("momentum", 0.0)
    if name == "sgd" and not beta:
        return VelocityMethod(lr, gradient=1.0)
    if name == "nesterov" or (name == "sgd" and optim.get("nesterov")):
        return VelocityMethod(lr, [beta], [beta], gradient=1.0)
    if name in ("sgd", "momentum"):
        return VelocityMethod(lr, [beta], [1.0], scale=1 - optim.get("dampening", 0.0))
    betas = betas_of(optim) if name in ("aggmo", "aggmo_exp") else []
    return VelocityMethod(lr, betas, [1 / len(betas)] * len(betas)) if betas else None


def method_name(optimizer: str, method: VelocityMethod) -> str:
    """`nesterov lr=0.33 β=0.999`: what decides the method, also where it does not vary between runs."""
    betas = ",".join(f"{beta:.6g}" for beta in method.betas)
    beta = f" β=[{betas}]" if len(method.betas) > 1 else f" β={betas}" if method.betas else ""
    return f"{optimizer} lr={method.lr:g}{beta}"


def eigenvalues_of(run: Run) -> list[float]:
    """Of a finished run's quadratic; none of another problem's."""
    task = run.config["task"]
    found = task.get("eigenvalues") if task.get("objective") == "quadratic" and run.ending == "done" else None
    return found if isinstance(found, list) and all(is_number(each) and each > 0 for each in found) else []


def betas_of(optim: Mapping[str, Any]) -> list[float]:
    """AggMo's damping coefficients, as configured or of the exponential form: 1 - a^i."""
    if "betas" in optim:
        return optim["betas"]
    return [1 - optim["a"] ** i for i in range(optim["k"])] if {"a", "k"} <= optim.keys() else []
