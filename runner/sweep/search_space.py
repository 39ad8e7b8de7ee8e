"""The search space of an Optuna search, from overrides in Hydra's syntax.

optim.lr=interval(1e-4,1)              a number between these; 'tag(log,interval(1e-4,1))': on a logarithmic scale
batch_size='int(interval(8,256))'      an integer
optim.k='range(2,6)'                   2, 3, 4 or 5
optim=adam,sgd  optim.nesterov=true,false   one of these
seed=0,1,2                             not searched: the value of a trial is the mean over these seeds
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from runner.config.errors import ConfigError


@dataclass(frozen=True)
class Parameter:
    """A searched key.

    Of numbers: low and high (both included), step (None: any number between them) and log, the logarithmic scale.
    Otherwise: the choices, as on the command line.
    """

    key: str
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.key.lstrip("+")

    def distribution(self) -> BaseDistribution:
        """Optuna's; ConfigError for bounds that it does not take."""
        try:
            if self.choices:
                return CategoricalDistribution(self.choices)
            if isinstance(self.low, int) and isinstance(self.high, int):
                return IntDistribution(self.low, self.high, log=self.log, step=int(self.step or 1))
            return FloatDistribution(self.low, self.high, log=self.log, step=self.step)
        except ValueError as error:
            raise ConfigError(f"{self.name}: {error}") from None

    def override(self, value: Any) -> str:
        """key=value; a multiple of the step 0.1 is 0.3 and not 0.30000000000000004."""
        return f"{self.key}={value:.12g}" if self.step and isinstance(value, float) else f"{self.key}={value}"

    def examples(self) -> list[str]:
        """Overrides with every choice, or with the bounds and, where there is no step, a number between them."""
        between = () if self.step or isinstance(self.low, int) else (self.low + (self.high - self.low) / math.e,)
        return [self.override(value) for value in self.choices or (self.low, self.high, *between)]


@dataclass(frozen=True)
class SearchSpace:
    """fixed: overrides that all trials share. seeds: overrides of a trial's runs, one each; empty: one run, with the
    configured seed."""

    fixed: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    seeds: tuple[str, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        return {parameter.name: parameter.distribution() for parameter in self.parameters}

    def runs(self, params: Mapping[str, Any]) -> list[list[str]]:
        """The overrides of each run of a trial. params: a value for each parameter's name."""
        overrides = [*self.fixed, *(parameter.override(params[parameter.name]) for parameter in self.parameters)]
        return [[*overrides, seed] for seed in self.seeds] if self.seeds else [overrides]

    def probes(self) -> list[list[str]]:
        """Runs whose configurations show whether the space is valid: each example of a parameter, and the first of all
        others."""
        first = [parameter.examples()[0] for parameter in self.parameters]
        return [[*self.fixed, *first]] + [
            [*self.fixed, *first[:i], override, *first[i + 1 :]]
            for i, parameter in enumerate(self.parameters)
            for override in parameter.examples()[1:]
        ]


def read_search_space(overrides: Sequence[str], parser: Any) -> SearchSpace:
    """ConfigError if nothing is searched, or a bound is invalid."""
    fixed, parameters, seeds = {}, {}, []
    for override in parser.parse_overrides(list(overrides)):
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed[key] = f"{key}={override.get_value_element_as_str()}"
        elif key.lstrip("+") == "seed":
            seeds = read_seeds(override, key)
        else:
            parameters[key] = read_parameter(override, key)
    if not parameters:
        raise ConfigError(
            "hydra/sweeper=optuna has nothing to search; give a key an interval, such as "
            "'optim.lr=tag(log,interval(1e-4,1))', a range or several values"
        )
    space = SearchSpace(tuple(fixed.values()), tuple(parameters.values()), tuple(seeds))
    space.distributions()
    return space


def read_seeds(override: Any, key: str) -> list[str]:
    if not override.is_discrete_sweep():
        raise ConfigError("seed is not searched; seed=0,1,2 takes the mean over these")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def read_parameter(override: Any, key: str) -> Parameter:
    sweep, text = override.value(), override.input_line.lstrip("+")
    if unknown := set(sweep.tags) - {"log"}:
        raise ConfigError(f"{text}: tag {', '.join(sorted(unknown))} is unknown; there is log")
    log = "log" in sweep.tags
    if override.is_interval_sweep():
        return Parameter(key, sweep.start, sweep.end, log=log)
    if override.is_range_sweep():
        values = sorted(as_number(value) for value in sweep.range())
        if not values:
            raise ConfigError(f"{text} holds no value")
        step = as_number(abs(sweep.step))
        return Parameter(key, values[0], values[-1], None if log and step == 1 else step, log)
    if log:
        raise ConfigError(f"{text}: tag log is for intervals and ranges")
    return Parameter(key, choices=tuple(override.sweep_string_iterator()))


def as_number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)
