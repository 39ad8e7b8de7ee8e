"""The candidate of a conformance report that is a class from elsewhere: of a package, or of a user's file."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..config import OptimizerConfig
from ..external.config import ExternalConfig
from ..external.optimizer import constructed, has_modes, step_needs
from ..transform import Wrapper
from .candidate import SHAPES, Candidate, NotApplicable, parameters, set_gradients

MATRICES = ((5, 4), (3, 4), (4, 3), (6, 2))
TRIALS = (  # what the checks train, the first that the class can
    (torch.float64, SHAPES),
    (torch.float64, MATRICES),
    (torch.float32, SHAPES),
    (torch.float32, ((3,), *SHAPES[1:])),
    (torch.float32, MATRICES),
)


@dataclasses.dataclass
class ExternalCandidate(Candidate):
    """What the checks build and train: instances of the class itself, not of ExternalOptimizer around them.

    dtype, shapes: of the parameters. is_global: whether a parameter's gradient moves others too.
    """

    config: ExternalConfig

    is_own: ClassVar[bool] = False
    backends: ClassVar[tuple[str, ...]] = ("",)
    dtype: torch.dtype = dataclasses.field(default=torch.float64, init=False)
    shapes: Sequence[tuple[int, ...]] = dataclasses.field(default=SHAPES, init=False)
    is_global: bool = dataclasses.field(default=False, init=False)

    def __post_init__(self) -> None:
        with self.checking():
            for self.dtype, self.shapes in TRIALS:
                with contextlib.suppress(Exception):  # of any kind: the class's own
                    self.is_global = self.couples_parameters()
                    break
            else:
                self.dtype, self.shapes = TRIALS[0]
            optimizer = self.build(self.parameters())
            self.uses_loss, _ = step_needs(optimizer)
            self.defaults = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}

    @property
    def directions(self) -> tuple[bool, ...]:  # type: ignore[override]
        return (False, True) if hasattr(self.config, "maximize") else (False,)

    def couples_parameters(self) -> bool:
        """Whether the gradient of one parameter changes another."""
        weights = []
        for scale in (1.0, 3.0):
            params = self.parameters()
            optimizer = self.build(params)
            for n in range(8):
                loss = set_gradients(params, n)
                params[1].grad *= scale  # type: ignore[operator]
                self.step(optimizer, loss)
            weights.append(params[0])
        return not torch.equal(*weights)

    def parameters(
        self, dtype: torch.dtype | None = None, shapes: Iterable[tuple[int, ...]] | None = None, seed: int = 0
    ) -> list[torch.nn.Parameter]:
        shapes = self.shapes if shapes is None else list(shapes)
        if self.shapes is MATRICES and any(len(shape) != 2 for shape in shapes):
            raise NotApplicable("it takes matrices only")
        return parameters(dtype or self.dtype, shapes, seed)

    def shapes_like(self, shapes: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
        if self.shapes is not MATRICES:
            return list(shapes)
        return [(shape[0], prod(shape[1:])) for shape in shapes if len(shape) > 1]

    def build(self, params: Iterable[Any], maximize: bool = False, **options: Any) -> Any:
        config = dataclasses.replace(self.config, maximize=True) if maximize else self.config  # type: ignore[call-arg]
        optimizer = constructed(config, list(params))
        if has_modes(optimizer):
            optimizer.train()
        optimizer.register_step_pre_hook(same_random_numbers)
        return optimizer

    def step(self, optimizer: Any, loss: Tensor) -> Any:
        same_random_numbers()  # a copy of an optimizer has no hooks
        uses_loss, needs_closure = step_needs(optimizer)
        given = {"loss": loss} if uses_loss else {}
        return optimizer.step(closure=lambda: loss, **given) if needs_closure else optimizer.step(**given)

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Nothing is compiled, which would take minutes; torch's generator and its warnings are left alone."""
        with torch.random.fork_rng([]), torch.compiler.set_stance("force_eager"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    @contextmanager
    def evaluation_weights(self, optimizer: Any) -> Iterator[None]:
        if not has_modes(optimizer):
            yield
            return
        optimizer.eval()
        try:
            yield
        finally:
            optimizer.train()


def same_random_numbers(*_: Any) -> None:
    """A method that draws random numbers draws the same in every step, however often it is built."""
    torch.manual_seed(0)


def candidate_of(
    config: OptimizerConfig, wrap: Sequence[Wrapper] = (), options: dict[str, Any] | None = None
) -> Candidate:
    """The candidate that fits the configuration: of this package's transforms, or of a class from elsewhere."""
    if isinstance(config, ExternalConfig):
        return ExternalCandidate(config)
    return Candidate(config, wrap, options or {})
