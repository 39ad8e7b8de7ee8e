"""Parameter groups as a table: group, tensors, elements, optimizer, learning rate and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .resolve import Group

HEADER = ("group", "tensors", "elements", "optimizer", "lr", "settings")


def group_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """One row a group, of plain values."""
    return [
        {
            "group": group.name,
            "tensors": len(group.infos),
            "elements": sum(info.parameter.numel() for info in group.infos),
            "optimizer": group.config.name,
            "lr": group.lr,
            "settings": {key: list(x) if isinstance(x, tuple) else x for key, x in group.settings.items()},
        }
        for group in groups
    ]


def table_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The rows as aligned text, with a header and the sum."""
    cells = [HEADER, *(_cells(row) for row in rows)]
    sums = (f"{sum(row[key] for row in rows):,}" for key in ("tensors", "elements"))
    cells.append(("all", *sums, "", "", ""))
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADER))]
    return ["  ".join(_aligned(text, i, widths[i]) for i, text in enumerate(row)).rstrip() for row in cells]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    settings = " ".join(f"{key}={_text(value)}" for key, value in row["settings"].items())
    lr = "" if row["lr"] is None else f"{row['lr']:.4g}"
    return row["group"], f"{row['tensors']:,}", f"{row['elements']:,}", row["optimizer"], lr, settings


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _aligned(text: str, column: int, width: int) -> str:
    return text.rjust(width) if column in (1, 2) else text.ljust(width)
