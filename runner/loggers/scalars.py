"""A row as named scalars, equal in every tracker: train/loss, val/acc, best/acc, test/acc, train_step/loss."""

from __future__ import annotations

from typing import Any

from results.metrics import value_keys


class RowScalars:
    """Call it with each row in turn for the scalars at the row's step.

    best/ is the validation of the best epoch so far; its last value belongs to the weights that test/ is of.
    """

    def __init__(self, metric: str, better: str) -> None:
        self.metric, self.sign = metric, 1 if better == "max" else -1
        self.best: float | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, float]:
        prefix = row_prefix(row)
        values = {key: row[key] for key in value_keys(row)}
        scalars = {f"{prefix}/{key}": value for key, value in values.items()}
        if prefix == "train":
            scalars |= {"train/lr": row["lr"], "train/epoch": row["epoch"]}
            scalars |= {f"train/{key}": value for key, value in row.items() if key.startswith("lr/")}  # of groups
        if prefix == "val" and (self.best is None or self.sign * row[self.metric] > self.sign * self.best):
            self.best = row[self.metric]
            scalars |= {f"best/{key}": value for key, value in values.items()}
        return scalars


def row_prefix(row: dict[str, Any]) -> str:
    """train, train_step, val, test (the best weights) or test_last."""
    if row.get("per") == "step":
        return f"{row['split']}_step"
    return f"{row['split']}_last" if row.get("weights") == "last" else row["split"]
