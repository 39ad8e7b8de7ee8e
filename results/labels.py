"""The label of a run or a setting: optimizer, learning rate, and what varies between the runs shown together.

    adam+lookahead lr=0.01 batch_size=64 lookahead.k=6

It is the same on the console, in tables, figures and frames; a run's folder is named by its path form
(results/paths.py), with the settings that differ from their defaults in place of those that vary.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from results.signature import changes_results
from results.values import format_value

Settings = Mapping[str, Any]  # with dotted keys: {"optim.lr": 0.1, ...}
Owner = tuple[Any, ...]  # task, optimizer, ...: see owner_of


def label(settings: Settings, keys: Sequence[str]) -> str:
    """The optimizer with its wrappers, its learning rate, and these keys as far as the settings have them."""
    task = [str(settings["task.name"])] if "task.name" in keys else []
    return " ".join([*task, optimizer_name(settings), *label_parts(settings, ["optim.lr", *keys])])


def label_parts(settings: Settings, keys: Iterable[str]) -> list[str]:
    """`key=value` for each of the keys that the settings have, names of task, optimizer and wrappers left out.

    The keys of a branch are one part, `branch=<signature of the run that it starts from>@<epoch>`, with `-evaluation`
    where it starts from the weights to evaluate with.
    """
    shown = dict.fromkeys(key for key in keys if key in settings and not is_name(key))
    branch = branch_part(settings) if is_branch(settings) else ""
    parts = (branch if is_of_branch(key) else f"{short_key(key)}={format_value(settings[key])}" for key in shown)
    return [part for part in dict.fromkeys(parts) if part]


def branch_part(settings: Settings) -> str:
    weights = "-evaluation" if settings.get("branch.weights") == "evaluation" else ""
    return f"branch={settings['branch.signature']}@{settings['branch.at_epoch']}{weights}"


def is_branch(settings: Settings) -> bool:
    return settings.get("branch.signature") is not None


def is_of_branch(key: str) -> bool:
    return key.startswith("branch.")


def optimizer_name(settings: Settings) -> str:
    """`adam+lookahead+no_decay`: the optimizer, its wrappers and its rules of parameter groups, in their order."""
    prefixes = ("wrap.", "groups.")
    wrappers, rules = (dict.fromkeys(key.split(".")[1] for key in settings if key.startswith(p)) for p in prefixes)
    return "+".join([str(settings["optim.name"]), *wrappers, *rules])


def is_name(key: str) -> bool:
    """Whether a key's value is part of the label without the key."""
    return key in ("task.name", "optim.name") or (key.startswith("wrap.") and key.endswith(".name"))


def short_key(key: str) -> str:
    """`betas` of optim.betas, `data` of data.name, `lookahead.k` of wrap.lookahead.k, `heads.lr_scale` of a rule's."""
    if key.startswith("groups."):
        return re.sub(r"^([^.]+\.optim)\.name$", r"\1", key.removeprefix("groups."))
    return key.removeprefix("optim.").removeprefix("wrap.").removesuffix(".name")


def path_form(text: str) -> str:
    """A label as the name of a file or folder: `adam,lr=0.01,betas=0-0.9`."""
    lists = re.sub(r"\[([^\[\]]*)\]", lambda found: found[1].replace(",", "-"), text)
    return re.sub(r"[^\w.,=+@-]", "_", lists.replace(" ", ","))


def varying_keys(every: Iterable[Settings]) -> dict[str, set[Owner]]:
    """The keys that change results and differ between settings in which they mean the same, each with their owners.

    An optimizer's settings, also those of a rule's second one, are compared between settings of this optimizer, a
    network's between those of this network, and all between those of one task: their defaults are not another's.
    """
    values: dict[str, dict[Owner, set[str]]] = defaultdict(lambda: defaultdict(set))
    distinct = list({id(each): each for each in every}.values())
    for key in dict.fromkeys(key for each in distinct for key in each):
        having = [each for each in distinct if key in each]  # older runs lack newer keys
        if changes_results(key) and any(each[key] != having[0][key] for each in having):
            for each in having:
                values[key][owner_of(key, each)].add(format_value(each[key]))
    varying = {key: {owner for owner, found in owners.items() if len(found) > 1} for key, owners in values.items()}
    return {key: owners for key, owners in varying.items() if owners}


def shown_keys(settings: Settings, varying: Mapping[str, Collection[Owner]]) -> list[str]:
    """The varying keys that vary for the optimizer, data set and network of these settings."""
    return [key for key, owners in varying.items() if key in settings and owner_of(key, settings) in owners]


def owner_of(key: str, settings: Settings) -> Owner:
    """What a key belongs to in these settings: a task, and there an optimizer, a schedule, a data set or a network."""
    if key == "task.name":
        return ()
    task, group = settings.get("task.name"), key.partition(".")[0]
    if key.endswith(".name"):
        return (task,)
    if key.startswith("optim.lr_schedule."):
        return task, settings.get("optim.lr_schedule.name")
    if second := re.match(r"groups\.[^.]+\.optim\.", key):  # of a rule of parameter groups
        return task, settings.get(f"{second[0]}name")
    return (task, settings.get(f"{group}.name")) if group in ("optim", "data", "model") else (task,)
