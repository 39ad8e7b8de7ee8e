"""`python scripts/report.py outputs/digits`: tables, figures and one HTML page from any folders of runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Iterable, Sequence, Sized
from dataclasses import fields, replace
from pathlib import Path

from report.published.numbers import read_published
from report.task_report import ReportOptions, TaskReport, task_report
from results.filters import select
from results.find import find, skipped_lines
from results.run import Run

DESCRIPTION = """Tables, figures and one HTML page from any folders of runs.

    python scripts/report.py outputs/digits
    python scripts/report.py outputs optim=aggmo,adam task=digits     # of all runs, those of two optimizers on a task
    python scripts/report.py outputs/autoencoder --against aggmo/autoencoder

Settings are chosen on validation. Files go into FOLDER/report: report.html; each figure as PNG and PDF; each table as
Markdown, CSV and LaTeX."""
MOST_WARNINGS = 8  # on the console; the page has all


def main(argv: Sequence[str]) -> int:
    """Write the report; return 0, or 2 after one line on what is wrong."""
    options = parser().parse_args(argv)
    os.environ["MPLBACKEND"] = "agg"  # a notebook's names one that this process may not have
    try:
        return report(options)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: can't write {error.filename}: {error.strerror}; --out names another folder", file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="report.py", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "words", nargs="+", metavar="FOLDER | key=value[,value...]", help="folders above runs; filters"
    )
    arguments.add_argument("--out", type=Path, help="where the report goes (FOLDER/report, of the first one)")
    arguments.add_argument(
        "--by", choices=("epoch", "step", "seconds"), default="epoch", help="horizontal axis of the curves"
    )
    arguments.add_argument("--count", type=int, default=1, help="settings drawn of each optimizer, best first (1)")
    arguments.add_argument("--smooth", type=int, default=0, metavar="N", help="smooth curves over N points (no)")
    arguments.add_argument("--band", choices=("range", "std"), default="range", help="around the mean of the seeds")
    arguments.add_argument("--diverged", action="store_true", help="draw settings with diverged runs, too")
    arguments.add_argument("--percent", action="store_true", help="accuracies and errors in percent")
    arguments.add_argument(
        "--target", type=float, help="validation metric to be reached (what every optimizer reached)"
    )
    arguments.add_argument("--baseline", metavar="OPTIMIZER", help="reference of the comparisons (the best)")
    arguments.add_argument(
        "--against", action="append", default=[], metavar="NAME", help="published numbers: aggmo/autoencoder, ..."
    )
    arguments.add_argument("--heatmap", type=pair, default=(), metavar="KEY,KEY", help="two swept keys")
    arguments.add_argument(
        "--layer", default="", help="parameter whose norms are drawn, such as 1.weight (all together)"
    )
    arguments.add_argument(
        "--formats", type=formats, default=["png", "pdf"], help="of figures, of png, pdf, svg (png,pdf)"
    )
    arguments.add_argument("--no-html", dest="html", action="store_false", help="no report.html")
    return arguments


def pair(text: str) -> Sequence[str]:
    keys = text.split(",")
    if len(keys) != 2:
        raise argparse.ArgumentTypeError(f"{text}: two keys, such as optim.lr,optim.momentum")
    return keys


def formats(text: str) -> Sequence[str]:
    if unknown := set(text.split(",")) - {"png", "pdf", "svg"}:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from png, pdf, svg")
    return text.split(",")


def report(options: argparse.Namespace) -> int:
    if options.count < 1:
        raise ValueError(f"--count {options.count}: at least 1")
    folders, where = split(options.words)
    found = find(*folders)
    for line in skipped_lines(found.skipped):
        print(f"skipped: {line}", file=sys.stderr)
    runs = [run for run in select(found.runs, where) if has_results(run)]
    if not runs:
        raise ValueError(f"{' '.join(map(str, folders))}: no run that has finished an epoch")
    given = ReportOptions(**{entry.name: getattr(options, entry.name) for entry in fields(ReportOptions)})
    by_task = {task: [run for run in runs if run.task == task] for task in sorted({run.task for run in runs})}
    prefixes = {task: f"{task}_" if len(by_task) > 1 else "" for task in by_task}
    reports = [
        task_report(group, options_for(given, task, by_task.keys()), prefixes[task]) for task, group in by_task.items()
    ]
    first = folders[0] if folders[0].is_dir() else folders[0].parent
    out = options.out or first / "report"
    out.mkdir(parents=True, exist_ok=True)
    for each in reports:
        print_summary(each)
        write_files(each, out, options.formats)
    if options.html:
        from report.html_report import html_report
        from report.page.html import write_page

        print(write_page(html_report(reports, out), out / "report.html"))
    else:
        print(out)
    return 0


def options_for(options: ReportOptions, task: str, tasks: Collection[str]) -> ReportOptions:
    """With the published numbers of this task, and those of tasks without runs, whose tables state the difference."""
    published = {name: read_published(name).task for name in options.against}
    return replace(options, against=[name for name, its in published.items() if its == task or its not in tasks])


def split(words: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Folders and filters; a word that is the path of a folder is one, even with a = in its name (seed=0)."""
    folders, where = [], []
    for word in words:
        if "=" in word and not Path(word).exists() and "/" not in word.partition("=")[0]:
            where.append(word)
        else:
            folders.append(Path(word))
    if not folders:
        raise ValueError("name a folder of runs, such as outputs/digits")
    return folders, where


def has_results(run: Run) -> bool:
    """Whether the run has finished an epoch, or diverged."""
    return run.ending in ("done", "diverged") or any(row.get("per") == "epoch" for row in run.rows)


def print_summary(report: TaskReport) -> None:
    """Print the best settings, their differences and the warnings."""
    statuses = [run.ending for run in report.runs]
    counts = ", ".join(f"{statuses.count(each)} {each}" for each in dict.fromkeys(statuses))
    print(f"{report.task}: {counted(report.runs, 'run')}, {counted(report.settings, 'setting')} ({counts})\n")
    for _, tables, _ in report.parts:
        for name, table in tables.items():
            if name in ("best", "differences") or name.startswith("against"):
                print(f"{table.text()}\n")
    for line in report.warnings[:MOST_WARNINGS]:
        print(f"warning: {line}")
    if len(report.warnings) > MOST_WARNINGS:
        print(f"and {len(report.warnings) - MOST_WARNINGS} more warnings in the report")
    if report.warnings:
        print()


def counted(items: Sized, name: str) -> str:
    return f"{len(items)} {name}{'' if len(items) == 1 else 's'}"


def write_files(report: TaskReport, out: Path, formats: Sequence[str]) -> None:
    """Write every table and figure into files of their own."""
    from report.figures.drawing import draw

    for _, tables, figures in report.parts:
        for name, table in tables.items():
            for ending, text in (("md", table.text()), ("csv", table.csv()), ("tex", table.latex())):
                (out / f"{report.prefix}{name}.{ending}").write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        for figure in figures:
            path = out / f"{report.prefix}{figure.name}"
            if figure.draw:
                figure.draw(path, list(dict.fromkeys([*formats, "png"])))  # the page shows the PNG
            else:
                draw(figure.panels, path, formats=formats)
