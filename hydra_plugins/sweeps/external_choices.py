"""Lets Hydra choose optimizers that no file of configs/optim describes: optim=torch/Adafactor, optim=<file of plugins/>.

Hydra asks a ConfigSource for configurations that the folder `configs` lacks; this one makes them of the signatures.
"""

from __future__ import annotations

from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin

SCHEME = "external"


class ExternalChoices(ConfigSource):
    """The configurations `optim/<name>` of external optimizers."""

    @staticmethod
    def scheme() -> str:
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        from omegaconf import OmegaConf

        from runner.config.external import default_node

        node = default_node(choice(config_path))
        content = {"defaults": [{"/optim/lr_schedule@lr_schedule": "constant"}, "_self_"], **node}
        return ConfigResult(
            config=OmegaConf.create(content), path=f"{SCHEME}://{self.path}", provider=self.provider,
            header={"package": "optim"},
        )

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        from runner.config.external import is_external

        return config_path.startswith("optim/") and is_external(choice(config_path))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []


class ExternalChoicesSearchPath(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(SCHEME, f"{SCHEME}://")


def choice(config_path: str) -> Any:
    return config_path.removeprefix("optim/").removesuffix(".yaml")
