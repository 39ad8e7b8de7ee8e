"""The curves of optimizers side by side: every series, band, label and note, before anything is drawn."""

import subprocess
import sys

import pytest
from conftest import ROOT
from run_folders import write_run

from report.figures.comparison import comparison
from report.figures.series_style import styles_of
from results.find import load_runs as load
from results.settings import settings


def panels(root, *args, **options):
    return comparison(settings(load(root)), *args, **options)


def by_label(panel):
    return {line.label: line for line in panel.lines}


def test_each_optimizer_has_a_line_with_mean_and_range(tmp_path):
    write_run(tmp_path, "aggmo", 0, 0.6)
    write_run(tmp_path, "aggmo", 1, 0.9)
    write_run(tmp_path, "adam", 0, 0.3, optimizer="adam", lr=0.001)
    loss, acc = panels(tmp_path)
    assert (loss.x_name, loss.y_name, loss.y_log) == ("epoch", "training loss", True)
    assert (acc.y_name, acc.y_log, acc.diverged_edge) == ("validation accuracy", False, "bottom")
    assert [line.label for line in acc.lines] == ["aggmo lr=0.1", "adam lr=0.001"]  # the best first
    aggmo, adam = acc.lines
    assert adam.y == pytest.approx([0.1, 0.2, 0.3]) and not len(adam.low)
    assert aggmo.x == [1, 2, 3] and aggmo.y == pytest.approx([0.25, 0.5, 0.75])
    assert aggmo.low == pytest.approx([0.2, 0.4, 0.6]) and aggmo.high == pytest.approx([0.3, 0.6, 0.9])
    assert [aggmo.style, adam.style] == styles_of(["aggmo", "adam"])
    assert loss.note == "mean and range of 1 to 2 seeds"


def test_bands_are_the_standard_deviation_where_asked_for(tmp_path):
    for seed, acc in enumerate((0.3, 0.6, 0.9)):
        write_run(tmp_path, "aggmo", seed, acc)
    (line,) = panels(tmp_path, band="std")[1].lines
    assert line.high[-1] == pytest.approx(0.9) and line.low[-1] == pytest.approx(0.3)  # 0.6 ± 0.3, n - 1
    assert panels(tmp_path, band="std")[0].note == "mean ± standard deviation of 3 seeds"


def test_three_settings_of_an_optimizer_differ_in_everything(tmp_path):
    for lr in (0.001, 0.01, 0.1, 1.0):
        write_run(tmp_path, f"adam,lr={lr}", 0, 0.9 - lr / 2, optimizer="adam", lr=lr)
    lines = panels(tmp_path, count=3)[0].lines
    assert [line.label for line in lines] == ["adam lr=0.001", "adam lr=0.01", "adam lr=0.1"]
    assert [len({getattr(line.style, part) for line in lines}) for part in ("colour", "dash", "marker")] == [3, 3, 3]


def test_labels_tell_what_else_was_swept(tmp_path):
    for size in (16, 64):
        write_run(tmp_path, "adam", 0, 0.5 + size / 1000, optimizer="adam", config={"batch_size": size})
    assert [line.label for line in panels(tmp_path)[0].lines] == ["adam lr=0.1 batch_size=64"]


def test_seeds_that_stop_early_count_as_long_as_they_are_there(tmp_path):
    write_run(tmp_path, "aggmo", 0, 0.4, epochs=2, config={"epochs": 4})
    write_run(tmp_path, "aggmo", 1, 0.8, epochs=4)
    (line,) = panels(tmp_path)[1].lines
    assert line.x == [1, 2, 3, 4] and line.y == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert line.low == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_diverged_settings_are_named_or_drawn_to_their_end_with_a_cross(tmp_path):
    write_run(tmp_path, "aggmo", 0, 0.9, config={"epochs": 4})
    write_run(tmp_path, "sgd", 0, 0.9, optimizer="sgd", epochs=4)
    write_run(tmp_path, "sgd", 1, 0.3, "diverged", "sgd", epochs=2, config={"epochs": 4})
    write_run(tmp_path, "sgd", 2, 0.3, "diverged", "sgd", epochs=4, rows=[], timings=[])
    loss, acc = panels(tmp_path)
    assert [line.label for line in acc.lines] == ["aggmo lr=0.1"]
    assert "not drawn: 1 setting with diverged runs, nothing of sgd" in acc.note
    loss, acc = panels(tmp_path, diverged=True)
    line = by_label(acc)["sgd lr=0.1 (2 of 3 diverged)"]
    assert line.x == [1, 2, 3, 4] and line.crosses == [(2, pytest.approx(0.3))] and line.diverged_at == [4]
    assert (loss.diverged_edge, acc.diverged_edge) == ("top", "bottom") and "not drawn" not in acc.note
    assert by_label(panels(tmp_path, "seconds", diverged=True)[1])[line.label].crosses == [(2.0, pytest.approx(0.3))]


def test_unfinished_runs_are_drawn_as_far_as_they_are(tmp_path):
    write_run(tmp_path, "adam", 0, 0.9, "running", "adam", epochs=2)
    write_run(tmp_path, "sgd", 0, 0.9, "running", "sgd", epochs=2, rows=[], timings=[])
    (line,) = panels(tmp_path)[0].lines
    assert line.label == "adam lr=0.1 (running)" and line.x == [1, 2]
    write_run(tmp_path, "adam,lr=1", 0, 0.5, optimizer="adam", lr=1.0, config={"epochs": 2})
    assert [line.label for line in panels(tmp_path)[0].lines] == ["adam lr=1"]  # a finished one comes first


def test_steps_have_the_rows_of_steps_where_these_are_more(tmp_path):
    rows = [
        {"split": "train", "per": per, "epoch": 1, "step": step, "loss": 1 / step, "acc": 0.5}
        for per, steps in (("step", (2, 4, 6, 8, 10)), ("epoch", (10,)))
        for step in steps
    ] + [{"split": "val", "per": "epoch", "epoch": 1, "step": 10, "loss": 0.1, "acc": 0.5}]
    write_run(tmp_path, "aggmo", 0, 0.5, epochs=1, rows=rows, timings=[{"epoch": 1, "step": 8, "train_s": 4.0}])
    loss, acc = panels(tmp_path, "step")
    assert loss.lines[0].x == [2, 4, 6, 8, 10] and loss.lines[0].y == pytest.approx([0.5, 0.25, 1 / 6, 0.125, 0.1])
    assert (loss.x_name, acc.lines[0].x) == ("step", [10])
    assert panels(tmp_path)[0].lines[0].x == [1]
    loss, acc = panels(tmp_path, "seconds")
    assert loss.lines[0].x == pytest.approx([1, 2, 3, 4]) and not acc.lines  # step 10 has no time yet
    assert loss.x_name == "seconds of training"


def test_seconds_are_the_seeds_mean_and_never_run_backwards(tmp_path):
    slow = [{"epoch": e, "step": e, "train_s": 3.0 * e} for e in (1, 2)]
    write_run(tmp_path, "aggmo", 0, 0.4, epochs=2, config={"epochs": 4}, timings=slow)
    write_run(tmp_path, "aggmo", 1, 0.8, epochs=4)  # a second an epoch
    (line,) = panels(tmp_path, "seconds")[1].lines
    assert line.x == pytest.approx([2, 4, 5, 6]) and line.y == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_runs_without_timings_are_counted(tmp_path):
    write_run(tmp_path, "aggmo", 0, 0.4, timings=[])
    write_run(tmp_path, "aggmo", 1, 0.8)
    loss, acc = panels(tmp_path, "seconds")
    assert "1 runs without timings left out" in acc.note and acc.lines[0].y == pytest.approx([0.8 / 3, 1.6 / 3, 0.8])


def test_an_exploding_series_does_not_set_the_limits(tmp_path):
    for name, scale in {"adam": 1.0, "aggmo": 2.0, "sgd": 1e6}.items():
        rows = [
            {"split": split, "per": "epoch", "epoch": e, "step": e, "loss": scale / e, "acc": 0.5}
            for e in (1, 2, 3)
            for split in ("train", "val")
        ]
        write_run(tmp_path, name, 0, 0.5, optimizer=name, rows=rows)
    loss, acc = panels(tmp_path)
    low, high = loss.y_range
    assert low < 1 / 3 and 2 < high < 10 and "cut off above 3: sgd lr=0.1" in loss.note
    assert max(by_label(loss)["sgd lr=0.1"].y) == 1e6  # the data stay whole
    assert acc.y_range is None
    only = [setting for setting in settings(load(tmp_path)) if setting.optimizer == "sgd"]
    assert comparison(only)[0].y_range is None  # alone it flattens nobody


def test_smoothed_curves_keep_the_raw_ones_behind(tmp_path):
    rows = [
        {"split": split, "per": "epoch", "epoch": e, "step": e, "loss": 1 + (e % 2), "acc": 0.5}
        for e in range(1, 41)
        for split in ("train", "val")
    ]
    write_run(tmp_path, "aggmo", 0, 0.5, epochs=40, rows=rows)
    loss, _ = panels(tmp_path, smooth=9)
    (line,) = loss.lines
    assert list(line.raw) == [1 + (e % 2) for e in range(1, 41)]
    assert 1.15 < min(line.y) and max(line.y) < 1.75
    assert "smoothed (Savitzky-Golay, order 3, at most 9 points)" in loss.note
    assert not len(panels(tmp_path)[0].lines[0].raw)


def test_bad_requests_are_refused(tmp_path):
    write_run(tmp_path, "aggmo", 0, 0.5)
    write_run(tmp_path, "aggmo", 0, 0.5, task="mnist")
    with pytest.raises(ValueError, match="of one task, not of digits, mnist"):
        panels(tmp_path)
    one = settings(load(tmp_path / "digits"))
    with pytest.raises(ValueError, match="by=hour is not one of epoch, step, seconds"):
        comparison(one, "hour")
    with pytest.raises(ValueError, match="band=sem is not one of range, std"):
        comparison(one, band="sem")
    with pytest.raises(ValueError, match="window of 3 points"):
        comparison(one, smooth=3)


def test_report_imports_nothing_that_trains_nor_matplotlib():
    modules = "comparison, curves, drawing, heatmap_drawing, sensitivity"
    code = f"import sys, importlib; [importlib.import_module('report.figures.' + m) for m in '{modules}'.split(', ')]; "
    code += "bad = {'torch', 'runner', 'matplotlib', 'numpy', 'scipy'} & set(sys.modules); assert not bad, bad"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    ("curves", "low", "below"),
    [
        ({"adam": [0.2, 0.96, 0.98], "sgd": [0.1, 0.9, 0.96]}, 0.95, ""),  # from 0.96, half as much as to 0.98 below
        ({"adam": [0.2, 0.5, 0.9], "sgd": [0.1, 0.2, 0.3]}, None, ""),  # the ends are far apart: all is readable
        ({"adam": [0.9], "sgd": [0.3]}, None, ""),
        ({"adam": [0.5, 0.5, 0.5]}, None, ""),
        (
            {"adam": [0.2, 0.98], "momo": [0.2, 0.97], "sgd": [0.2, 0.96], "radam": [0.1, 0.1]},
            0.95,
            ": radam lr=0.1",
        ),
    ],
)
def test_an_accuracys_axis_shows_late_differences(tmp_path, curves, low, below):
    for optimizer, accs in curves.items():
        rows = [
            {"split": split, "epoch": e, "step": e, "loss": 1.0, "acc": acc, "per": "epoch"}
            for e, acc in enumerate(accs, 1)
            for split in ("train", "val")
        ]
        write_run(tmp_path, optimizer, 0, accs[-1], optimizer=optimizer, rows=rows, timings=[])
    acc = panels(tmp_path)[1]
    assert acc.y_range == (None if low is None else (pytest.approx(low), pytest.approx(0.98, abs=0.01)))
    assert ("cut off" in acc.note) == (low is not None) and acc.note.endswith(below)
