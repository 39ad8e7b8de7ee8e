"""From a composed configuration to checked dataclasses, or one message that says what is wrong, where, and what would
be right. Nothing is built and torch is not imported before everything here has passed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from optim.config import check_wrappers
from optim.external.config import ExternalConfig
from optim.grouping.rule import GroupRule
from optim.grouping.settings import checked_rules
from results.typed import as_mapping, read_dataclass
from results.values import flat, quote
from runner.config.branch import with_stem
from runner.config.errors import ConfigError, UnknownKeyError
from runner.config.experiment_keys import origin_hint, other_choice_hint
from runner.config.external import CONTRACTS, config_class, is_external
from runner.config.groups import check_groups, read_groups, with_argument_types
from runner.config.groups import to_node as rule_node
from runner.config.plugins import is_plugin, place_of, with_place
from runner.config.registry import CHOICE_KEYS, entries
from runner.config.schema import Config, Settings
from runner.config.suggestions import KnownKeys, list_choices


def validate(raw: Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Check a composed configuration (plain containers, interpolations resolved); raise ConfigError.

    overrides: it was composed of, for the message on a key that the experiment sets.
    """
    try:
        config = with_stem(read_config(dict(raw)))
        check_resolved(config.plain)
        check_combinations(config)
    except UnknownKeyError as error:
        raise ConfigError(f"{error}{origin_hint(error.path, overrides)}") from None
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{with_place(error)}{other_choice_hint(str(error), overrides)}") from None
    except Exception as error:
        if not place_of(error):
            raise
        raise ConfigError(f"{type(error).__name__}: {with_place(error)}") from None  # of any kind: the user's code
    return config


def read_config(raw: dict[str, Any]) -> Config:
    """Read every group's node as the dataclass that its choice names, and the keys beside the groups as Settings."""
    nodes = {group: pop_group(raw, group) for group in ("task", "data", "model", "optim", "wrap", "groups")}
    nodes["lr_schedule"] = schedule_node(nodes["optim"].pop("lr_schedule", {"name": "constant"}))
    wrappers: dict[str, Any] = nodes.pop("wrap")
    rules: dict[str, Any] = nodes.pop("groups")
    classes = {group: class_of(group, node) for group, node in nodes.items()}
    wrapper_classes = {
        name: class_of("wrap", as_mapping(node, f"wrap.{name}"), name) for name, node in wrappers.items()
    }
    known = KnownKeys(classes, wrapper_classes)
    settings = read_dataclass(Settings, raw, "", known.error)
    parts = {
        group: read_dataclass(classes[group], without_choice(group, node), PATHS.get(group, group), known.error)
        for group, node in nodes.items()
    }
    wrap = tuple(
        read_dataclass(wrapper_classes[name], without_choice("wrap", node), f"wrap.{name}", known.error)
        for name, node in wrappers.items()
    )

    def read_optimizer(node: Mapping[str, Any], path: str) -> Any:
        return read_dataclass(class_of("optim", node, path=path), without_choice("optim", node), path, known.error)

    groups = with_argument_types(read_groups(rules, read_optimizer), parts["optim"])
    groups = checked_rules(groups, parts["optim"], wrap) if groups else ()
    return Config(**parts, wrap=wrap, groups=groups, settings=settings, plain=to_plain(parts, wrap, groups, settings))


def check_resolved(plain: Mapping[str, Any]) -> None:
    """Raise ConfigError for an interpolation that is left in a value: one that a recorded configuration names."""
    for key, value in flat(plain).items():
        if isinstance(value, str) and "${" in value:
            raise ConfigError(
                f"{key}={quote(value)} holds ${{...}}, which is not resolved here; write the value itself"
            )


PATHS = {"lr_schedule": "optim.lr_schedule"}  # of groups whose keys do not lie under the group's own name


def pop_group(raw: dict[str, Any], group: str) -> dict[str, Any]:
    if group not in raw:
        if group in ("wrap", "groups"):
            return {}
        raise ConfigError(f"{group} is missing; choose one with {group}=NAME (--help lists them)")
    return dict(as_mapping(raw.pop(group) or {}, group))


def schedule_node(node: Any) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        raise ConfigError(
            f"optim.lr_schedule={quote(node)} is one value, but optim.lr_schedule is a group of keys; "
            "choose one with optim/lr_schedule=NAME"
        )
    return dict(node)


def class_of(group: str, node: Mapping[str, Any], wrapper: str = "", path: str = "") -> type:
    """The dataclass that describes a group's node. path: of the node, where that is not the group's name."""
    key, path = CHOICE_KEYS.get(group, "name"), path or group
    known = entries(group)
    if key not in node:
        if group == "wrap":
            problem = "is not among the chosen wrappers" if wrapper in known else "is not a wrapper"
            hint = f"add it as wrap=[{wrapper}]" if wrapper in known else list_choices(wrapper, known)
            raise ConfigError(f"wrap.{wrapper} {problem}; {hint}")
        raise ConfigError(f"{path}.{key} is missing; it is one of {', '.join(sorted(known))}")
    if not isinstance(node[key], str):
        raise ConfigError(f"{path}.{key}={quote(node[key])} is not a name; {list_choices('', known)}")
    if node[key] in known:
        if group in CONTRACTS and is_plugin(node[key]):
            raise ConfigError(f"{path}={node[key]} is also in this project; rename plugins/{node[key]}.py")
        return known[node[key]]
    if is_external(group, node[key]):
        return config_class(group, node[key])
    no_file = f", and there is no plugins/{node[key]}.py" if group in CONTRACTS and node[key].isidentifier() else ""
    raise ConfigError(f"{path}.{key}={quote(node[key])} is unknown{no_file}; {list_choices(node[key], known)}")


def without_choice(group: str, node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != CHOICE_KEYS.get(group, "name")}


def check_combinations(config: Config) -> None:
    """Raise ValueError for combinations of valid values that can't work together."""
    config.data.validate()
    config.model.validate()
    for optim in config.optimizers:
        if isinstance(optim, ExternalConfig):
            check_external(optim, config.wrap)
        else:
            check_wrappers(optim, config.wrap)
    backend = config.settings.backend
    if backend != "auto" and all(isinstance(optim, ExternalConfig) for optim in config.optimizers):
        raise ValueError(f"backend={backend} is of this project's own optimizers, not of {config.optim.name}")
    check_tokens(config)
    config.task.check(config.data, config.model)
    try:
        config.model.check_shape(config.data.shape)
    except ValueError as error:
        raise ValueError(f"{error} (data={config.data.name})") from None
    if not re.fullmatch(r"\w[\w.-]*", config.task.name):
        raise ValueError(f"task.name={quote(config.task.name)} names a folder: letters, digits, '_', '-' and '.' only")
    if not config.settings.outputs.strip():
        raise ValueError("outputs= is empty; name a folder, or . for this one")
    check_loggers(config.settings.logger)
    check_epochs(config)
    check_batch_size(config)
    check_stateful(config)
    check_groups(config.groups, config.optim, config.wrap, config.model, config.data)


def check_tokens(config: Config) -> None:
    """Raise ValueError where of data and network one is of tokens and the other of images or features."""
    data, model = config.data, config.model
    if data.has_tokens != (model.output == "tokens"):
        of_text = f"data={data.name}" if data.has_tokens else f"model={model.name}"
        other = f"model={model.name}" if data.has_tokens else f"data={data.name}"
        raise ValueError(
            f"{of_text} is of the tokens of a text, and {other} is not; a text needs a network of tokens, as model=gpt"
        )
    if data.has_tokens and config.settings.channels_last:
        raise ValueError(f"channels_last=true is of images, and data={data.name} is a text; leave it out")


def check_external(optim: ExternalConfig, wrap: tuple[Any, ...]) -> None:
    """Raise ValueError for wrappers, and for arguments that the optimizer's class refuses."""
    if wrap:
        names = ",".join(wrapper.name for wrapper in wrap)
        raise ValueError(f"wrap=[{names}] goes around this project's own optimizers only, not around {optim.name}")
    optim.check()


def check_loggers(names: tuple[str, ...]) -> None:
    """Raise ValueError for loggers that are unknown, named twice, or whose packages are not installed."""
    known = entries("logger")
    for name in names:
        if name not in known:
            raise ValueError(f"logger: {name} is unknown; {list_choices(name, known)}; logger=[] is none of them")
        if names.count(name) > 1:
            raise ValueError(f"logger=[{','.join(names)}] names {name} twice; each can be used once")
        if missing := known[name].missing():
            raise ValueError(f"logger={name} needs {', '.join(missing)}: pip install {known[name].install}")


def check_epochs(config: Config) -> None:
    """Raise ValueError where fine-tuning, warmup or a wrapper's epochs do not fit into the run's."""
    epochs, finetune = config.settings.epochs_to_train, config.settings.finetune
    if finetune.epochs:
        for optim in config.optimizers:
            try:
                optim.with_momentum(finetune.final_mom, dataclasses.asdict(optim))
            except ValueError:
                raise ValueError(
                    f"finetune.epochs={finetune.epochs}: optim={optim.name} has no momentum to tune"
                ) from None
    if finetune.epochs >= epochs:
        raise ValueError(f"finetune.epochs={finetune.epochs} must be fewer than epochs={epochs}")
    if problem := config.lr_schedule.problem(epochs):
        raise ValueError(f"optim.lr_schedule.{problem}")
    for wrapper in config.wrap:
        for name in wrapper.in_epochs:
            if getattr(wrapper, name) > epochs:
                raise ValueError(f"wrap.{wrapper.name}.{name}={getattr(wrapper, name)} is beyond epochs={epochs}")


def check_batch_size(config: Config) -> None:
    """Raise ValueError for a batch of one sample that is to be mixed with another."""
    if config.settings.batch_size > 1:
        return
    if mixing := config.task.mixing(0):  # whether there is any; the data, which know their classes, are not read yet
        key = "mixup" if mixing.mixup else "cutmix"
        raise ValueError(f"task.{key}={getattr(mixing, key)} mixes the samples of a batch, and batch_size=1 has one")


def check_stateful(config: Config) -> None:
    """Raise ValueError for what can't be done with a network that carries a state from batch to batch."""
    if not config.model.stateful:
        return
    settings, which = config.settings, f"model={config.model.name} carries a state from batch to batch"
    if getattr(config.data, "cut", None) != "stream":
        raise ValueError(f"{which}, each batch going on where the one before ended: it needs data.cut=stream")
    if settings.accumulate > 1:
        raise ValueError(f"{which}, of all columns at once; accumulate={settings.accumulate} would cut them apart")
    for key in ("compile", "cuda_graphs"):
        if getattr(settings, key):
            raise ValueError(f"{which}, and batches may differ in length: {key}=true is for passes of one shape")


def to_plain(
    parts: Mapping[str, Any], wrap: tuple[Any, ...], rules: tuple[GroupRule, ...], settings: Settings
) -> dict[str, Any]:
    """The checked configuration as nested dicts, in the form that `validate` takes."""
    groups = {group: to_node(group, parts[group]) for group in ("task", "data", "model", "optim")}
    groups["optim"]["lr_schedule"] = to_node("lr_schedule", parts["lr_schedule"])
    groups["wrap"] = {type(entry).name: to_node("wrap", entry) for entry in wrap}
    groups["groups"] = {rule.name: rule_node(rule) for rule in rules}
    return {**groups, **as_lists(dataclasses.asdict(settings))}


def to_node(group: str, entry: Any) -> dict[str, Any]:
    key = CHOICE_KEYS.get(group, "name")
    return {key: getattr(type(entry), key), **as_lists(dataclasses.asdict(entry))}


def as_lists(value: Any) -> Any:
    """Tuples as lists, for YAML and JSON."""
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list | tuple) else value
