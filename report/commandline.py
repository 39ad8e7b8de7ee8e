"""`python scripts/report.py outputs/digits`: tables, figures and one HTML page from any folders of runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Sequence, Sized
from dataclasses import fields, replace
from pathlib import Path

from report.chapter import Chapter, Wishes, chapter
from report.published.numbers import published
from report.reading.filters import select
from report.reading.runs import Run
from report.reading.search import find, told

DESCRIPTION = """Tables, figures and one HTML page from any folders of runs.

    python scripts/report.py outputs/digits
    python scripts/report.py outputs optim=aggmo,adam task=digits     # of all runs, those of two optimizers on a task
    python scripts/report.py outputs/autoencoder --against aggmo/autoencoder

Settings are chosen on validation. Files go into FOLDER/report: report.html; each figure as PNG and PDF; each table as
Markdown, CSV and LaTeX."""
MOST_NOTES = 8  # lines of cautions on the console; the page has all


def main(argv: Sequence[str]) -> int:
    """Write the report; return 0, or 2 after one line on what is wrong."""
    options = parser().parse_args(argv)
    try:
        return report(options)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: can't write {error.filename}: {error.strerror}; --out names another folder", file=sys.stderr)
    return 2


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="report.py", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("words", nargs="+", metavar="FOLDER | key=value[,value...]", help="folders above runs; filters")
    made.add_argument("--out", type=Path, help="where the report goes (FOLDER/report, of the first one)")
    made.add_argument("--by", choices=("epoch", "step", "seconds"), default="epoch", help="of the curves")
    made.add_argument("--count", type=int, default=1, help="settings drawn of each optimizer, best first (1)")
    made.add_argument("--smooth", type=int, default=0, metavar="N", help="smooth curves over N points (no)")
    made.add_argument(
        "--band", dest="kind", choices=("range", "std"), default="range", help="of the seeds, around their mean"
    )
    made.add_argument("--diverged", action="store_true", help="draw settings of which runs diverged, too")
    made.add_argument("--percent", action="store_true", help="accuracies and errors in percent")
    made.add_argument("--target", type=float, help="validation metric to be reached (what every optimizer reached)")
    made.add_argument("--baseline", metavar="OPTIMIZER", help="what the others are compared with (the best)")
    made.add_argument(
        "--against", action="append", default=[], metavar="NAME", help="published numbers: aggmo/autoencoder, ..."
    )
    made.add_argument("--heatmap", type=pair, default=(), metavar="KEY,KEY", help="two swept keys")
    made.add_argument("--layer", default="", help="parameter whose norms are drawn, such as 1.weight (all together)")
    made.add_argument("--formats", type=formats, default=["png", "pdf"], help="of figures, of png, pdf, svg (png,pdf)")
    made.add_argument("--no-html", dest="html", action="store_false", help="no report.html")
    return made


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
    for line in told(found.skipped):
        print(f"passed over: {line}", file=sys.stderr)
    runs = [run for run in select(found.runs, where) if has_begun(run)]
    if not runs:
        raise ValueError(f"{' '.join(map(str, folders))}: no run that has finished an epoch")
    wishes = Wishes(**{entry.name: getattr(options, entry.name) for entry in fields(Wishes)})
    by_task = {task: [run for run in runs if run.task == task] for task in sorted({run.task for run in runs})}
    prefixes = {task: f"{task}_" if len(by_task) > 1 else "" for task in by_task}
    chapters = [chapter(own, fitting(wishes, task, by_task.keys()), prefixes[task]) for task, own in by_task.items()]
    first = folders[0] if folders[0].is_dir() else folders[0].parent
    out = options.out or first / "report"
    out.mkdir(parents=True, exist_ok=True)
    for made in chapters:
        tell(made)
        write(made, out, options.formats)
    if options.html:
        from report.html_report import html_report
        from report.page.html import write_page

        print(write_page(html_report(chapters, out), out / "report.html"))
    else:
        print(out)
    return 0


def fitting(wishes: Wishes, task: str, tasks: Collection[str]) -> Wishes:
    """Published numbers go beside the runs of their task; where there are none, beside all, the difference said."""
    theirs = {name: published(name).task for name in wishes.against}
    return replace(wishes, against=[name for name, own in theirs.items() if own == task or own not in tasks])


def split(words: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Folders and filters: what is there is a folder, be there a = in its name (seed=0)."""
    folders, where = [], []
    for word in words:
        if "=" in word and not Path(word).exists() and "/" not in word.partition("=")[0]:
            where.append(word)
        else:
            folders.append(Path(word))
    if not folders:
        raise ValueError("name a folder of runs, such as outputs/digits")
    return folders, where


def has_begun(run: Run) -> bool:
    """Whether there is anything to show: an epoch, or the news that it diverged."""
    return run.ending in ("done", "diverged") or any(row.get("per") == "epoch" for row in run.rows)


def tell(made: Chapter) -> None:
    """The chapter's gist on the console: the best settings, whether they differ, what to beware of."""
    endings = [run.ending for run in made.runs]
    counts = ", ".join(f"{endings.count(each)} {each}" for each in dict.fromkeys(endings))
    print(f"{made.task}: {several(made.runs, 'run')}, {several(made.settings, 'setting')} ({counts})\n")
    for _, tables, _ in made.parts:
        for name, table in tables.items():
            if name in ("best", "differences") or name.startswith("against"):
                print(f"{table.text()}\n")
    for line in made.cautions[:MOST_NOTES]:
        print(f"caution: {line}")
    if len(made.cautions) > MOST_NOTES:
        print(f"and {len(made.cautions) - MOST_NOTES} more cautions in the report")
    if made.cautions:
        print()


def several(items: Sized, name: str) -> str:
    return f"{len(items)} {name}{'' if len(items) == 1 else 's'}"


def write(made: Chapter, out: Path, endings: Sequence[str]) -> None:
    """Every table and figure into files of their own."""
    from report.figures.drawing import draw

    for _, tables, figures in made.parts:
        for name, table in tables.items():
            for ending, text in (("md", table.text()), ("csv", table.csv()), ("tex", table.latex())):
                (out / f"{made.prefix}{name}.{ending}").write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        for figure in figures:
            path = out / f"{made.prefix}{figure.name}"
            if figure.draw:
                figure.draw(path, list(dict.fromkeys([*endings, "png"])))  # the page shows the PNG
            else:
                draw(figure.panels, path, formats=endings)
