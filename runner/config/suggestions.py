"""What a mistyped key or choice was probably meant to be."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from results.typed import type_hints
from results.values import quote
from runner.config.errors import UnknownKeyError
from runner.config.schema import Settings

GROUPS = ("task", "data", "model", "optim", "wrap", "groups", "experiment")


def list_choices(word: str, known: Iterable[str]) -> str:
    """The valid choices, and before them the one that looks most like `word`."""
    known = list(known)
    near = difflib.get_close_matches(word, known, 1)
    suggestion = f"did you mean {near[0]}? The" if near else "the"
    return f"{suggestion} choices are {', '.join(sorted(known))}"


class KnownKeys:
    """Every valid key of one experiment.

    classes: the dataclass of each group's choice; wrapper_classes: of each chosen wrapper.
    """

    def __init__(self, classes: Mapping[str, type], wrapper_classes: Mapping[str, type]) -> None:
        self.paths = list(field_paths(Settings, ""))
        for group, owner in classes.items():
            prefix = "optim.lr_schedule." if group == "lr_schedule" else f"{group}."
            self.paths += ["optim/lr_schedule" if group == "lr_schedule" else group, *field_paths(owner, prefix)]
        for name, owner in wrapper_classes.items():
            self.paths += field_paths(owner, f"wrap.{name}.")
        self.paths += ["wrap", "groups", "experiment"]

    def error(self, path: str, owner: type) -> UnknownKeyError:
        """The error for a key that `owner`, the dataclass of the group it lies in, does not have."""
        group = path.rpartition(".")[0]
        siblings = {field.name for field in dataclasses.fields(owner)} | (set() if group else set(GROUPS))
        nearest = self.nearest(path)
        meant = f"did you mean {nearest}? The" if nearest else "the"
        whose = f"{group} ({choice_name(owner)})" if group else "this program"
        return UnknownKeyError(
            f"{quote(path)} is not a key; {meant} keys of {whose} are {', '.join(sorted(siblings)) or 'none'}", path
        )

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
    """The name that chooses a group's entry, such as aggmo; a plain group of keys is called by its class."""
    name = getattr(owner, "objective", None) or getattr(owner, "name", None)
    return name if isinstance(name, str) else owner.__name__.lower()


def field_paths(owner: type, prefix: str) -> Iterator[str]:
    hints = type_hints(owner)
    for field in dataclasses.fields(owner):
        yield prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            yield from field_paths(hints[field.name], f"{prefix}{field.name}.")  # type: ignore[arg-type]
