"""The configuration of each run of a sweep, composed by Hydra once for each choice of groups.

Composing takes Hydra some 50 ms, and most runs of a sweep differ in numbers only: those are set on a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

from runner.cli.errors import describe_error
from runner.config.errors import ConfigError


class Composer:
    """loader, master: Hydra's configuration loader and the configuration of the sweep as a whole."""

    def __init__(self, loader: Any, master: Any) -> None:
        from hydra.core.override_parser.overrides_parser import OverridesParser

        self.loader, self.master = loader, master
        self.parser = OverridesParser.create(config_loader=loader)
        self.composed: dict[tuple[str, ...], Any] = {}

    def __call__(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Plain containers for `validate`; ConfigError for what can't be composed."""
        from omegaconf import OmegaConf

        chosen = tuple(word for word in overrides if not word.startswith("++"))
        try:
            if chosen not in self.composed:
                self.composed[chosen] = self.loader.load_sweep_config(self.master, list(chosen))
            config = copy.deepcopy(self.composed[chosen])
            OmegaConf.set_struct(config, False)
            for override in self.parser.parse_overrides([word for word in overrides if word.startswith("++")]):
                OmegaConf.update(config, override.key_or_group, override.value(), merge=True, force_add=True)
            with_hydra = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
            del with_hydra["hydra"]  # its interpolations are of a running job
            return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.create(with_hydra), resolve=True))
        except ConfigError:
            raise
        except Exception as error:  # Hydra's and OmegaConf's many kinds
            raise ConfigError(describe_error(error)) from None
