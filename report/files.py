"""The files of a report: each table and figure in files of its own, and a list of them all.

By the list the next report in the same folder removes those that it does not write again, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from report.group_report import GroupReport, Part

LIST = "report_files.txt"


def write_files(report: GroupReport, out: Path, formats: Sequence[str]) -> list[Path]:
    """Write every table and figure of one group; return the files."""
    return write_parts(report.parts, out, formats, report.prefix)


def write_parts(parts: Sequence[Part], out: Path, formats: Sequence[str], prefix: str = "") -> list[Path]:
    """The same of any parts. prefix: of the files' names."""
    from report.figures.drawing import draw

    written = []
    for _, tables, figures in parts:
        for name, table in tables.items():
            for ending, text in (("md", table.text()), ("csv", table.csv()), ("tex", table.latex())):
                path = out / f"{prefix}{name}.{ending}"
                path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
                written.append(path)
        for figure in figures:
            path = out / f"{prefix}{figure.name}"
            if figure.draw:
                written += figure.draw(path, list(dict.fromkeys([*formats, "png"])))  # the page shows the PNG
            else:
                written += draw(figure.panels, path, formats=formats)
    return written


def replace_list(out: Path, written: Iterable[Path]) -> None:
    """Remove what an earlier report wrote and this one did not; list what this one wrote."""
    names = sorted({path.name for path in written})
    for name in set(listed_files(out)) - set(names):
        (out / name).unlink(missing_ok=True)
    (out / LIST).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def listed_files(out: Path) -> list[str]:
    """The earlier report's files; names with a folder in them are none of ours."""
    try:
        lines = (out / LIST).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [name for name in lines if name == Path(name).name and (out / name).is_file()]
