"""Published figures: which lines of ours they have, and which published values are marked on them."""

import pytest
from run_folders import write_run

from report.figures.drawing import panels_figure
from report.figures.panel import MARK_COLOUR, Line, Mark, Panel
from report.figures.series_style import DASHES, style_of
from report.page.charts import chart, panels_csv
from report.published.figures import published_figures
from report.published.numbers import read_published
from results.find import load_runs
from results.settings import settings

SEVEN = ["sgd", "rmsprop_adam", "adam", "adam_weight_decay", "lrd", "gradnoise", "lookahead"]
NNO = {
    **{"data.name": "cifar10", "data.augment": "none", "data.shuffle": True, "data.reshuffle": False},
    **{"model.name": "cnn_bn", "optim.lr_schedule.name": "plateau"},
}
MNIST = {
    **{"data.name": "mnist", "data.augment": "none", "data.split": "test", "model.hidden": [100, 100]},
    **{"drop_last": True, "optim.weight_decay": 0.0},
}


def nno_run(root, setting, losses, seed=0, every=100, config=None, **more):
    """31 epochs of 100 steps with a loss every so many steps, the epochs' own rows without values."""
    rows = [{"split": "train", "per": "step", "epoch": 1, "step": (i + 1) * every, "loss": x} for i, x in losses]
    rows += [{"split": "train", "per": "epoch", "epoch": e, "step": 100 * e, "loss": 9.0} for e in range(1, 32)]
    common = {"task": "cifar10", "epochs": 31, "lr": 0.001, "rows": rows, "config": {**NNO, **(config or {})}}
    write_run(root, setting, seed, 0.5, **{**common, **more})


def figures(name, root):
    return {figure.name: panels for figure, panels in published_figures(name, settings(load_runs(root)))}


def lines(panel):
    return {line.label: line for line in panel.lines}


def test_a_figure_is_drawn_once_there_is_a_run_and_has_all_of_its_methods(tmp_path):
    assert [figure.name for figure in read_published("nno/cifar10_cnn").figures] == [f"loss_cifar_{n}" for n in SEVEN]
    for seed, loss in enumerate((1.0, 0.5)):
        nno_run(tmp_path, "sgd", [(i, loss) for i in range(31)], seed, optimizer="sgd")
    found = figures("nno/cifar10_cnn", tmp_path)
    assert list(found) == ["loss_cifar_sgd", "loss_cifar_rmsprop_adam", "loss_cifar_lookahead"]
    (panel,) = found["loss_cifar_sgd"]
    assert panel.y_range == (0, 2) and found["loss_cifar_lookahead"][0].y_range == (0, 3)
    sgd, *others = panel.lines
    assert sgd.label == "SGD" and set(sgd.y) == {0.75} and sgd.x[:2] == [0.5, 1.5]
    assert sgd.high[0] - sgd.y[0] == pytest.approx(0.125**0.5)  # the deviation of 1 and 0.5
    assert sgd.marks[1] == Mark(pytest.approx(5 * 31 / 30), 0.85)  # 31 epochs were drawn over 30 units
    assert [line.label for line in others] == [
        *("SGD with momentum (published)", "Nesterov (published)", "SGDW* (published)"),
        "Momentum with learning-rate dropout (published)",
    ]
    assert all(not line.y and line.marks and line.style.colour == MARK_COLOUR for line in others)
    assert len({line.style.marker for line in panel.lines}) == 5
    assert panel.note == "hollow grey: published; ± standard deviation; * another method than published"


def test_what_differs_from_the_protocol_is_said_once_or_at_its_method(tmp_path):
    short, adam = {"limit_train": 500}, {"optim.betas": [0.9, 0.999], "optim.weight_decay": 0.0}
    nno_run(tmp_path, "adam", [(0, 1.0)], optimizer="adam", config={**short, **adam})
    nno_run(tmp_path, "nadam", [(0, 1.0)], optimizer="nadam", config={**short, "batch_size": 64})
    nno_run(tmp_path, "radam", [], optimizer="radam", status="diverged", config={**short, "optim.weight_decay": 0.0})
    (panel,) = figures("nno/cifar10_cnn", tmp_path)["loss_cifar_adam"]
    assert list(lines(panel)) == [
        *("Adam", "Nadam* (batch_size: 64, not 128)", "RAdam (diverged)", "RAdamW (published)"),
    ]
    assert "ours: limit_train: 500, not all" in panel.note
    assert lines(panel)["Adam"].marks[0] == Mark(pytest.approx(31 / 30), 1.26)  # of the figure that has it first


def test_unfinished_runs_are_drawn_as_far_as_they_are(tmp_path):
    for seed in (0, 1):
        nno_run(tmp_path, "sgd", [(i, 1.0) for i in range(5 + seed)], seed, optimizer="sgd", status="interrupted")
    (panel,) = figures("nno/cifar10_cnn", tmp_path)["loss_cifar_sgd"]
    assert len(lines(panel)["SGD (unfinished)"].y) == 5


def test_curves_of_single_batches_are_smoothed_over_as_many_as_the_sources(tmp_path):
    """A window of 81 batches: 17 rows of 5 batches, and none of rows of 100."""
    noisy = [(i, 1.0 + 0.1 * (-1) ** i) for i in range(620)]
    nno_run(tmp_path / "a", "sgd", noisy, every=5, optimizer="sgd")
    nno_run(tmp_path / "b", "sgd", noisy[:31], optimizer="sgd")
    fine, coarse = (figures("nno/cifar10_cnn", tmp_path / each)["loss_cifar_sgd"][0].lines[0] for each in "ab")
    assert max(abs(y - 1) for y in fine.y[30:-30]) < 0.02 and set(fine.raw) == {1.1, 0.9}
    assert coarse.y == [y for _, y in noisy[:31]] and not coarse.raw


def momo_runs(root, optimizer, accs, config):
    """Two seeds a rate, 0.1 points apart."""
    for lr, acc in accs.items():
        for seed in (0, 1):
            its = {**MNIST, **config}
            name = f"{optimizer},lr={lr}"
            write_run(root, name, seed, acc + 0.001 * seed, "done", optimizer, lr, 10, task="mnist", config=its)


def test_all_methods_by_learning_rate(tmp_path):
    momo_runs(tmp_path, "adam", {0.001: 0.97, 0.01: 0.95}, {})
    wide, close = figures("momo/mnist_mlp", tmp_path)["sensitivity"]
    assert wide.x_log and wide.y_range is None and close.y_range == (94, 98.5) and wide.diverged_edge == "bottom"
    adam = lines(wide)["Adam"]
    assert adam.x == [0.001, 0.01] and adam.y == pytest.approx([97.05, 95.05])
    assert adam.high[0] - adam.y[0] == pytest.approx(0.1 / 2**0.5) and Mark(0.001, 97.75, 0.06) in adam.marks
    assert {"MoMo (published)", "AdaBound (published)"} <= lines(wide).keys()
    assert "± standard deviation" in wide.note


def test_the_three_best_rates_of_each_method(tmp_path):
    momo_runs(tmp_path, "adam", {0.0001: 0.96, 0.001: 0.97, 0.01: 0.95, 0.1: 0.1}, {})
    own = {"optim.beta": 0.9, "optim.lb": 0.0, "optim.use_fstar": False}
    momo_runs(tmp_path, "momo", {0.1: 0.97, 0.01: 0.96, 10: 0.98, 100: 0.979}, own)
    validation, training = figures("momo/mnist_mlp", tmp_path)["best_rates"]
    drawn = [line for line in validation.lines if line.y]
    assert [line.label for line in drawn] == [
        *("MoMo lr=10", "MoMo lr=100", "MoMo lr=0.1", "Adam lr=0.001", "Adam lr=0.0001", "Adam lr=0.01"),
    ]
    assert [line.style.dash for line in drawn] == [*DASHES[:3]] * 2 and len({line.style.colour for line in drawn}) == 2
    assert not any(len(line.low) for line in drawn)
    assert drawn[3].marks[-1] == Mark(10, 97.75) and not any(line.marks for line in (*drawn[:3], *drawn[4:]))
    assert lines(validation)["MoMo lr=1 (published)"].marks[-1] == Mark(10, 97.97)  # no run of ours, or no good one
    assert training.y_log and lines(training)["Adam lr=0.001"].marks[0] == Mark(1, 0.153)


def test_marks_are_drawn_hollow_within_the_limits_and_belong_to_their_line():
    marks = [Mark(1, 5.0, 0.5), Mark(2, 4.0)]
    line = Line("adam", style_of("adam"), [1, 2, 3], [1.0, 0.5, 0.2], marks=marks)
    panels = [Panel("", "epoch", "loss", [line])]
    (axes,) = panels_figure(panels).axes
    (points,) = [each for each in axes.get_lines() if each.get_color() == MARK_COLOUR]
    assert list(points.get_xdata()) == [1, 2] and points.get_markerfacecolor() == "none"
    assert points.get_marker() == line.style.marker and axes.get_ylim()[1] > 5
    curve, mark = chart(panels)["data"]
    assert mark["legendgroup"] == curve["legendgroup"] and (mark["showlegend"], curve["showlegend"]) == (False, True)
    assert mark["y"] == [5.0, 4.0] and mark["error_y"]["array"] == [0.5, 0.0]
    assert mark["marker"]["symbol"] == f"{curve['marker']['symbol']}-open"
    assert panels_csv(panels).splitlines()[4:] == [
        "loss,adam: published,1,5.0,4.5,5.5,,",
        "loss,adam: published,2,4.0,,,,",
    ]
