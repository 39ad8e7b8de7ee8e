"""Callbacks for the end of a run and of a sweep: pictures and tables. matplotlib is imported when they draw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from report.comparable import Group
    from report.tables.table import Table
    from results.settings import Setting

os.environ["MPLBACKEND"] = "agg"  # a notebook's names one that this process may not have

#: modules that draw_run imports
PRELOAD = (
    *("report.figures.curves", "report.diagnostics.trajectories", "report.diagnostics.reconstructions"),
    *("matplotlib.backends.backend_agg", "matplotlib.figure", "matplotlib.ticker"),
)
#: of published numbers, see report/published/agreement.py
VERDICTS = ("match", "close", "miss", "not comparable")

FEW = 8  # settings in one figure of a toy problem


def draw_run(folder: Path) -> str:
    """Draw curves.png, trajectory.png and reconstructions.png of a run, each where its folder has the data.

    Returns a line on each picture that can't be drawn, which is no reason for a run to fail. Raises OSError only.
    """
    from report.diagnostics.reconstructions import draw_images
    from report.diagnostics.trajectories import run_trajectory
    from report.figures.curves import draw_curves
    from report.figures.drawing import draw

    def draw_trajectory(folder: Path) -> None:
        if panels := run_trajectory(folder):
            draw(panels, folder / "trajectory", formats=["png"])

    drawings = {"curves": draw_curves, "trajectory": draw_trajectory, "reconstructions": draw_images}
    return "\n".join(filter(None, (try_to_draw(name, draw, folder) for name, draw in drawings.items())))


def try_to_draw(name: str, draw: Callable[[Path], object], folder: Path) -> str:
    """Draw; return the error in one line, or nothing."""
    try:
        draw(folder)
    except OSError:  # a full disk concerns the whole run
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        return f"{name}.png was not drawn: {type(error).__name__}: {reason}"
    return ""


def summarise_sweep(runs: Sequence[Path], folder: Path, experiments: Sequence[str] = ()) -> str:
    """Draw comparison_<task>.png into a sweep's folder; return a table of the best settings for each group of runs that
    can be compared, and the figure's path; then what `report.py --against` has for the experiments.

    A group none of whose settings is finished is left out.
    """
    from report.comparable import comparable_groups
    from report.figures.comparison import comparison
    from report.figures.drawing import draw
    from report.tables.best import best_table
    from results.run import read_run
    from results.settings import settings

    read = [read_run(run) for run in runs]
    width, parts = shutil.get_terminal_size().columns, []
    groups = comparable_groups(read)
    for group in groups:
        tried = settings(group.runs)
        if any(setting.finished for setting in tried):
            table = replace(best_table(tried), notes=()).console(width)
            (file,) = draw(comparison(tried), folder / f"comparison_{group.prefix}", formats=["png"])
            parts.append(f"\n{group.name}, the best setting of each optimizer on validation:\n{table}\n{file}")
            parts += draw_problem(tried, folder, group.prefix)
    return "\n".join([*parts, *(against_published(each, groups, folder, width) for each in experiments)])


def summarise_suite(folder: Path) -> str:
    """Write the report of a suite's folder, outputs/suites/<name>, to its `report`; return a short table, the wins and
    losses of the command's optimizers, the first cautions, and the page's path. Raises OSError and ValueError.

    Of the figures only the profile is drawn, as drawing all of them takes longer than all the rest.
    """
    from report.suite.console import summary
    from report.suite.report import read_report, write_suite_report

    report = read_report(folder)
    text = summary(report, shutil.get_terminal_size().columns)
    page = write_suite_report(report, folder / "report", ["png"], drawn="profile")
    return f"\n{text}\n{page}\nall figures as PNG and PDF: python scripts/report.py {folder}"


def against_published(experiment: str, groups: Sequence[Group], folder: Path, width: int) -> str:
    """The published numbers of an experiment beside those of a sweep, as text; write the tables and figures to its
    folder. Rows by learning rate are counted only.
    """
    from report.files import write_files
    from report.group_report import GroupReport, ReportOptions, add_published
    from report.published.numbers import published_names, read_published
    from results.settings import settings

    if experiment not in published_names():
        return f"\n{experiment}: no published numbers to compare with, see the experiment's file"
    task, parts = read_published(experiment).task, []
    for group in [group for group in groups if group.runs[0].task == task] or groups:
        report = GroupReport(group, f"{group.prefix}_" if len(groups) > 1 else "", settings(group.runs), [])
        add_published(report, ReportOptions(against=[experiment]))
        files = write_files(report, folder, ["png"])
        for _, tables, _ in report.parts:
            parts += [verdicts_text(name, table, width) for name, table in tables.items()]
        parts += [*report.notes, *(str(file) for file in files if file.suffix in (".md", ".png"))]
    return "\n".join(["", *parts])


def verdicts_text(name: str, table: Table, width: int) -> str:
    """A table without its notes, or of one by learning rate its title, and how often each verdict is in it."""
    found = [row[-1].partition(" (")[0] for row in table.rows]
    counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in VERDICTS if table.columns[-1] == "verdict")
    shown = "" if name.endswith("_sweep") else "\n" + replace(table, notes=()).console(width)
    return f"{table.title}: {counts}{shown}" if counts else f"{table.title}{shown}"


def draw_problem(tried: Sequence[Setting], folder: Path, prefix: str) -> list[str]:
    """Draw the figures of a toy problem into a sweep's folder, of all settings where they are few; return the paths."""
    from report.diagnostics.problems import problem_figures
    from report.figures.drawing import draw
    from report.group_report import drawn_figures

    count = None if len(tried) <= FEW else 1
    figures = [each for described in problem_figures(tried, count) for each in drawn_figures(*described, draw)]
    files = [each.draw(folder / f"{each.name}_{prefix}", ["png"]) for each in figures if each.draw]
    return [str(file) for written in files for file in written]
