"""The configurations of a sweep's runs. Hydra composes one for each choice of groups only.

Composing takes Hydra some 50 ms, and most runs of a sweep differ in single values only: these are set on a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from runner.cli.errors import describe_error
from runner.config.compose import set_values
from runner.config.errors import ConfigError


class Composer:
    """Composes the configuration of a run from its overrides.

    loader, sweep_config: Hydra's configuration loader and the configuration of the sweep as a whole.
    """

    def __init__(self, loader: Any, sweep_config: Any) -> None:
        self.loader, self.sweep_config = loader, sweep_config
        self.parser = OverridesParser.create(config_loader=loader)
        self.composed: dict[tuple[str, ...], Any] = {}  # by the choices of groups

    def __call__(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The configuration as plain containers, for `validate`; ConfigError if it can't be composed."""
        try:
            return self.compose(overrides)
        except ConfigError:
            raise
        except Exception as error:  # of Hydra and OmegaConf, which have no base class in common
            raise ConfigError(describe_error(error)) from None

    def compose(self, overrides: Sequence[str]) -> dict[str, Any]:
        choices = tuple(override for override in overrides if not override.startswith("++"))
        if choices not in self.composed:
            self.composed[choices] = self.loader.load_sweep_config(self.sweep_config, list(choices))
        config = copy.deepcopy(self.composed[choices])
        set_values(config, self.parser.parse_overrides([word for word in overrides if word.startswith("++")]))
        with_hydra = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
        del with_hydra["hydra"]  # it refers to values that only a running job of Hydra's has
        return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.create(with_hydra), resolve=True))
