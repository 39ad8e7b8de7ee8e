"""An experiment's configuration, from overrides or from a run's record, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from results.typed import load_yaml
from runner.config.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def compose(*overrides: str) -> dict[str, Any]:
    """Compose as the command line would; plain containers, for `runner.config.validate.validate`.

    A key that is not in the files needs `++` before it; validate then refuses it.
    """
    import hydra
    from omegaconf import OmegaConf

    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = hydra.compose("config", list(overrides))
    return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))


def read_saved(words: list[str]) -> dict[str, Any]:
    """The configuration of `config=FILE key=value ...`: a run's config.yaml with keys changed.

    The file is read as plain data. It never reaches Hydra, which would call functions that a file names.
    """
    from omegaconf import OmegaConf

    file = [word.removeprefix("config=") for word in words if word.startswith("config=")][-1]
    changes = [word for word in words if not word.startswith("config=")]
    for word in changes:
        key, equals, _ = word.partition("=")
        if not equals or key.startswith(("-", "+", "~")) or "/" in key or key in ("task", "data", "model", "optim"):
            raise ConfigError(
                f"{word} does not go with config=FILE, which runs one recorded experiment: change its "
                "keys, such as seed=1, or write the command anew"
            )
    try:
        raw = load_yaml(Path(file).expanduser(), f"config={file}")
    except ValueError as error:
        raise ConfigError(f"{error}; give a run's config.yaml") from None
    if not isinstance(raw, dict) or raw.keys() & {"hydra", "defaults"}:
        raise ConfigError(f"config={file} is not a run's config.yaml")
    merged = OmegaConf.merge(OmegaConf.create(raw), OmegaConf.from_dotlist(changes))
    return cast(dict[str, Any], OmegaConf.to_container(merged))
