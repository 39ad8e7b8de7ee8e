"""MoMo's step sizes beside their cap."""

from recorded_steps import write_steps

from report.diagnostics.stepsizes import adaptive_steps
from results.find import load_runs as load
from results.settings import settings


def zetas(*pairs):
    return [{"optimizer/zeta": zeta, "optimizer/cap": cap} for zeta, cap in pairs]


def found(root):
    return settings(load(root))


def test_a_panel_for_each_learning_rate_with_zeta_and_its_cap(tmp_path):
    write_steps(tmp_path, "momo", zetas((5.0, 1.0), (0.5, 1.0), (0.25, 1.0), (2.0, 1.0)), lr=1.0)
    write_steps(tmp_path, "momo", zetas((5.0, 0.1), (4.0, 0.1)), lr=0.1)
    write_steps(tmp_path, "momo", zetas((99.0, 1.0)), lr=1.0, seed=1)  # the first seed is shown
    write_steps(tmp_path, "adam", [{"weight_norm": 1.0}])
    small, large = adaptive_steps(found(tmp_path))
    assert small.title == "momo lr=0.1: ζ < α/ρ in 0%" and large.title == "momo lr=1: ζ < α/ρ in 50%"
    zeta, cap = large.lines
    assert list(zeta.x) == [2, 4, 6, 8] and zeta.raw == [5.0, 0.5, 0.25, 2.0] and cap.y == [1.0] * 4
    assert large.y_log and large.y_range == small.y_range and "seed 0" in large.note
    assert large.y_range[0] < 0.1 < 5.0 < large.y_range[1]


def test_a_zeta_of_zero_lies_on_the_lower_edge(tmp_path):
    write_steps(tmp_path, "momo_adam", zetas((1.0, 0.5), (0.0, 0.2), (0.3, 0.1)))
    (panel,) = adaptive_steps(found(tmp_path))
    assert panel.lines[0].raw == [1.0, panel.y_range[0], 0.3] and panel.y_range[0] > 0
    assert panel.lines[1].y == [0.5, 0.2, 0.1]


def test_runs_without_such_rows_give_no_panels(tmp_path):
    write_steps(tmp_path, "adam", [{}])
    assert adaptive_steps(found(tmp_path)) == []
