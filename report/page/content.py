"""Content of an HTML report: sections of figures, pictures, tables, notes and runs.

    Page("Optimizers on digits", "45 runs", [Section("Curves", items=[Figure(panels)])])

Texts are plain, with `code` in backquotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report.figures.panel import Panel
from report.tables.table import Table
from results.run import Run


@dataclass(frozen=True)
class Figure:
    """Panels side by side, drawn in the browser."""

    panels: Sequence[Panel]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG, copied into the page."""

    path: Path
    caption: str = ""


@dataclass(frozen=True)
class Notes:
    """Sentences. Warnings are marked as such and counted at the page's top."""

    lines: Sequence[str]
    warning: bool = True


@dataclass(frozen=True)
class Runs:
    """A list of runs to filter. Each opens its configuration, environment, status and console log; of a recorded run
    what its record has.

    tasks: their names, one a run, where these are not their own tasks'.
    """

    runs: Sequence[Run]
    title: str = ""
    tasks: Sequence[str] = ()


Item = Figure | Picture | Table | Notes | Runs


@dataclass(frozen=True)
class Section:
    """text: paragraphs, separated by empty lines."""

    title: str
    text: str = ""
    items: Sequence[Item] = ()


@dataclass(frozen=True)
class Page:
    """facts: names and values for the summary at the top, such as ("runs", "45")."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    facts: Sequence[tuple[str, str]] = ()
