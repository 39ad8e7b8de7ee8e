"""Lets Hydra choose what no file of configs/ describes: optim=torch/Adafactor, model=mine for plugins/mine.py.

Hydra asks a ConfigSource for configurations that the folder `configs` lacks; this one makes them of the signatures.
"""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin

SCHEME = "external"


class ExternalChoices(ConfigSource):
    """The configurations `<group>/<name>` of packages' optimizers and of plugins."""

    @staticmethod
    def scheme() -> str:
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        from omegaconf import OmegaConf

        from runner.config.external import default_node

        group, name = group_and_name(config_path)
        content = default_node(group, name)
        if group == "optim":
            content = {"defaults": [{"/optim/lr_schedule@lr_schedule": "constant"}, "_self_"], **content}
        path = f"{SCHEME}://{self.path}"
        header: dict[str, str | None] = {"package": f"wrap.{name}" if group == "wrap" else group}
        return ConfigResult(config=OmegaConf.create(content), path=path, provider=self.provider, header=header)

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        from runner.config.external import is_external

        group, name = group_and_name(config_path)
        return not name.startswith("lr_schedule/") and is_external(group, name)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []


class ExternalChoicesSearchPath(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(SCHEME, f"{SCHEME}://")


def group_and_name(config_path: str) -> tuple[str, str]:
    group, _, name = config_path.removesuffix(".yaml").partition("/")
    return group, name
