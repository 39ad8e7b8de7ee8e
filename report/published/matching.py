"""The setting of ours that matches a published number, its differences from the protocol, and its values.

Of the settings of the method's optimizer it is the one with the fewest differences; among several, the best by the
value that the published table chooses by.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isclose
from typing import Any

from report.published.numbers import UNITS, Block, OurMethod, Published, Row
from results.run import Run
from results.settings import Setting
from results.values import format_value, is_number

SAME_RATE = 0.01  # relative: 0.316 and 0.3162 are the same half decade
ABSENT = object()
LIMITS = {
    **dict.fromkeys(("best", "final", "val"), "limit_val"),
    **dict.fromkeys(("test", "test_last"), "limit_test"),
}
REGULARISATION = ("task.label_smoothing", "task.mixup", "task.cutmix")  # 0 in a protocol that does not name them


@dataclass(frozen=True)
class MatchingSetting:
    """differences: of our setting from the protocol, as text. candidates: settings it was chosen among."""

    setting: Setting
    differences: Sequence[str]
    candidates: int


def of_task(paper: Published, settings: Sequence[Setting]) -> list[Setting]:
    """The settings on the published task; where there are none, all."""
    return [setting for setting in settings if setting.runs[0].task == paper.task] or list(settings)


def matching_setting(
    paper: Published, block: Block, row: Row, settings: Sequence[Setting], lr: float | None = None
) -> MatchingSetting | None:
    """Our setting for a row, None if there is none of its optimizer, or of its optimizer at this learning rate.

    A setting that has the optimizer but not all of the method's settings counts, with these as differences."""
    found = []
    for setting in settings:
        methods = [ours for ours in row.ours if ours.optim == setting.optimizer]
        run = setting.runs[0]
        if not methods or not (lr is None or same_rate(run.settings.get("optim.lr"), lr)):
            continue
        differences = min(([*method_differences(ours, run)] for ours in methods), key=len)
        if differences and is_another(paper, row, run):
            continue
        found.append((setting, [*protocol_differences(paper, block, run), *differences]))
    if not found:
        return None
    fewest = min(len(differences) for _, differences in found)
    closest = [(setting, differences) for setting, differences in found if len(differences) == fewest]
    setting, differences = min(closest, key=lambda each: rank(block, each[0]))
    return MatchingSetting(setting, differences, len(closest))


def is_another(paper: Published, row: Row, run: Run) -> bool:
    """Whether the run is exactly another published method, such as Adam where RMSprop is Adam with other betas."""
    others = [other for block in paper.numbers for other in block.rows if other.method != row.method]
    names = [ours for other in others for ours in other.ours if ours.optim == run.optimizer]
    return any(not any(method_differences(ours, run)) for ours in names)


def rank(block: Block, setting: Setting) -> tuple[bool, float]:
    """Sorts finished settings first, the best by what the published table chooses by before others."""
    metric, better = setting.metric, setting.runs[0].status.get("better")
    if block.chosen_by == "train":
        metric, better = block.metric, block.better
    found = [value for run in setting.runs for value in at_place(run, block.chosen_by, metric)]
    mean = statistics.fmean(found) if found else inf
    return not setting.finished, -mean if found and better == "max" else mean


def protocol_differences(paper: Published, block: Block, run: Run) -> Iterator[str]:
    """Keys of a run's configuration that differ from the protocol; of another model or data set only its name."""
    if run.task != paper.task:
        yield f"task: {run.task}, not {paper.task}"
    unnamed = {**dict.fromkeys(limits(block)), **{key: 0.0 for key in REGULARISATION if key in run.settings}}
    protocol = {**paper.protocol, **{key: value for key, value in unnamed.items() if key not in paper.protocol}}
    differing = [key for key, wanted in protocol.items() if not meets(run, key, wanted)]
    for key in differing:
        name = f"{key.partition('.')[0]}.name"
        if key == name or name not in differing:
            yield difference_text(key, run.settings.get(key, ABSENT), protocol[key])


def limits(block: Block) -> list[str]:
    """The keys that leave out samples to train on, to measure on and to choose by."""
    return ["limit_train", *dict.fromkeys(LIMITS[each] for each in (block.where, block.chosen_by) if each in LIMITS)]


def method_differences(ours: OurMethod, run: Run) -> Iterator[str]:
    """Settings of the optimizer and its wrappers that differ from the method's."""
    for name, wanted in ours.settings.items():
        key = f"optim.{name}" if f"optim.{name}" in run.settings else f"wrap.{name}"
        found = run.settings.get(key, ABSENT)
        if not (same_rate if name == "lr" else same)(found, wanted):
            yield difference_text(key, found, wanted)


def meets(run: Run, key: str, wanted: Any) -> bool:
    if wanted is None and key not in run.settings:  # absent: no limit
        return True
    return any(same(run.settings.get(key, ABSENT), each) for each in accepted(wanted))


def accepted(wanted: Any) -> list[Any]:
    return wanted["one_of"] if isinstance(wanted, Mapping) else [wanted]


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return isinstance(found, list | tuple) and len(found) == len(wanted) and all(map(same, found, wanted))
    if is_number(wanted) and is_number(found):
        return isclose(found, wanted, rel_tol=1e-6)
    return type(found) is type(wanted) and found == wanted


def same_rate(found: Any, wanted: float) -> bool:
    return is_number(found) and isclose(found, wanted, rel_tol=SAME_RATE)


def difference_text(key: str, found: Any, wanted: Any) -> str:
    """`data: fashion_mnist, not mnist`; `epochs: 18 of 1000`."""
    name = key.removesuffix(".name").removeprefix("optim.").removeprefix("wrap.")
    if found is ABSENT:
        return f"{name}: not recorded"
    if key == "epochs" and found < min(accepted(wanted)):
        return f"epochs: {found} of {min(accepted(wanted))}"
    return f"{name}: {value_text(found)}, not {' or '.join(map(value_text, accepted(wanted)))}"


def value_text(value: Any) -> str:
    return "all" if value is None else format_value(value)


def values(block: Block, setting: Setting, epoch: float | None = None) -> list[float]:
    """The quantity of each finished run, in the published unit; epoch: of curves."""
    done = [run for run in setting.runs if run.ending == "done"]
    found = [value for run in done for value in measured(block, run, epoch)]
    return [UNITS[block.unit](value) for value in found]


def measured(block: Block, run: Run, epoch: float | None) -> list[float]:
    """The quantity of one run in its own unit, as a list of one; empty where it was not recorded."""
    if epoch is None:
        return at_place(run, block.where, block.metric)
    import numpy

    places = curve(run, block.where, block.metric)
    if not places or epoch > run.status.get("epochs_done", 0):
        return []
    epochs, levels = zip(*places, strict=True)
    return [float(numpy.interp(epoch, epochs, levels))]


def at_place(run: Run, where: str, metric: str) -> list[float]:
    if where in ("train", "val"):
        return run.curve(where, metric)[-1:]
    if where.endswith("_step"):
        found = [row[metric] for row in run.steps if metric in row]
        return [max(found)] if found and where == "largest_step" else found[-1:]
    value = (run.status.get(where) or {}).get(metric)
    return [] if value is None else [value]


def curve(run: Run, split: str, key: str) -> list[tuple[float, float]]:
    """(epoch, value): of training at the middle of what was averaged, steps where they were recorded; else epochs."""
    epochs = [row for row in run.rows if row.get("split") == split and row.get("per") == "epoch" and key in row]
    if split == "val" or not epochs:
        return [(row["epoch"], row[key]) for row in epochs]
    length = epochs[-1]["step"] / epochs[-1]["epoch"]
    rows = [row for row in run.steps if key in row]
    if not rows:
        return [(row["epoch"] - 0.5, row[key]) for row in epochs]
    ends = [0, *(row["step"] for row in rows)]
    middles = [(start + end) / 2 / length for start, end in pairwise(ends)]
    return [(x, row[key]) for x, row in zip(middles, rows, strict=True)]
