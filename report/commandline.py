"""`python scripts/report.py outputs/digits`: tables, figures and one HTML page from any folders of runs."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence, Sized
from dataclasses import fields, replace
from pathlib import Path

from report.comparable import SEPARATING, Group, comparable_groups
from report.files import replace_list, write_files
from report.group_report import GroupReport, ReportOptions, group_report
from report.published.against_records import is_records
from report.published.numbers import read_published
from results.filters import select
from results.find import find, skipped_lines
from results.run import Run
from results.suite_runs import RECORDED, is_suite_folder

DESCRIPTION = """Tables, figures and one HTML page from any folders of runs.

    python scripts/report.py outputs/digits
    python scripts/report.py outputs optim=aggmo,adam task=digits     # of all runs, those of two optimizers on a task
    python scripts/report.py outputs/autoencoder --against aggmo/autoencoder
    python scripts/report.py outputs/suites/quick                     # a suite: optimizers over many tasks

Runs are compared with those of the same task, data, network, epochs, batch size and limits. Settings are chosen on
validation. Files go into FOLDER/report: report.html; each figure as PNG and PDF; each table as
Markdown, CSV and LaTeX."""
SUITE_OPTIONS = ("words", "out", "baseline", "significance", "formats", "html")
SUITE_ONLY = ("significance",)
MOST_WARNINGS = 8  # on the console; the page has all


def main(argv: Sequence[str]) -> int:
    """Write the report; return 0, or 2 after one line on what is wrong."""
    options = parser().parse_intermixed_args(argv)
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
    arguments.add_argument(
        "--baseline", metavar="OPTIMIZER", help="reference of the comparisons (the best); of a suite one or several"
    )
    arguments.add_argument(
        "--significance",
        type=probability,
        metavar="P",
        help="of a suite: a target is reached when the mean over seeds is better with a p-value below P, as 0.01 "
        "(what the suite's file says: the mean alone)",
    )
    arguments.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="NAME",
        help="published numbers: aggmo/autoencoder, ...; records: our recorded runs; a FILE.jsonl of records",
    )
    arguments.add_argument("--heatmap", type=pair, default=(), metavar="KEY,KEY", help="two swept keys")
    arguments.add_argument(
        "--across",
        type=lambda text: text.split(","),
        default=[],
        metavar="KEY[,KEY]",
        help=f"compare runs that differ in these too, of {', '.join(SEPARATING)} (in none)",
    )
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


def probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text}: a number between 0 and 1, such as 0.01")
    return value


def formats(text: str) -> Sequence[str]:
    if unknown := set(text.split(",")) - {"png", "pdf", "svg"}:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from png, pdf, svg")
    return text.split(",")


def report(options: argparse.Namespace) -> int:
    if options.count < 1:
        raise ValueError(f"--count {options.count}: at least 1")
    folders, where = split(options.words)
    if any(map(is_suite_folder, folders)):
        return report_suite(folders, where, options)
    check_options(options, suite=False)
    found = find(*folders)
    for line in skipped_lines(found.skipped):
        print(f"skipped: {line}", file=sys.stderr)
    runs = [run for run in select(found.runs, where) if has_results(run)]
    if not runs:
        raise ValueError(f"{' '.join(map(str, folders))}: no run that has finished an epoch")
    given = ReportOptions(**{entry.name: getattr(options, entry.name) for entry in fields(ReportOptions)})
    groups = comparable_groups(runs, [*options.across, *options.heatmap])
    prefixes = [f"{group.prefix}_" if len(groups) > 1 else "" for group in groups]
    reports = [
        group_report(group, options_for(given, group, groups), prefix)
        for group, prefix in zip(groups, prefixes, strict=True)
    ]
    check_heatmap(reports, options.heatmap)
    first = folders[0] if folders[0].is_dir() else folders[0].parent
    write_report(reports, options.out or first / "report", options.formats, options.html)
    return 0


def report_suite(folders: Sequence[Path], where: Sequence[str], options: argparse.Namespace) -> int:
    """The report of a suite's folder. --baseline names one or several optimizers; optim=a,b and task=a,b select."""
    from report.suite.console import summary
    from report.suite.report import read_report, write_suite_report

    if len(folders) > 1:
        raise ValueError(f"{' '.join(map(str, folders))}: a suite's folder has a report of its own; name it alone")
    check_options(options, suite=True)
    chosen: dict[str, list[str]] = {"optim": [], "task": []}
    for word in where:
        key, _, names = word.partition("=")
        if key not in chosen:
            raise ValueError(f"{word}: of a suite, optimizers and tasks can be selected, such as optim=adam,lion")
        chosen[key] += names.split(",")
    baselines = options.baseline.split(",") if options.baseline else []
    found = read_report(folders[0], baselines, chosen["optim"], chosen["task"], options.significance)
    name = found.scored.compared.name
    recorded = folders[0].resolve().is_relative_to(RECORDED)  # no place for files that are made again at any time
    default = Path("outputs") / "suites" / name / "report_recorded" if recorded else folders[0] / "report"
    print(summary(found, shutil.get_terminal_size().columns))
    print(write_suite_report(found, options.out or default, options.formats, options.html))
    return 0


def check_options(options: argparse.Namespace, suite: bool) -> None:
    """Raise ValueError for an option that is for the other kind of folder: the runs of one task, or a suite's."""
    plain = parser().parse_args(["."])
    for name, value in vars(options).items():
        if value == getattr(plain, name):
            continue
        if suite and name not in SUITE_OPTIONS:
            raise ValueError(f"--{name} is for the runs of a task, not for a suite's folder")
        if not suite and name in SUITE_ONLY:
            raise ValueError(f"--{name} is for a suite's folder, not for the runs of a task")


def write_report(reports: Sequence[GroupReport], out: Path, formats: Sequence[str], html: bool) -> None:
    """Print the groups' summaries, write all files and print where they are."""
    out.mkdir(parents=True, exist_ok=True)
    if len(reports) > 1:
        names = ", ".join(report.group.name for report in reports)
        line = f"{len(reports)} groups that can't be compared with each other (but see --across): {names}"
        print(textwrap.fill(line, shutil.get_terminal_size().columns) + "\n")
    written = []
    for each in reports:
        print_summary(each)
        files = write_files(each, out, formats)
        for file in files:
            if file.name == f"{each.prefix}comparison.{formats[0]}":
                print(f"{file}\n")
        written += files
    if html:
        from report.html_report import html_report
        from report.page.html import write_page

        written.append(write_page(html_report(reports, out), out / "report.html"))
    replace_list(out, written)
    print(written[-1] if html else out)


def check_heatmap(reports: Iterable[GroupReport], keys: Sequence[str]) -> None:
    """Raise ValueError if a heat map was asked for and there is none."""
    figures = [figure.name for report in reports for _, _, figures in report.parts for figure in figures]
    if keys and "heatmap" not in figures:
        raise ValueError(f"--heatmap {','.join(keys)}: no optimizer has two values of each")


def options_for(options: ReportOptions, group: Group, groups: Collection[Group]) -> ReportOptions:
    """With the published numbers of this group's task, and those of tasks without runs, whose tables state the
    difference; without a baseline or a heat map of keys that only other groups have."""
    task, tasks = group.runs[0].task, {each.runs[0].task for each in groups}
    published = {name: task if is_records(name) else read_published(name).task for name in options.against}
    against = [name for name, its in published.items() if its == task or its not in tasks]
    having = [each for each in groups if options.baseline in {run.optimizer for run in each.runs}]
    drawable = [each for each in groups if all(has_key(each, key) for key in options.heatmap)]
    baseline = options.baseline if group in having or not having else None
    heatmap = options.heatmap if group in drawable or not drawable else ()
    return replace(options, against=against, baseline=baseline, heatmap=heatmap)


def has_key(group: Group, key: str) -> bool:
    return any(key in run.settings for run in group.runs)


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


def print_summary(report: GroupReport) -> None:
    """Print the best settings, their differences, what is missing, and the warnings."""
    width = shutil.get_terminal_size().columns
    statuses = [run.ending for run in report.runs]
    counts = ", ".join(f"{statuses.count(each)} {each}" for each in dict.fromkeys(statuses))
    print(f"{report.group.name}: {counted(report.runs, 'run')}, {counted(report.settings, 'setting')} ({counts})\n")
    for _, tables, _ in report.parts:
        for name, table in tables.items():
            if name in ("best", "differences") or name.startswith("against"):
                print(f"{table.title}\n\n{table.console(width)}\n")
    for line in report.notes:
        print(textwrap.fill(line, width))
    for line in report.warnings[:MOST_WARNINGS]:
        print(textwrap.fill(f"warning: {line}", width))
    if len(report.warnings) > MOST_WARNINGS:
        print(f"and {len(report.warnings) - MOST_WARNINGS} more warnings in the report")
    if report.warnings or report.notes:
        print()


def counted(items: Sized, name: str) -> str:
    return f"{len(items)} {name}{'' if len(items) == 1 else 's'}"
