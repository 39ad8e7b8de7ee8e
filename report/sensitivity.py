"""How much the learning rate matters: the score of each optimizer against it, as in Schaipp et al. (ICML 2024)."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from report.comparison import COLOURS, STYLES, metric_of
from report.curves import FRACTIONS, NAMES, log_axis
from report.runs import Run

Scores = dict[str, dict[float, list[float]]]  # optimizer -> learning rate -> a score for each seed
FEWEST_RATES = 3


def scores(runs: Sequence[Run]) -> Scores:
    """The validation metric of the last epoch; a run that diverged has no score and leaves its rate an empty list."""
    found: Scores = defaultdict(lambda: defaultdict(list))
    for run in runs:
        own = found[run.optimizer][run.config["optim"]["lr"]]
        if run.status["status"] == "done" and run.status.get("final"):
            own.append(run.status["final"][run.status["metric"]])
    return {name: dict(sorted(rates.items())) for name, rates in sorted(found.items()) if len(rates) >= FEWEST_RATES}


def one_score_a_seed(runs: Sequence[Run]) -> bool:
    """Whether optimizer, learning rate and seed tell all runs apart: else a point would mix several settings."""
    keys = [(run.optimizer, run.config["optim"]["lr"], run.config["seed"]) for run in runs]
    return len(set(keys)) == len(keys)


def sensitivity_table(found: Scores, runs: Sequence[Run]) -> str:
    """Markdown: a row a learning rate, a column an optimizer, mean ± standard deviation over seeds."""
    rates = sorted({rate for each in found.values() for rate in each})
    lines = [f"| lr | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for rate in rates:
        cells = [cell(each[rate]) if rate in each else "" for each in found.values()]
        lines.append(f"| {rate:g} | {' | '.join(cells)} |")
    seeds = len({run.config["seed"] for run in runs})
    return "\n".join([f"{metric_of(list(runs))} on validation, last epoch, {seeds} seeds", "", *lines])


def cell(values: list[float]) -> str:
    if not values:
        return "diverged"
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


def draw_sensitivity(found: Scores, runs: Sequence[Run], path: Path) -> None:
    """Score against learning rate: mean over seeds, range as a band; no point where all runs of a rate diverged."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metric = metric_of(list(runs))
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for i, (name, rates) in enumerate(found.items()):
        reached = {rate: values for rate, values in rates.items() if values}
        colour, style = COLOURS[i % len(COLOURS)], STYLES[i % len(STYLES)]
        means = [statistics.mean(values) for values in reached.values()]
        axes.plot(list(reached), means, color=colour, linestyle=style, marker="o", markersize=4, label=name)
        low, high = ([f(values) for values in reached.values()] for f in (min, max))
        axes.fill_between(list(reached), low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel(f"validation {NAMES.get(metric, metric)}, last epoch")
    if metric not in FRACTIONS:
        log_axis(axes)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
