"""`--against records`: anyone's runs beside the recorded ones of docs/results/records, setting by setting.

A setting is compared with the recorded one of the same task, optimizer and optimizer's settings that differs in the
fewest other keys. Both are means over seeds, so the verdict is Welch's interval of their difference.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan, sqrt
from pathlib import Path

from report.published.agreement import LEVEL, interval
from report.published.matching import ABSENT as MISSING
from report.published.matching import difference_text, same
from report.selection import setting_names
from report.tables.table import Table
from report.tables.text import ABSENT
from results.run import Run
from results.run_labels import code_of
from results.run_records import FOLDER, read_records, record_names
from results.settings import Setting, settings
from results.signature import changes_results

NAME = "records"
CLOSE_SHARE, CLOSE_RELATIVE = 0.005, 0.02  # the largest difference that is close: of accuracies and errors; of others
SHARES = ("acc", "error")
PLACES = {"final": "validation {}, last epoch", "test": "test {}, best weights"}
#: keys of the signature that change how a result is computed, but nothing that is compared
SPEED = ("backend", "channels_last", "compile", "cuda_graphs", "deterministic")
RULE = (
    "match: the difference of the means lies within its 95 % interval (Welch), if that is no wider than what is close, "
    "or runs of the same seeds are equal to six digits, or all diverge.",
    "close: the means differ by no more than 0.5 points (accuracy, error) or 2 %. differs: by more, or one side "
    "diverges.",
    "not comparable: settings differ as said, one run has no interval, or the interval is too wide to decide.",
)
COLUMNS = ("setting", "quantity", "these runs", "n", "recorded", "recorded n", "difference", "verdict", "versions")


@dataclass(frozen=True)
class Pair:
    """A setting and the recorded one beside it; differences: of all but the optimizer's settings, as text."""

    ours: Setting
    recorded: Setting
    differences: Sequence[str]


def is_records(name: str) -> bool:
    """Whether a name of --against means records: `records` all, `records/momo/mnist_mlp` an experiment's, or a file."""
    return name == NAME or name.startswith(f"{NAME}/") or name.endswith(".jsonl")


def recorded_settings(name: str) -> list[Setting]:
    """Raises ValueError for an experiment without records and for a file that is missing or damaged."""
    if name.endswith(".jsonl"):
        return settings(read_file_of_records(Path(name)))
    known = record_names()
    wanted = [each for each in known if name in (NAME, f"{NAME}/{each}")]
    if not wanted:
        there = f"there are {', '.join(f'{NAME}/{each}' for each in known)}" if known else "there are none yet"
        raise ValueError(f"--against {name}: no records of that name; {there}")
    return settings(run for each in wanted for run in read_records(FOLDER / f"{each}.jsonl"))


def read_file_of_records(file: Path) -> list[Run]:
    try:
        return read_records(file)
    except OSError as error:
        raise ValueError(f"--against {file}: {error.strerror}") from None


def pairs(name: str, ours: Sequence[Setting]) -> list[Pair]:
    """The settings that have a recorded one beside them."""
    found = []
    recorded = recorded_settings(name)
    for setting in ours:
        run = setting.runs[0]
        alike = [each for each in recorded if each.runs[0].task == run.task and same_method(run, each.runs[0])]
        if alike:
            differing = [(list(differences(run, each.runs[0])), each) for each in alike]
            texts, closest = min(differing, key=lambda pair: (len(pair[0]), -len(pair[1].runs)))
            found.append(Pair(setting, closest, texts))
    return found


def same_method(run: Run, recorded: Run) -> bool:
    """Whether two runs have the same optimizer, wrappers and rules, with the same settings."""
    keys = [key for key in common_keys(run, recorded) if key.split(".")[0] in ("optim", "wrap", "groups")]
    return run.optimizer == recorded.optimizer and all(same(run.settings[k], recorded.settings[k]) for k in keys)


def differences(run: Run, recorded: Run) -> Iterator[str]:
    """What else differs; of another data set or model only its name. A key that one of them lacks is newer."""
    keys = [key for key in common_keys(run, recorded) if not same(run.settings[key], recorded.settings[key])]
    for key in keys:
        name = f"{key.partition('.')[0]}.name"
        if key == name or name not in keys:
            yield difference_text(key, run.settings.get(key, MISSING), recorded.settings[key])


def common_keys(run: Run, recorded: Run) -> list[str]:
    return [key for key in recorded.settings if key in run.settings and changes_results(key) and key not in SPEED]


def records_table(name: str, ours: Sequence[Setting]) -> Table:
    """Each setting with a recorded one, beside it. Raises ValueError for an experiment without records."""
    found = pairs(name, ours)
    names = dict(zip(map(id, ours), setting_names(ours), strict=True))
    rows = [
        [names[id(pair.ours)], text.format(pair.ours.metric), *compared_cells(pair, place)]
        for pair in found
        for place, text in PLACES.items()
    ]
    without = [names[id(setting)] for setting in ours if not any(pair.ours is setting for pair in found)]
    left = [f"No recorded run has the optimizer and its settings of {', '.join(without)}."] if without else []
    return Table("These runs and the recorded ones", COLUMNS, rows, [*RULE, *left], details=["versions"])


def compared_cells(pair: Pair, place: str) -> list[str]:
    mine, theirs = values(pair.ours, place), values(pair.recorded, place)
    verdict, reason = judge(pair, place)
    shown = [statistics.fmean(each) if each else nan for each in (mine, theirs)]
    difference = text_of(pair, shown[0] - shown[1], sign=True)
    return [
        *(mean_text(pair, mine), str(len(mine)), mean_text(pair, theirs), str(len(theirs)), difference),
        *(f"{verdict} ({reason})" if reason else verdict, versions_text(pair)),
    ]


def values(setting: Setting, place: str) -> list[float]:
    found = [(run.status.get(place) or {}).get(setting.metric) for run in setting.runs if run.ending == "done"]
    return [value for value in found if value is not None]


def judge(pair: Pair, place: str) -> tuple[str, str]:
    """(verdict, reason) of one quantity."""
    if pair.differences:
        return "not comparable", "; ".join(pair.differences)
    mine, theirs = values(pair.ours, place), values(pair.recorded, place)
    lost = [sum(run.ending == "diverged" for run in setting.runs) for setting in (pair.ours, pair.recorded)]
    if any(lost) and not mine and not theirs:
        return "match", "all diverge"
    if not mine or not theirs:
        return "differs", "these runs diverge" if lost[0] else "the recorded runs diverge" if lost[1] else "no values"
    if any(lost) and lost[0] * len(pair.recorded.runs) != lost[1] * len(pair.ours.runs):
        counts = f"{lost[0]} of {len(pair.ours.runs)}, recorded {lost[1]} of {len(pair.recorded.runs)}"
        return "not comparable", f"runs diverge: {counts}"
    if seeds := equal_seeds(pair, place):
        return "match", f"equal on {seeds} seed{'s' if seeds > 1 else ''}"
    return compared(mine, theirs, bound(pair))


def equal_seeds(pair: Pair, place: str) -> int:
    """The number of seeds that finished on both sides, if all of them have equal values to six digits; else 0."""
    known = {run.seed: run for run in pair.recorded.runs if run.ending == "done"}
    both = [(run, known[run.seed]) for run in pair.ours.runs if run.ending == "done" and run.seed in known]
    shown = [[f"{run.status[place][pair.ours.metric]:.6g}" for run in each] for each in both]
    return len(both) if all(mine == theirs for mine, theirs in shown) else 0


def compared(mine: Sequence[float], theirs: Sequence[float], close: float) -> tuple[str, str]:
    off = statistics.fmean(mine) - statistics.fmean(theirs)
    half = welch_half(mine, theirs)
    if isnan(half):
        return ("close", "one run: no interval") if abs(off) <= close else ("not comparable", "one run: no interval")
    if abs(off) <= half <= close:
        return "match", ""
    if abs(off) <= close:
        return "close", ""
    return ("not comparable", "the interval is too wide to decide") if abs(off) <= half else ("differs", "")


def welch_half(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Half the 95 % interval of the difference of two means (Welch, 1947); nan where a side has one run."""
    if min(len(mine), len(theirs)) < 2 or not all(map(isfinite, [*mine, *theirs])):
        return nan
    from scipy.stats import t

    parts = [statistics.variance(each) / len(each) for each in (mine, theirs)]
    total = sum(parts)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(p**2 / (len(each) - 1) for p, each in zip(parts, (mine, theirs), strict=True))
    return float(t.ppf((1 + LEVEL) / 2, freedom)) * sqrt(total)


def bound(pair: Pair) -> float:
    if pair.ours.metric in SHARES:
        return CLOSE_SHARE
    return CLOSE_RELATIVE * abs(statistics.fmean(values(pair.recorded, "final")))


def mean_text(pair: Pair, found: Sequence[float]) -> str:
    if not found:
        return ABSENT
    mean, half = interval(found)
    return text_of(pair, mean) + (f" ± {text_of(pair, half)}" if half > 0 else "")


def text_of(pair: Pair, value: float, sign: bool = False) -> str:
    """Accuracies and errors with four decimals, others with four significant digits."""
    if isnan(value):
        return ABSENT
    plus = "+" if sign else ""
    return f"{value:{plus}.4f}" if pair.ours.metric in SHARES else f"{value:{plus}.4g}"


def versions_text(pair: Pair) -> str:
    """Code, packages and devices that differ: `torch 2.12.0, recorded 2.15.0`."""
    mine, theirs = pair.ours.runs[0], pair.recorded.runs[0]
    shown = [
        (what, find(mine), find(theirs))
        for what, find in (
            ("torch", lambda run: (run.environment.get("packages") or {}).get("torch")),
            ("Python", lambda run: run.environment.get("python")),
            ("device", lambda run: run.environment.get("device_name")),
        )
    ]
    found = [f"{what} {own}, recorded {other}" for what, own, other in shown if own != other]
    if code_of(mine) != code_of(theirs):
        changed = sorted(path for path in {*mine.code, *theirs.code} if mine.code.get(path) != theirs.code.get(path))
        found.append(f"other code of {', '.join(changed) or 'the project'}")
    return "; ".join(found)
