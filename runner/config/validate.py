"""From a composed configuration to checked dataclasses, or one message that says what is wrong, where, and what
would be right. Nothing is built and torch is not imported before everything here has passed."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from optim.plan import Plan
from optim.ranges import check
from results.values import format_value
from runner.config.errors import ConfigError
from runner.config.registry import entries
from runner.config.schema import Config, Settings

REPLACED = {"log.tensorboard": "logger=[tensorboard] or logger=[]"}  # keys of earlier versions
CHOICE_KEY = {"task": "objective"}  # the key that names a group's entry; "name" for all others


def validate(raw: Mapping[str, Any]) -> Config:
    """Check a composed configuration (plain containers, interpolations resolved); raise ConfigError."""
    raw = dict(raw)
    groups = {group: take_group(raw, group) for group in ("task", "data", "model", "optim", "wrap")}
    schedule_raw = dict(groups["optim"]).get("lr_schedule", {"name": "constant"})
    optim_raw = {key: value for key, value in groups["optim"].items() if key != "lr_schedule"}
    owners = {group: owner_of(group, groups[group]) for group in ("task", "data", "model", "optim")}
    owners["lr_schedule"] = owner_of("lr_schedule", as_mapping(schedule_raw, "optim.lr_schedule"))
    wraps = {name: owner_of("wrap", as_mapping(node, f"wrap.{name}"), name) for name, node in groups["wrap"].items()}

    known = Keys(owners, wraps)
    settings = read(Settings, raw, "", known)
    parts = {
        group: read(owners[group], drop_choice(group, groups[group]), f"{group}.", known)
        for group in ("task", "data", "model")
    }
    parts["optim"] = read(owners["optim"], drop_choice("optim", optim_raw), "optim.", known)
    parts["lr_schedule"] = read(
        owners["lr_schedule"], drop_choice("lr_schedule", schedule_raw), "optim.lr_schedule.", known
    )
    wrap = tuple(
        read(wraps[name], drop_choice("wrap", node), f"wrap.{name}.", known) for name, node in groups["wrap"].items()
    )
    config = Config(**parts, wrap=wrap, settings=settings, plain=plain(parts, wrap, settings))
    combine(config)
    return config


def combine(config: Config) -> None:
    """Refuse combinations of valid values that can't work together."""
    try:
        config.data.validate()
        config.model.validate()
        config.lr_schedule.validate()
        for stage in config.optim.stages():  # what the settings come to, such as betas from a and k
            check(stage, f"{config.optim.name}'s settings come to ")
        Plan(config.optim, config.wrap)  # wrappers that can't be around this optimizer
        config.task.check(config.data, config.model)
        check_shape(config)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not re.fullmatch(r"\w[\w.-]*", config.task.name):
        raise ConfigError(f"task.name={config.task.name} names a folder: letters, digits, '_', '-' and '.' only")
    if not config.settings.outputs.strip():
        raise ConfigError("outputs= is empty; name a folder, or . for this one")
    check_logger(config.settings.logger)
    epochs, tail = config.settings.epochs, config.settings.finetune.epochs
    if tail:
        try:
            config.optim.with_momentum(config.settings.finetune.final_mom, dataclasses.asdict(config.optim))
        except ValueError:
            raise ConfigError(f"finetune.epochs={tail}: optim={config.optim.name} has no momentum to tune") from None
    if tail >= epochs:
        raise ConfigError(f"finetune.epochs={tail} must be fewer than epochs={epochs}")
    if config.lr_schedule.warmup > epochs:
        raise ConfigError(f"optim.lr_schedule.warmup={config.lr_schedule.warmup} is longer than epochs={epochs}")


def check_logger(names: tuple[str, ...]) -> None:
    """Refuse sinks that there are not, and those whose packages are not here."""
    known = entries("logger")
    for name in names:
        if name not in known:
            raise ConfigError(f"logger: {name} is unknown; {choices(name, known)}; logger=[] is none of them")
        if names.count(name) > 1:
            raise ConfigError(f"logger=[{','.join(names)}] names {name} twice; each can be used once")
        if missing := known[name].missing():
            raise ConfigError(f"logger={name} needs {', '.join(missing)}: pip install {known[name].install}")


def check_shape(config: Config) -> None:
    try:
        config.model.check_shape(config.data.shape)
    except ValueError as error:
        raise ValueError(f"{error} (data={config.data.name})") from None


def take_group(raw: dict[str, Any], group: str) -> dict[str, Any]:
    if group not in raw:
        if group == "wrap":
            return {}
        raise ConfigError(f"{group} is missing; choose one with {group}=NAME (--help lists them)")
    return dict(as_mapping(raw.pop(group) or {}, group))


def as_mapping(node: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        choose = "; choose one with optim/lr_schedule=NAME" if where == "optim.lr_schedule" else ""
        raise ConfigError(f"{where}={format_value(node)} is one value, but {where} is a group of keys{choose}")
    return node


def owner_of(group: str, node: Mapping[str, Any], label: str = "") -> type:
    """The dataclass that describes a group's node."""
    key = CHOICE_KEY.get(group, "name")
    known = entries(group)
    if key not in node:
        if group == "wrap":
            verb = "is not among the chosen wrappers" if label in known else "is not a wrapper"
            hint = f"add it as wrap=[{label}]" if label in known else choices(label, known)
            raise ConfigError(f"wrap.{label} {verb}; {hint}")
        raise ConfigError(f"{group}.{key} is missing; it is one of {', '.join(sorted(known))}")
    if node[key] not in known:
        raise ConfigError(f"{group}.{key}={node[key]!r} is unknown; {choices(str(node[key]), known)}")
    return known[node[key]]


def choices(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    suggestion = f"did you mean {near[0]}? The" if near else "the"
    return f"{suggestion} choices are {', '.join(sorted(known))}"


def drop_choice(group: str, node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != CHOICE_KEY.get(group, "name")}


class Keys:
    """Every valid key of this experiment, to find the one that was meant."""

    def __init__(self, owners: Mapping[str, type], wraps: Mapping[str, type]) -> None:
        self.paths = list(field_paths(Settings, ""))
        for group, owner in owners.items():
            prefix = "optim.lr_schedule." if group == "lr_schedule" else f"{group}."
            self.paths += ["optim/lr_schedule" if group == "lr_schedule" else group, *field_paths(owner, prefix)]
        for name, owner in wraps.items():
            self.paths += field_paths(owner, f"wrap.{name}.")
        self.paths += ["wrap", "experiment"]

    def unknown(self, path: str, owner: type, prefix: str) -> ConfigError:
        siblings = sorted(field.name for field in dataclasses.fields(owner))
        if not prefix:
            siblings = sorted({*siblings, "task", "data", "model", "optim", "wrap", "experiment"})
        nearest = REPLACED.get(path) or self.nearest(path)
        meant = f"did you mean {nearest}? The" if nearest else "the"
        whose = f"{prefix[:-1]} ({choice_name(owner)})" if prefix else "this program"
        return ConfigError(f"{path} is not a key; {meant} keys of {whose} are {', '.join(siblings) or 'none'}")

    def nearest(self, path: str) -> str | None:
        """The valid path that looks most like `path`, or whose last word does (lr is optim.lr)."""
        last = path.rsplit(".", 1)[-1]
        exact = [known for known in self.paths if re.split(r"[./]", known)[-1] == last]
        if exact:
            return min(exact, key=len)
        near = difflib.get_close_matches(path, self.paths, 1, 0.75)
        if near:
            return near[0]
        by_word = {known.rsplit(".", 1)[-1]: known for known in self.paths}
        words = difflib.get_close_matches(last, by_word, 1, 0.7)
        return by_word[words[0]] if words else None


def choice_name(owner: type) -> str:
    """The name that chooses an entry, such as aggmo; a plain group of keys is called by its class."""
    name = getattr(owner, "name", None)
    return name if isinstance(name, str) else owner.__name__.lower()


def field_paths(owner: type, prefix: str) -> Iterator[str]:
    hints = get_type_hints(owner)
    for field in dataclasses.fields(owner):
        yield prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            yield from field_paths(hints[field.name], f"{prefix}{field.name}.")


def read(owner: type, node: Mapping[str, Any], prefix: str, known: Keys) -> Any:
    """Build `owner` from a node: every key known, every value of its type and in its range."""
    hints = get_type_hints(owner)
    names = {field.name for field in dataclasses.fields(owner)}
    values = {}
    for key, value in node.items():
        path = f"{prefix}{key}"
        if key not in names:
            raise known.unknown(path, owner, prefix)
        if dataclasses.is_dataclass(hints[key]):
            values[key] = read(hints[key], as_mapping(value, path), f"{path}.", known)
        else:
            values[key] = convert(value, hints[key], path)
    try:
        entry = owner(**values)
        check(entry, prefix)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return entry


def convert(value: Any, kind: Any, path: str) -> Any:
    """Return `value` as plain Python of type `kind`; raise ConfigError if it is of another type."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (arg for arg in args if arg is not type(None))
        return convert(value, kind, path)
    if origin is Literal:
        if value not in args:
            raise ConfigError(f"{path}={format_value(value)} is not one of {', '.join(map(str, args))}")
        return args[args.index(value)]  # 18.0 is the same setting as 18
    if origin is tuple:
        return convert_tuple(value, args, path)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}
    raise ConfigError(f"{path}={format_value(value)} is not {words[kind]}")


def convert_tuple(value: Any, args: tuple[Any, ...], path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        items = "" if value is None else format_value(value)
        raise ConfigError(f"{path}={format_value(value)} is not a list; write '{path}=[{items}]'")
    if args[-1] is Ellipsis:
        args = (args[0],) * len(value)
    if len(args) != len(value):
        raise ConfigError(f"{path}={format_value(value)} has {len(value)} values and needs {len(args)}")
    return tuple(convert(item, kind, f"{path}[{i}]") for i, (item, kind) in enumerate(zip(value, args, strict=True)))


def plain(parts: Mapping[str, Any], wrap: tuple[Any, ...], settings: Settings) -> dict[str, Any]:
    """The checked configuration as nested dicts, in the form that `validate` takes."""

    def node(group: str, entry: Any) -> dict[str, Any]:
        key = CHOICE_KEY.get(group, "name")
        return {key: getattr(type(entry), key), **listed(dataclasses.asdict(entry))}

    groups = {group: node(group, parts[group]) for group in ("task", "data", "model", "optim")}
    groups["optim"]["lr_schedule"] = node("lr_schedule", parts["lr_schedule"])
    groups["wrap"] = {type(entry).name: node("wrap", entry) for entry in wrap}
    return {**groups, **listed(dataclasses.asdict(settings))}


def listed(value: Any) -> Any:
    """Tuples as lists, for YAML and JSON."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value
