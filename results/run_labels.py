"""The labels of runs that are shown together: by their settings, and by their code where the settings are equal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from results.labels import label, shown_keys, varying_keys
from results.run import Run
from results.signature import digest

HASH_LENGTH = 4


def labels(shown: Sequence[Run], among: Iterable[Run] = ()) -> list[str]:
    """The labels of runs: equal for runs that differ in their seed only, different for all others.

    among: further runs that are not shown, but may differ. Where the configurations do not tell runs apart, their code
    does: `code=3f2a`.
    """
    every = [*shown, *among]
    varying = varying_keys(run.settings for run in every)
    texts = {id(run): label(run.settings, shown_keys(run.settings, varying)) for run in every}
    alike: dict[str, dict[tuple[str, str], Run]] = defaultdict(dict)
    for run in every:
        alike[texts[id(run)]].setdefault((run.signature, code_of(run)), run)
    endings = {(text, key): ending for text, found in alike.items() for key, ending in told_apart(found).items()}
    texts_of = [(texts[id(run)], run) for run in shown]
    return [f"{text} {endings[text, (run.signature, code_of(run))]}".rstrip() for text, run in texts_of]


def told_apart(found: Mapping[tuple[str, str], Run]) -> dict[tuple[str, str], str]:
    """What to add to one label for each of the settings that have it: their code, commit or signature."""
    if len(found) == 1:
        return dict.fromkeys(found, "")
    ways: tuple[Callable[[Run], str], ...] = (code_text, lambda run: f"signature={run.signature}")
    for way in ways:
        texts = {key: way(run) for key, run in found.items()}
        if len(set(texts.values())) == len(found):
            break
    return texts


def code_text(run: Run) -> str:
    if code := code_of(run):
        return f"code={code[:HASH_LENGTH]}"
    return f"commit={commit[:7]}" if (commit := commit_of(run)) else ""


def code_of(run: Run) -> str:
    """A hash of the source files that decide the run; empty where they were not recorded."""
    return digest(json.dumps(run.code, sort_keys=True)) if run.code else ""


def commit_of(run: Run) -> str:
    """The commit that a run was made with, with a + if there were uncommitted changes; empty if unknown."""
    git = run.environment.get("git") or {}
    return f"{git.get('commit') or ''}{'+' if git.get('dirty') else ''}"
