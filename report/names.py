"""Names of metrics and settings on axes and in tables."""

from __future__ import annotations

FRACTIONS = ("acc", "error")  # drawn on a linear axis
NAMES = {
    **{"train": "training", "val": "validation", "test": "test", "loss": "loss"},
    **{"acc": "accuracy", "error": "error", "mse": "squared error", "bpc": "bits per character", "lr": "learning rate"},
}


def name_of(key: str) -> str:
    """The name of a key: "training loss" of "train/loss", "learning rate" of "optim.lr"."""
    if key == "optim.lr":
        return NAMES["lr"]
    return " ".join(NAMES.get(part, part) for part in key.split("/"))
