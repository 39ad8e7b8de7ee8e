"""The signature: a hash of the configuration and the code that decide a run's results; it names the run's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: keys that change where, how fast or how visibly a run happens but not what is computed, and the seed
UNSIGNED = (
    *("seed", "outputs", "device", "threads", "rerun", "checkpoint", "log", "logger", "track", "eval_batch_size"),
    *("data.root", "data.num_workers", "branch.run"),
)


def signature(config: Mapping[str, Any], code: Mapping[str, str]) -> str:
    """Eight hexadecimal digits of a nested configuration without its unsigned keys, and of its code.

    code: a hash of each source file that decides the run, as environment.json has it; empty where it is not known.
    """
    signed = {key: value for key, value in config.items() if key not in UNSIGNED}
    signed["data"] = {key: value for key, value in config.get("data", {}).items() if f"data.{key}" not in UNSIGNED}
    branch = signed.pop("branch", None) or {}
    if branch.get("signature") is not None:
        signed["branch"] = {key: value for key, value in branch.items() if f"branch.{key}" not in UNSIGNED}
        if branch.get("weights") == "training":  # as before there were others
            del signed["branch"]["weights"]
    signed["wrap"] = list((config.get("wrap") or {}).values())  # a list, because the wrappers' order counts
    signed.pop("groups", None)
    if config.get("groups"):  # a run without them has the signature that it had before there were any
        signed["groups"] = list(config["groups"].items())
    return digest(json.dumps([signed, dict(code)], sort_keys=True))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def changes_results(key: str) -> bool:
    """Whether a dotted key is part of the signature."""
    return not any(key == each or key.startswith(f"{each}.") for each in UNSIGNED)
