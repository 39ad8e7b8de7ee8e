"""What is searched: the words of a command in Hydra's syntax, as axes that Optuna draws from.

optim.lr=interval(1e-4,1)              a number between these; 'tag(log,interval(1e-4,1))': by its logarithm
batch_size='int(interval(8,256))'      a whole number
optim.k='range(2,6)'                   2, 3, 4 or 5
optim=adam,sgd  optim.nesterov=true,false   one of these
seed=0,1,2                             searched are not seeds: a trial's value is the mean over these
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.config.errors import ConfigError


@dataclass(frozen=True)
class Axis:
    """A searched key. low, high (both can be drawn), step and log of numbers; or the words to choose from."""

    key: str
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.key.lstrip("+")

    def distribution(self) -> Any:
        """Optuna's; ConfigError for ends that it can't be between."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        try:
            if self.words:
                return CategoricalDistribution(self.words)
            if isinstance(self.low, int) and isinstance(self.high, int):
                return IntDistribution(self.low, self.high, log=self.log, step=int(self.step or 1))
            return FloatDistribution(self.low, self.high, log=self.log, step=self.step)
        except ValueError as error:
            raise ConfigError(f"{self.name}: {error}") from None

    def word(self, value: Any) -> str:
        """The override; steps of 0.1 come to 0.3 and not to 0.30000000000000004."""
        return f"{self.key}={value:.12g}" if self.step and isinstance(value, float) else f"{self.key}={value}"

    def examples(self) -> list[str]:
        """Every word, or the ends and, of an interval, a number between them."""
        between = () if self.step or isinstance(self.low, int) else (self.low + (self.high - self.low) / math.e,)
        return [self.word(value) for value in self.words or (self.low, self.high, *between)]


@dataclass(frozen=True)
class SearchSpace:
    """fixed: the words that all trials share. seeds: those of each trial, as words; none: the configured one."""

    fixed: tuple[str, ...]
    axes: tuple[Axis, ...]
    seeds: tuple[str, ...]

    def runs(self, params: Mapping[str, Any]) -> list[list[str]]:
        """The overrides of each of a trial's runs; params: values by the axes' names."""
        words = [*self.fixed, *(axis.word(params[axis.name]) for axis in self.axes)]
        return [[*words, seed] for seed in self.seeds] if self.seeds else [words]

    def probes(self) -> list[list[str]]:
        """Trials that show whether all can be: examples of each axis, the others at their first."""
        first = [axis.examples()[0] for axis in self.axes]
        return [[*self.fixed, *first]] + [
            [*self.fixed, *first[:i], word, *first[i + 1 :]]
            for i, axis in enumerate(self.axes)
            for word in axis.examples()[1:]
        ]


def read_search_space(words: Sequence[str], parser: Any) -> SearchSpace:
    """ConfigError if nothing is searched."""
    fixed, axes, seeds = {}, {}, []
    for override in parser.parse_overrides(list(words)):
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed[key] = f"{key}={override.get_value_element_as_str()}"
        elif key.lstrip("+") == "seed":
            seeds = repeated(override, key)
        else:
            axes[key] = axis(override, key)
    if not axes:
        raise ConfigError(
            "hydra/sweeper=optuna has nothing to search; give a key an interval, such as "
            "'optim.lr=tag(log,interval(1e-4,1))', a range or several values"
        )
    for found in axes.values():
        found.distribution()
    return SearchSpace(tuple(fixed.values()), tuple(axes.values()), tuple(seeds))


def repeated(override: Any, key: str) -> list[str]:
    if not override.is_discrete_sweep():
        raise ConfigError("seed is not searched; seed=0,1,2 takes the mean over these")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def axis(override: Any, key: str) -> Axis:
    sweep = override.value()
    if unknown := set(sweep.tags) - {"log"}:
        raise ConfigError(
            f"{override.input_line.lstrip('+')}: tag {', '.join(sorted(unknown))} is unknown; there is log"
        )
    log = "log" in sweep.tags
    if override.is_interval_sweep():
        return Axis(key, sweep.start, sweep.end, log=log)
    if override.is_range_sweep():
        values = sorted(number(value) for value in sweep.range())
        if not values:
            raise ConfigError(f"{override.input_line.lstrip('+')} holds no value")
        step = number(abs(sweep.step))
        return Axis(key, values[0], values[-1], None if log and step == 1 else step, log)
    if log:
        raise ConfigError(f"{override.input_line.lstrip('+')}: tag log is for intervals and ranges")
    return Axis(key, words=tuple(override.sweep_string_iterator()))


def number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)
