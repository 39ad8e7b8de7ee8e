"""An experiment's configuration, from overrides or from a run's record, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

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
    import yaml
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
        raw = yaml.safe_load(Path(file).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config={file}: {error.strerror}; give a run's config.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"config={file} is no YAML ({str(error).splitlines()[0]}); give a run's config.yaml"
        ) from None
    if not isinstance(raw, dict) or raw.keys() & {"hydra", "defaults"}:
        raise ConfigError(f"config={file} is not a run's config.yaml")
    merged = OmegaConf.merge(OmegaConf.create(in_todays_keys(raw)), OmegaConf.from_dotlist(changes))
    return cast(dict[str, Any], OmegaConf.to_container(merged))


def in_todays_keys(raw: dict[str, Any]) -> dict[str, Any]:
    """A record of an earlier version, which had log.tensorboard for logger."""
    log = raw.get("log")
    if not isinstance(log, dict) or "tensorboard" not in log:
        return raw
    log = dict(log)
    logger = ["tensorboard"] if log.pop("tensorboard") else []
    return {"logger": logger, **raw, "log": log}
