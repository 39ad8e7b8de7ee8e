"""Tables of text as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from report.tables.text import ABSENT, Spread

#: characters that are special in LaTeX, or missing in its text fonts
LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"},
    **{"<": "$<$", ">": "$>$", "±": r"$\pm$", "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$", "×": r"$\times$"},
    **{"↑": r"$\uparrow$", "↓": r"$\downarrow$"},
    **{"[": "{[}", "]": "{]}", '"': "''", "−": "$-$", "–": "--"},  # `\\ [` would be a length
}
NUM_LEVELS = 6
NUMBER = re.compile(r"[-+(<]*\d([^A-Za-z]|e[-+]|of|to)*")


@dataclass(frozen=True)
class Look:
    """How a cell is shown. strong: bold, but for the console and CSV. On the page only: level: its shade, from 0 for
    the best to NUM_LEVELS - 1; below: small text under it, which says what the shade says; tip: shown on pointing."""

    strong: bool = False
    level: int | None = None
    below: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Table:
    """rows: cells of text, as many as columns. notes: lines below the table. details: columns that a console has only
    where there is room. looks: of every cell, in rows like the cells; none: all are plain.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    details: Sequence[str] = ()
    looks: Sequence[Sequence[Look]] = ()

    def markdown(self, strong: str = "") -> str:
        """The table alone, its columns aligned by spaces too, for the console. strong: around cells that are bold."""
        rows = self.marked(strong, strong)
        lines = [[one_line(cell).replace("|", "\\|") for cell in line] for line in (self.columns, *rows)]
        widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
        right = self.numeric()
        rule = ["-" * (width - 1) + (":" if numeric else "-") for width, numeric in zip(widths, right, strict=True)]
        sides = [f">{width}" if numeric else f"<{width}" for width, numeric in zip(widths, right, strict=True)]
        padded = [[format(str(cell), side) for cell, side in zip(line, sides, strict=True)] for line in lines]
        return "\n".join("| " + " | ".join(line) + " |" for line in (padded[0], rule, *padded[1:]))

    def marked(self, before: str, after: str) -> Sequence[Sequence[str]]:
        """The rows, with texts around the cells that are bold."""
        if not self.looks:
            return self.rows
        return [
            [f"{before}{cell}{after}" if look.strong else cell for cell, look in zip(row, looks, strict=True)]
            for row, looks in zip(self.rows, self.looks, strict=True)
        ]

    def console(self, width: int) -> str:
        """Table and notes within `width` characters: without the details where these are too much, else as a list."""
        shown = next((each for each in (self, self.without(self.details)) if each.width() <= width), None)
        if shown is None:
            shown = self.without(self.details)
            table = "\n".join(line for row in shown.rows for line in listed(shown.columns, row, width))
        else:
            table = shown.markdown()
        return "\n\n".join([table, "\n".join(textwrap.fill(note, width) for note in shown.notes)]).rstrip()

    def width(self) -> int:
        """Characters of a line of the Markdown."""
        return len(self.markdown().partition("\n")[0])

    def without(self, columns: Sequence[str]) -> Table:
        """The table without these columns and the notes on them, which begin with a column's name and a colon."""
        kept = [i for i, name in enumerate(self.columns) if name not in columns]
        rows = [[row[i] for i in kept] for row in self.rows]
        notes = [note for note in self.notes if note.partition(":")[0] not in columns]
        looks = [[row[i] for i in kept] for row in self.looks]
        return replace(self, columns=[self.columns[i] for i in kept], rows=rows, notes=notes, looks=looks)

    def text(self) -> str:
        """Title, table and notes."""
        notes = [f"\n{note}" for note in self.notes]
        return f"{self.title}\n\n{self.markdown('**')}\n" + "".join(notes)

    def numeric(self) -> list[bool]:
        """For each column whether its cells are numbers, or absent."""
        columns = [[row[i] for row in self.rows] for i in range(len(self.columns))]
        absent = ("", ABSENT)
        return [
            any(map(NUMBER.fullmatch, cells)) and all(cell in absent or NUMBER.fullmatch(cell) for cell in cells)
            for cells in columns
        ]

    def csv(self) -> str:
        """A column of means becomes two, mean and `<name> std`, both unrounded; other cells are as shown."""
        split = [any(isinstance(row[i], Spread) for row in self.rows) for i in range(len(self.columns))]
        names = [[name, f"{name} std"] if two else [name] for name, two in zip(self.columns, split, strict=True)]
        rows = [[parts(cell) if two else [cell] for cell, two in zip(row, split, strict=True)] for row in self.rows]
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerows(sum(line, []) for line in (names, *rows))
        return file.getvalue()

    def latex(self) -> str:
        """A table environment for booktabs; the notes stand below the table, in a smaller size."""
        sides = "".join("r" if numeric else "l" for numeric in self.numeric())
        notes = escaped(" ".join(map(sentence, self.notes)))
        lines = [
            *("\\begin{table}", "  \\centering", f"  \\caption{{{escaped(sentence(self.title))}}}"),
            *(f"  \\label{{tab:{slug(self.title)}}}", f"  \\begin{{tabular}}{{{sides}}}", "    \\toprule"),
            *(latex_line(self.columns), "    \\midrule", *self.latex_rows(), "    \\bottomrule"),
            "  \\end{tabular}",
            *([f"  \\par\\smallskip\\parbox{{\\linewidth}}{{\\footnotesize {notes}}}"] if notes else []),
            "\\end{table}",
        ]
        return "% needs \\usepackage{booktabs}\n" + "\n".join(lines) + "\n"

    def latex_rows(self) -> list[str]:
        looks = self.looks or [[Look()] * len(row) for row in self.rows]
        return [latex_line(row, own) for row, own in zip(self.rows, looks, strict=True)]


def listed(columns: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """A row as lines: its first cell, then the others with their columns' names."""
    cells = [f"{name}: {one_line(cell)}" for name, cell in zip(columns[1:], row[1:], strict=True) if cell]
    rest = textwrap.wrap("; ".join(cells), width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return [one_line(row[0]), *rest]


def one_line(cell: str) -> str:
    return " ".join(cell.split())


def parts(cell: str) -> list[str]:
    """Mean and deviation of a cell; of one without, its text."""
    if not isinstance(cell, Spread):
        return [cell, ""]
    return [repr(cell.mean), "" if cell.deviation is None else repr(cell.deviation)]


def latex_line(cells: Sequence[str], looks: Sequence[Look] = ()) -> str:
    texts = [escaped(one_line(cell)) for cell in cells]
    bold = [f"\\textbf{{{text}}}" if look.strong else text for text, look in zip(texts, looks, strict=False)]
    return "    " + " & ".join(bold or texts) + r" \\"


def escaped(text: str) -> str:
    return "".join(LATEX.get(char, char) for char in text)


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
