"""Small convex and bilinear problems with a known solution, as MoMo's authors generate them.

Both follow datasets/synthetic.py of step-back (F. Schaipp, commit 6061d27), number by number: numpy's RandomState draws
the same on every machine. The solution has a seed of its own, so that training and test samples share it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from data.features import Features, part_of
from data.samples import Part

if TYPE_CHECKING:
    import numpy

COUNT = {"range": "[1, inf)"}
SAMPLES = {"range": "[2, inf)"}
SEED = {"range": "[0, 4294967295]"}
SOLUTION_SEED = 12345678


@dataclass(frozen=True, kw_only=True)
class Generated(Features):
    """Base: `draw` makes samples of a seed. The defaults of the seeds are those of step-back's first run."""

    split: Literal["random", "first", "test"] = "test"
    num_train: int = field(default=200, metadata=SAMPLES)
    num_test: int = field(default=200, metadata=SAMPLES)
    noise: float = field(default=0.0, metadata={"range": "[0, inf)"})
    data_seed: int = field(default=1234567, metadata=SEED)  # of the training samples
    test_seed: int = field(default=456789, metadata=SEED)

    def draw(self, n: int, seed: int, training: bool) -> Part:
        raise NotImplementedError

    def read(self) -> tuple[Part, Part]:
        return self.draw(self.num_train, self.data_seed, True), self.draw(self.num_test, self.test_seed, False)


@dataclass(frozen=True, kw_only=True)
class SyntheticLinear(Generated):
    """y = a^T w + noise N(0, 1), or its sign: each of it wrong with probability `noise`, for target=sign.

    The rows a are Gaussian with mean 1, sparse where there are many samples, with columns of random scale brought to
    length 10: curvatures of one order, unequal. w is a Gaussian direction of length 1.
    """

    name: ClassVar[str] = "synthetic_linear"

    features: int = field(default=10, metadata=COUNT)
    target: Literal["value", "sign"] = "value"

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, self.features)

    @property
    def classes(self) -> int:
        return 1

    @property
    def has_signs(self) -> bool:  # type: ignore[override]
        return self.target == "sign"

    def validate(self) -> None:
        super().validate()
        if self.has_signs and self.noise >= 1:
            raise ValueError(f"data.noise={self.noise:g} is the share of wrong signs of data.target=sign, below 1")

    def draw(self, n: int, seed: int, training: bool) -> Part:
        import numpy

        random, solution = numpy.random.RandomState(seed), numpy.random.RandomState(SOLUTION_SEED)
        w = solution.randn(self.features)
        w /= numpy.linalg.norm(w)
        a = sparse_rows(random, n, self.features)
        if not a.any(axis=1).all():
            raise ValueError(f"data.features={self.features}: one of {n} samples is 0 throughout; take more features")
        a *= 10 / numpy.linalg.norm(a, axis=0).clip(min=1e-6)
        values = a @ w
        if not self.has_signs:
            return part_of(a, values + self.noise * random.randn(n))
        return part_of(a, numpy.where(values >= 0, 1.0, -1.0) * numpy.sign(random.rand(n) - self.noise))


def sparse_rows(random: Any, n: int, features: int) -> numpy.ndarray:
    """Rows of mean 1, columns of random scale; each number is kept with probability 30 log(n) / n."""
    rows = (random.randn(n, features) + 1) * (10 * random.randn(features))
    return rows * (random.rand(n, features) < 30 * log(n) / n)


@dataclass(frozen=True, kw_only=True)
class SyntheticMatrix(Generated):
    """y = A x, x Gaussian: targets of a linear map with singular directions of unequal size, to factor by two layers.

    A = D B with B uniform in [0, 1) and D from 10 down to condition_number in equal ratios; noise: every number of A
    that trains is off by a factor uniform in 1 +- noise.
    """

    name: ClassVar[str] = "synthetic_matrix"

    features: int = field(default=6, metadata=COUNT)
    outputs: int = field(default=10, metadata=COUNT)
    num_train: int = field(default=1000, metadata=SAMPLES)
    num_test: int = field(default=1000, metadata=SAMPLES)
    condition_number: float = field(default=1e-5, metadata={"range": "(0, inf)"})

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 1, self.features)

    @property
    def classes(self) -> int:
        return self.outputs

    def draw(self, n: int, seed: int, training: bool) -> Part:
        import numpy

        random, solution = numpy.random.RandomState(seed), numpy.random.RandomState(SOLUTION_SEED)
        scales = numpy.logspace(1, numpy.log10(self.condition_number), self.outputs)
        matrix = scales[:, None] * solution.rand(self.outputs, self.features)
        if training and self.noise:
            matrix *= 1 + self.noise * (solution.rand(self.outputs, self.features) * 2 - 1)
        x = random.randn(self.features, n)
        return part_of(x.T, (matrix @ x).T)
