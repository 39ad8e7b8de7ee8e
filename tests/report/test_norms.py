"""Norms by optimizer and by layer, thinned without losing a step."""

import pytest
from recorded_steps import write_steps

from report.diagnostics.norms import clipping, layers, norms, projections
from report.diagnostics.tracked import POINTS, thinned
from report.figures.series import Curve
from results.find import load_runs as load
from results.settings import settings

KEYS = ("weight_norm", "update_norm", "gradient_norm", "effective_step")


def write(root, optimizer, factor, steps=3, **more):
    rows = [
        {f"{key}{layer}": factor * (i + 1) for key in KEYS for layer in ("", "/1.weight", "/1.bias")}
        for i in range(steps)
    ]
    return write_steps(root, optimizer, rows, **more)


def test_a_panel_for_each_norm_with_a_line_for_each_optimizer(tmp_path):
    write(tmp_path, "adam", 1.0)
    write(tmp_path, "adamp", 0.1)
    found = settings(load(tmp_path))
    panels = norms(found)
    assert [panel.y_name.split()[-1] for panel in panels] == ["weights", "update", "gradient", "weights"]
    assert [panel.y_log for panel in panels] == [False, True, True, True]
    for panel in panels:
        assert [line.label for line in panel.lines] == ["adam lr=0.1", "adamp lr=0.1"]
        assert panel.lines[1].y == pytest.approx([0.1, 0.2, 0.3]) and panel.lines[1].x == [2, 4, 6]
        assert panel.note == ""


def test_a_layer_is_chosen_by_name_and_an_unknown_one_refused(tmp_path):
    write(tmp_path, "adam", 1.0)
    found = settings(load(tmp_path))
    assert layers(found) == ["1.weight", "1.bias"]
    assert norms(found, "1.bias")[0].y_name == "norm of the weights, 1.bias"
    with pytest.raises(ValueError, match=r"no run has recorded layer 2\.bias; there are 1\.weight, 1\.bias"):
        norms(found, "2.bias")


def test_long_runs_are_thinned_to_means_of_all_their_rows(tmp_path):
    write(tmp_path, "adam", 1.0, steps=4 * POINTS + 1)
    panel = norms(settings(load(tmp_path)))[0]
    (line,) = panel.lines
    assert len(line.x) <= POINTS and "each point the mean of 5 recorded steps" in panel.note
    assert line.y[0] == pytest.approx(3.0) and line.x[0] == pytest.approx(6.0)
    assert thinned(Curve([1, 2, 3, 4, 5], [1.0, 3.0, 5.0, 7.0, 9.0]), 2) == ([1.5, 4.0], [2.0, 7.0])


def test_clipped_shares_and_norms_are_of_the_runs_that_clip(tmp_path):
    rows = [{"clipped": 0.5, "mean_gradient_norm": 3.0}, {"clipped": 0.0, "mean_gradient_norm": 0.5}]
    write_steps(tmp_path, "sgd", rows)
    write(tmp_path, "adam", 1.0)
    shares, before = clipping(settings(load(tmp_path)))
    assert [[line.y for line in panel.lines] for panel in (shares, before)] == [[[0.5, 0.0]], [[3.0, 0.5]]]
    assert shares.y_range[0] < 0 < 1 < shares.y_range[1] and before.y_log


def test_projected_fractions_have_a_fixed_axis_and_only_the_projecting_a_line(tmp_path):
    write_steps(tmp_path, "sgdp", [{"optimizer/projected": 1.0}, {"optimizer/projected": 0.0}])
    write(tmp_path, "adam", 1.0)
    (panel,) = projections(settings(load(tmp_path)))
    assert [line.label for line in panel.lines] == ["sgdp lr=0.1"] and panel.lines[0].y == [1.0, 0.0]
    assert panel.y_range[0] < 0 < 1 < panel.y_range[1]


def test_runs_without_such_rows_give_no_panels(tmp_path):
    write_steps(tmp_path, "adam", [{}])
    found = settings(load(tmp_path))
    assert norms(found) == norms(found, "1.weight") == projections(found) == [] and layers(found) == []


def test_effective_steps_are_means_over_seeds_with_their_range(tmp_path):
    for seed, values in enumerate([(0.1, 0.2), (0.3, 0.4)]):
        write_steps(tmp_path, "adamp", [{"effective_step": value} for value in values], seed=seed)
    write_steps(tmp_path, "sgd", [{"effective_step": 0.5}, {"effective_step": 0.0}])
    (panel,) = norms(settings(load(tmp_path)))
    adamp, sgd = panel.lines
    assert (adamp.label, sgd.label) == ("adamp lr=0.1", "sgd lr=0.1")
    assert adamp.y == pytest.approx([0.2, 0.3]) and adamp.low == [0.1, 0.2] and adamp.high == [0.3, 0.4]
    assert sgd.y == [0.5, 0.0] and not panel.y_log, "a logarithmic axis has no 0"
    assert "mean and range of 1 to 2 seeds" in panel.note
