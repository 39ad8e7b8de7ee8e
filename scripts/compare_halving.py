"""Compare a sweep stopped early by sweep.halving with the same sweep's full grid, by their sweep.csv.

    python scripts/compare_halving.py FULL/sweeps/xxxxxxxx/sweep.csv HALVED/sweeps/yyyyyyyy/sweep.csv [--metric acc]

Prints the share of the epochs that the halved sweep trained, the optimizers whose best learning rate on validation is
the full grid's, and the differences of its best settings from the full grid's: means ± standard deviations over
optimizers, and over seeds where the settings differ.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Cells = Mapping[str, str]
Setting = list[Cells]  # a row a seed


def main(argv: Sequence[str]) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("full", type=Path)
    options.add_argument("halved", type=Path)
    options.add_argument("--metric", default="acc", help="one that is better the larger it is")
    chosen = options.parse_args(argv)
    full, halved = rows_of(chosen.full), rows_of(chosen.halved)
    epochs = [sum(int(row["epochs"]) for row in rows) for rows in (full, halved)]
    print(f"{len(full)} and {len(halved)} runs; {epochs[0]:,} and {epochs[1]:,} epochs: {epochs[1] / epochs[0]:.1%}")
    best, found = (best_settings(rows, chosen.metric) for rows in (full, halved))
    names = sorted(best)
    same = [name for name in names if lr_of(best[name]) == lr_of(found[name])]
    print(f"the full grid's best learning rate for {len(same)} of {len(names)} optimizers")
    for which in (f"best_{chosen.metric}", f"test_{chosen.metric}"):
        means = [statistics.fmean(differences(best[name], found[name], which)) for name in names]
        print(f"{which}: {statistics.fmean(means):+.4f} ± {statistics.stdev(means):.4f} over {len(means)} optimizers")
        for name in (name for name in names if name not in same):
            each = differences(best[name], found[name], which)
            print(
                f"  {name} lr={lr_of(found[name])} in place of {lr_of(best[name])}: "
                f"{statistics.fmean(each):+.4f} ± {statistics.stdev(each):.4f}, {len(each)} seeds"
            )


def rows_of(file: Path) -> list[Cells]:
    with open(file, encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def best_settings(rows: Iterable[Cells], metric: str) -> dict[str, Setting]:
    """By optimizer the setting with the best mean over seeds on validation, of those whose runs all ended."""
    settings: dict[tuple[str, str], Setting] = defaultdict(list)
    for row in rows:
        settings[row["optimizer"], row["optim.lr"]].append(row)
    found: dict[str, tuple[float, Setting]] = {}
    for (optimizer, _), own in settings.items():
        if all(row["status"] == "done" for row in own):
            mean = statistics.fmean(float(row[f"best_{metric}"]) for row in own)
            found[optimizer] = max(found.get(optimizer, (mean, own)), (mean, own), key=lambda each: each[0])
    return {optimizer: own for optimizer, (_, own) in found.items()}


def lr_of(setting: Setting) -> str:
    return setting[0]["optim.lr"]


def differences(full: Setting, halved: Setting, column: str) -> list[float]:
    """The halved sweep's values minus the full grid's, seed by seed."""
    values = {row["seed"]: float(row[column]) for row in full}
    return [float(row[column]) - values[row["seed"]] for row in halved]


if __name__ == "__main__":
    main(sys.argv[1:])
