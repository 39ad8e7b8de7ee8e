"""Keys that an experiment's file sets, for messages on those that another choice of a group does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from results.typed import load_yaml
from runner.config.compose import CONFIGS


def origin_hint(path: str, overrides: Sequence[str]) -> str:
    """How to leave out a key that the experiment sets; empty where it does not, or where an override names the key."""
    parts = (word.lstrip("+~").partition("=") for word in overrides)
    given = {key: value for key, _, value in parts}
    experiment = given.get("experiment", "")
    if path in given or not sets_key(experiment, path):
        return ""
    return f". experiment={experiment} sets it; leave it out with '~{path}'"


def other_choice_hint(message: str, overrides: Sequence[str]) -> str:
    """`origin_hint` for a message such as "optim.betas=[0,0.9] has ...", of a value that was set for another choice."""
    path, _, rest = message.partition("=")
    groups = {word.lstrip("+~").partition("=")[0] for word in overrides}
    return origin_hint(path, overrides) if rest and path.partition(".")[0] in groups else ""


def sets_key(experiment: str, path: str) -> bool:
    file = CONFIGS / "experiment" / f"{experiment}.yaml"
    if not experiment or not file.is_file():
        return False
    node = load_yaml(file, file.name)
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return False
        node = node[key]
    return True
