"""A setting's effect: every score where it belongs, diverged runs shown as such."""

import pytest
from run_folders import write_run

from report.figures.sensitivity import sensitivity, sensitivity_table
from results.find import load_runs as load
from results.settings import settings


def write_sweep(root):
    for lr, accs in {0.01: (0.5, 0.7), 0.1: (0.8, 0.9), 1.0: (0.3, None), 10.0: (None, None)}.items():
        for seed, acc in enumerate(accs):
            status = "diverged" if acc is None else "done"
            final = {"final": {"acc": acc}, "best": {"acc": acc and acc + 0.05}}
            write_run(root, f"adam,lr={lr}", seed, acc or 0.0, status, "adam", lr, found=final)
    return settings(load(root))


def test_scores_stand_at_their_rates_and_diverged_runs_at_the_edge(tmp_path):
    (panel,) = sensitivity(write_sweep(tmp_path))
    (line,) = panel.lines
    assert line.label == "adam" and line.x == [0.01, 0.1, 1.0] and line.y == pytest.approx([0.6, 0.85, 0.3])
    assert (line.low, line.high, line.diverged_at) == ([0.5, 0.8, 0.3], [0.7, 0.9, 0.3], [1.0, 10.0])
    assert (panel.x_name, panel.y_name) == ("learning rate", "validation accuracy, last epoch")
    assert panel.x_log and not panel.y_log and panel.diverged_edge == "bottom" and line.markers
    assert panel.note == "mean and range of 2 seeds; ×: runs diverged"
    (std,) = sensitivity(settings(load(tmp_path)), band="std")
    assert std.lines[0].high[0] == pytest.approx(0.6 + 0.2 / 2**0.5)


def test_the_table_holds_the_figures_numbers(tmp_path):
    table = sensitivity_table(write_sweep(tmp_path))
    assert table.columns == ["learning rate", "adam"] and [row[0] for row in table.rows] == ["0.01", "0.1", "1", "10"]
    assert table.rows[0][1].startswith("0.60 ± 0.14") and table.rows[2][1].endswith("(1 of 2 diverged)")
    assert table.rows[3][1] == "diverged"


def test_two_values_are_no_curve(tmp_path):
    few = [setting for setting in write_sweep(tmp_path) if setting.lr < 1]
    assert sensitivity(few) == [] and sensitivity_table(few) is None


def test_any_numeric_key_will_do_with_the_best_of_the_others(tmp_path):
    for size in (16, 32, 48):
        for lr, acc in ((0.1, 0.5), (0.2, 0.5 + size / 100)):
            write_run(tmp_path, f"adam,lr={lr}", 0, acc, optimizer="adam", lr=lr, config={"batch_size": size})
    write_run(tmp_path, "adam,lr=9", 0, 0.99, "diverged", "adam", 9.0, config={"batch_size": 48})
    (panel,) = sensitivity(settings(load(tmp_path)), "batch_size")
    assert panel.lines[0].x == [16, 32, 48] and panel.lines[0].y == pytest.approx([0.66, 0.82, 0.98])
    assert not panel.x_log and not panel.lines[0].diverged_at  # within a decade; the best at 48 did not diverge
    assert "the best of the other settings at each value" in panel.note


def test_keys_that_say_nothing_are_refused(tmp_path):
    found = write_sweep(tmp_path)
    with pytest.raises(ValueError, match="no run has a setting optim.lrr; there are optim.lr"):
        sensitivity(found, "optim.lrr")
    with pytest.raises(ValueError, match="seed changes no result, or only the seed"):
        sensitivity(found, "seed")
    with pytest.raises(ValueError, match="model.name is no number"):
        sensitivity(found, "model.name")


def test_running_settings_wait(tmp_path):
    found = write_sweep(tmp_path)
    write_run(tmp_path, "adam,lr=3", 0, 0.99, "running", "adam", 3.0)
    assert sensitivity(settings(load(tmp_path))) == sensitivity(found)
