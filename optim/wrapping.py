"""Wrappers around an optimizer that exists: the public functions Lookahead, EMA, GradientNoise, ...

    optimizer = Lookahead(Adam(model.parameters(), lr=1e-3), k=5)
    optimizer = EMA(Lookahead(AggMo(model.parameters())), momentum=0.99)

There is one optimizer: the wrapper is added to the inner one, which is then returned. A second optimizer over
the same parameters and state could be stepped without the wrapper; this way schedulers, hooks and names that were
bound to the inner one go on, and stepping either is stepping both.

As with any functions that enclose one another, the outer wrapper sees the gradient first and the weights last:
A(B(optimizer)) is build(..., wrap=[A, B]) for wrappers of the gradient and wrap=[B, A] for all others. Their
places are fixed, whatever encloses what: learning-rate dropout masks the method's step, Lookahead acts on
the weights after that, and EMA averages what Lookahead leaves and is what is evaluated. The same wrapper twice
is refused: its numbers and tensors live under its name. So are two that exclude each other, as two averages do.

Each function takes any optimizer of this package, wrapped or not, also in mid-training, and changes and returns it.
It raises SettingError for a value out of its range, ValueError for the same wrapper twice or two that exclude each
other, TypeError for anything that is not an optimizer of this package.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch

from .backends import working
from .config import check_wrappers
from .optimizer import ComposedOptimizer
from .pipeline import BoundTransform
from .transform import Wrapper, overrides
from .wrappers.cautious import CautiousWrapper
from .wrappers.ema import EMAWrapper
from .wrappers.gradient_dropout import GradientDropoutWrapper
from .wrappers.gradient_noise import GradientNoiseWrapper
from .wrappers.learning_rate_dropout import LearningRateDropoutWrapper
from .wrappers.lookahead import LookaheadWrapper
from .wrappers.mars import MARSWrapper
from .wrappers.nt_asgd import NTASGDWrapper
from .wrappers.schedule_free import ScheduleFreeWrapper
from .wrappers.swa import SWAWrapper


def Lookahead(
    optimizer: ComposedOptimizer, k: int = 5, alpha: float = 0.5, pullback: str = "none"
) -> ComposedOptimizer:
    """Every k steps: phi <- phi + alpha (theta - phi);  theta <- phi.  phi = theta before the first step.

    k a positive integer; alpha in (0, 1]; pullback, what then becomes of each momentum buffer v: "none" keeps
    it, "reset" zeroes it, "pullback" makes of it what alpha makes of theta: w <- w + alpha (v - w);  v <- w,
    w = 0 before the first step. Whatever else the method keeps (Adam's v, the count of steps) stays.
    alpha = 1 without a reset leaves the inner optimizer as it is, to the last bit.
    The slow weights phi are the ones to evaluate with; batch norm's statistics for them: `evaluation_statistics`.
    Source: Zhang, Lucas, Hinton and Ba, NeurIPS 2019, algorithm 1; pullback as in the authors' code.
    Deviations: none in the rule. The authors' code stores an alias of the momentum with pullback, so that its w
    moves with v, and leaves phi out of its state_dict; its alpha is 0.8 by default, here the paper's 0.5. It evaluates
    phi with batch norm's statistics of theta.
    """
    return wrap(LookaheadWrapper(k, alpha, pullback), optimizer)


def EMA(optimizer: ComposedOptimizer, momentum: float = 0.999, debias: bool = True) -> ComposedOptimizer:
    """m <- momentum m + (1 - momentum) p, m = 0 before the first step; evaluated at m / (1 - momentum^t).

    momentum in [0, 1), and 0 evaluates the weights themselves, to the last bit; debias=False evaluates at m,
    which is near 0 for the first 1 / (1 - momentum) steps. p are the weights that training goes on from: with
    Lookahead, those after its synchronisation, wherever the two are put, and m is then what is evaluated.
    Put around an optimizer that has taken steps already, the mean counts them as steps at the present weights.
    Batch norm's statistics for the mean: `evaluation_statistics`.
    Source: objax (Google, 2020), optimizer.ExponentialMovingAverage.
    Deviations: debias is on unless it is turned off (objax: the other way round). Its divisor is 1 - momentum^t, and
    objax's 1 - (1 - 1e-6) momentum^t, which is never 0: the first mean of momentum 0.999 is 0.1 % smaller there, the
    hundredth 1e-5, and before the first step, when it is 0 there, here the weights themselves are evaluated. objax
    averages batch norm's statistics too; the mean of statistics is not what the mean weights have.
    """
    return wrap(EMAWrapper(momentum, debias), optimizer)


def SWA(optimizer: ComposedOptimizer, start: int = 1, every: int = 1) -> ComposedOptimizer:
    """m <- m + (p - m) / n at the steps start, start + every, start + 2 every, ..., the n-th of them; evaluated at m.

    start, every: positive integers, in steps; a configuration gives them in epochs, `every` 1 as in the authors' code.
    p are the weights that training goes on from, and until `start` those to evaluate with. A cyclic learning rate
    wants an average at the end of each cycle: `every` its length. Batch norm's statistics for the mean:
    `evaluation_statistics`.
    Source: Izmailov, Podoprikhin, Garipov, Vetrov and Wilson, UAI 2018, algorithm 1; torch's AveragedModel.
    Deviations: none in the rule; the learning rate, constant or cyclic from `start` on in the paper, is the schedule's.
    The defaults, ours, average from the first step: Polyak's average.
    """
    return wrap(SWAWrapper(start, every), optimizer)


def NTASGD(optimizer: ComposedOptimizer, n: int = 5) -> ComposedOptimizer:
    """From the trigger on m <- m + (p - m) / max(1, t - 1), t the steps since; evaluated at m, before at p.

        optimizer = NTASGD(SGD(model.parameters(), lr=30.0))
        losses.append(validation_loss)          after each epoch, of the weights inside optimizer.evaluation_weights()
        optimizer.end_epoch(losses)             True for the call that triggers

    The trigger: a validation loss is worse than the best of those before it, the last `n` of them left out. Then the
    mean starts, and the method goes on with its own steps. n a positive integer, in epochs. A parameter that joins
    later is averaged from the end of its first epoch on. Batch norm's statistics for the mean: `evaluation_statistics`.
    Source: Merity, Keskar and Socher, ICLR 2018, algorithm 1; the trigger and the mean of the authors' code,
    torch.optim.ASGD(lambd=0, t0=0), which leaves the weights after the first step out of it.
    Deviations: the authors' is SGD before and after the trigger, here it is any method, whose state and learning-rate
    schedule the trigger leaves alone.
    """
    return wrap(NTASGDWrapper(n), optimizer)


def ScheduleFree(
    optimizer: ComposedOptimizer, beta: float = 0.9, r: float = 0.0, weight_lr_power: float = 2.0
) -> ComposedOptimizer:
    """z <- z - lr u(y);  x <- (1 - c) x + c z;  y <- beta x + (1 - beta) z.  c = w_t / (w_1 + ... + w_t).

    u is the method's step over lr, y are the training weights and x those to evaluate with; all are p before the first
    step. w_t = t^r lr_max^weight_lr_power, lr_max the largest learning rate so far, so that the steps of a warm-up
    count less. beta in (0, 1], and 1 is primal averaging; r and weight_lr_power in [0, inf).
    beta stands for the method's momentum, which should be 0:

        ScheduleFree(SGD(params, lr, weight_decay=wd), beta)                              schedulefree.SGDScheduleFree
        ScheduleFree(AdamW(params, lr, betas=(0, beta2), weight_decay=wd), beta)          schedulefree.AdamWScheduleFree

    Use it with a constant learning rate, after a warm-up for Adam. What the method reads of the weights, as decay does,
    is of y. Batch norm's statistics for x: `evaluation_statistics`. Refused together with Lookahead, EMA and SWA.
    Source: Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky, NeurIPS 2024; r and weight_lr_power of the authors'
    code, whose defaults these are.
    Deviations: t counts each parameter's steps, in the code the group's. As in the code, x is computed from y and z
    when it is asked for. A small beta loses digits of it, and where y is of 16 bits, which small steps don't move, it
    drifts off: train float32 parameters, under autocast if need be.
    """
    return wrap(ScheduleFreeWrapper(beta, r, weight_lr_power), optimizer)


def Cautious(optimizer: ComposedOptimizer, scale: str = "mean") -> ComposedOptimizer:
    """u <- u d / max(mean(d), 0.001), each coordinate of d 1 where u g > 0 and else 0.

    scale="nnz" divides by (sum(d) + 1) / n instead, n the number of the tensor's elements. g is the gradient of the
    loss alone, as it was before noise, L2 decay and the like. u is the method's direction without decoupled decay
    (AdamW, SGDW), which moves every coordinate as ever; L2 decay and that of AdamP, SGDP, Momo, Adafactor and Prodigy
    are part of u.
    Source: Liang, Chen, Liu and Liu, ICLR 2026 (arXiv 2411.16085, 2024), whose alpha is scale="nnz"; "mean" is the
    authors' code.
    Deviations: the signs are compared, not the product u g, which is 0 in float32 for small numbers.
    """
    return wrap(CautiousWrapper(scale), optimizer)


def MARS(
    optimizer: ComposedOptimizer, gamma: float = 0.025, beta: float = 0.95, max_norm: float = 1.0
) -> ComposedOptimizer:
    """c = g + gamma beta / (1 - beta) (g - g of the step before);  g <- c / max(||c|| / max_norm, 1).

    The norm is that of each tensor. gamma in [0, inf); beta in [0, 1), the momentum of the method, given once more;
    max_norm in (0, inf). MARS-AdamW is MARS(AdamW(params, lr, betas=(0.95, 0.99))).
    Source: Yuan, Liu, Wu, Zhou and Gu, ICML 2025 (arXiv 2411.10438, 2024), MARS-approx; the authors' code, whose
    defaults these are, and in whose first step, too, the gradient before counts as 0.
    Deviations: all tensors are corrected; in the code vectors go to a plain AdamW unless optimize_1d is set. The exact
    form, with this batch's gradient at the weights before, needs two gradients a step: it is not here.
    """
    return wrap(MARSWrapper(gamma, beta, max_norm), optimizer)


def GradientNoise(optimizer: ComposedOptimizer, eta: float = 0.01, gamma: float = 0.55) -> ComposedOptimizer:
    """g <- g + N(0, eta / (1 + t)^gamma), independent in each coordinate, t = 0 at the first step.

    eta in [0, inf), a variance (0 is no noise, to the last bit); gamma in [0, 20].
    Source: Neelakantan et al., 2015 (arXiv 1511.06807), eq. 1; the paper chooses eta from {0.01, 0.3, 1.0}
    and gamma = 0.55.
    Deviations: none. neural-net-optimization draws one number a batch for all coordinates, and takes a step, and counts
    one in t, after each tensor. The draw depends on (seed, parameter, step) only, so a resumed run repeats it.
    """
    return wrap(GradientNoiseWrapper(eta, gamma), optimizer)


def GradientDropout(optimizer: ComposedOptimizer, keep: float = 0.9) -> ComposedOptimizer:
    """g <- d g, each coordinate of d 1 with probability `keep` and else 0, anew at every step.

    keep in (0, 1]; 1 drops nothing, to the last bit. What is kept is not rescaled, as in the sources, so the
    gradient's mean is `keep` of what it was. A coordinate without gradient still moves by its momentum.
    Source: Lin et al., 2019 (arXiv 1912.00144), as what learning-rate dropout is compared with; keep = 0.9 is
    neural-net-optimization's (its retain probability).
    Deviations: none. That code takes a step after each tensor's mask; here, as in the paper, there is one step.
    The draw depends on (seed, parameter, step) only, so a resumed run repeats it.
    """
    return wrap(GradientDropoutWrapper(keep), optimizer)


def LearningRateDropout(optimizer: ComposedOptimizer, keep: float = 0.5) -> ComposedOptimizer:
    """u <- d u, each coordinate of d 1 with probability `keep` and else 0, anew at every step.

    keep in (0, 1], the paper's p; 1 drops nothing, to the last bit. The moments are those of the full gradient,
    and what is kept is not rescaled. Decoupled weight decay is part of the step, and lr scales it: a coordinate
    whose learning rate is dropped does not move at all.
    Source: Lin et al., 2019 (arXiv 1912.00144), which recommends p = 0.5.
    Deviations: none in the rule; the paper has L2 decay only. The authors' RMSprop masks the gradient before L2 decay
    is added, which then moves v and not the step. The draw depends on (seed, parameter, step) only, so a resumed run
    repeats it.
    """
    return wrap(LearningRateDropoutWrapper(keep), optimizer)


@torch.no_grad()
def wrap(wrapper: Wrapper, optimizer: ComposedOptimizer) -> ComposedOptimizer:
    """Put `wrapper` around `optimizer`, in place, and return it; where it raises, nothing has changed."""
    if not isinstance(optimizer, ComposedOptimizer):
        raise TypeError(
            f"{wrapper.label()}: wraps an optimizer of this package, such as optim.Momentum(params) or another "
            f"wrapper's, not {_described(optimizer)}"
        )
    if optimizer.evaluating:
        raise RuntimeError(f"{wrapper.name}: can't be put around an optimizer inside evaluation_weights()")
    wrappers = (wrapper, *optimizer.wrap) if wrapper.place == "gradient" else (*optimizer.wrap, wrapper)
    check_wrappers(optimizer.config, wrappers)
    bound = BoundTransform(wrapper, optimizer.config.transforms())
    groups = [{**group, **bound.defaults} for group in optimizer.param_groups]
    joined = [
        (s, bound.init_late(working(p.detach()), s, group))
        for group in groups
        for p in group["params"]
        if (s := optimizer.state.get(p))
    ]
    optimizer.set_wrappers(wrappers, bound)
    for s, new in joined:
        s.update(new)
    return optimizer


@torch.no_grad()
def with_late_state(optimizer: ComposedOptimizer, saved: Mapping[str, Any], late: Collection[str]) -> dict[str, Any]:
    """The state_dict that `optimizer` can load where `saved` is of one without the wrappers named `late`.

    The parameters must have the weights that belong to `saved`, which is left as it is.
    """
    bounds = [each for each in optimizer.pipeline.bound_transforms if each.is_wrapper and each.label in late]
    groups, state = [], dict(saved["state"])
    for ours, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        groups.append({**{key: value for key, value in ours.items() if key != "params"}, **theirs})
        for p, key in zip(ours["params"], theirs["params"], strict=True):
            if s := state.get(key):
                new = [each.init_late(working(p.detach()), s, groups[-1]) for each in bounds]
                state[key] = {name: x for part in (s, *new) for name, x in part.items()}
    return {**saved, "state": state, "param_groups": groups}


@torch.no_grad()
def state_to_start_anew(optimizer: ComposedOptimizer, saved: Mapping[str, Any]) -> dict[int, Any]:
    """The `state` of a state_dict of `optimizer` without steps, for training that starts anew from evaluation weights.

    saved: the state_dict of until then. Empty, as that of a new optimizer, unless a wrapper has something to keep.
    """
    bounds = [each for each in optimizer.pipeline.bound_transforms if each.is_wrapper]
    bounds = [each for each in bounds if overrides(each.transform, "init_again")]
    state = {}
    for ours, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        for p, key in zip(ours["params"], theirs["params"], strict=True):
            if bounds and (s := saved["state"].get(key)):
                state[key] = optimizer.pipeline.init(working(p.detach()), ours)
                for each in bounds:
                    state[key].update(each.init_again(working(p.detach()), s, ours))
    return state


def _described(given: Any) -> str:
    kind = type(given)
    return f"a {kind.__module__}.{kind.__name__}" if isinstance(given, torch.optim.Optimizer) else repr(given)
