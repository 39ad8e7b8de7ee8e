"""The pictures of the toy problems show the recorded steps, the start and the optimum, and say what is what."""

import json

import numpy
import pytest

from report import trajectory
from report.trajectory import Scene, Window, draw_distances, draw_norm, draw_path, draw_regret, epoch_means, read_path

STEPS = [
    {"step": t, "epoch": 1 + t // 4, "loss": 1.0 / t, "x": -t / 9, "x0": 1 / t, "x1": -2.0 / t, "norm": 1 + t}
    for t in range(1, 9)
]


def write_rows(folder, steps):
    rows = [{"split": "train", "per": "step", **row} for row in steps]
    others = [{"split": split, "per": "epoch", "epoch": 1, "step": 8, "loss": 9.0} for split in ("train", "val")]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *others]))


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """(folder with rows of steps, the panels of the figures drawn in it)."""
    write_rows(tmp_path, STEPS)
    panels, new_figure = [], trajectory.new_figure

    def watched(*args):
        figure, axes = new_figure(*args)
        panels.extend(axes)
        return figure, axes

    monkeypatch.setattr(trajectory, "new_figure", watched)
    return tmp_path, panels


def lines(axes):
    return {line.get_label(): numpy.array(line.get_xydata()).tolist() for line in axes.get_lines()}


def plane(path, optimum=((0.0, 0.0),)):
    window = Window.around([*path, *optimum])
    x, y = numpy.meshgrid(window.x, window.y)
    return Scene(window, x**2 + y**2, ("first", "second"), optimum)


def test_a_path_goes_from_the_start_through_every_step(drawn):
    folder, panels = drawn
    path = read_path(folder, ("x0", "x1"), (3.0, 4.0))
    draw_path(folder, path, plane(path), ("norm", "length", 5.0))
    left, right = panels
    seen = lines(left)
    assert [3.0, 4.0] in seen["start"] and seen["step 8"] == [[1 / 8, -2 / 8]] and seen["optimum"] == [[0.0, 0.0]]
    assert [[3.0, 4.0], *([row["x0"], row["x1"]] for row in STEPS)] in seen.values()
    assert [[0, 5.0], *([row["step"], row["norm"]] for row in STEPS)] in lines(right).values()
    assert (left.get_xlabel(), left.get_ylabel()) == ("first", "second")
    assert (right.get_xlabel(), right.get_ylabel()) == ("step", "length")
    assert left.collections, "no contours"
    assert (folder / "trajectory.png").stat().st_size > 5000


def test_a_line_of_optima_is_drawn_as_a_line(drawn):
    folder, panels = drawn
    path = read_path(folder, ("x0", "x1"), (3.0, 4.0))
    draw_path(folder, path, plane(path, ((0.0, 0.0), (3.0, 0.0))), ("norm", "length", 5.0))
    assert lines(panels[0])["optimum"] == [[0.0, 0.0], [3.0, 0.0]]


def test_distances_come_with_what_they_never_exceed_again(drawn):
    folder, panels = drawn
    write_rows(folder, [{"step": t, "epoch": 1, "x0": x} for t, x in enumerate([-0.5, 0.1, -0.3, 0.2], 1)])
    draw_distances(folder, [0.01], [1.0])
    thin, thick = (line.get_ydata() for line in panels[0].get_lines())
    assert list(thin) == [1.0, 0.5, 0.1, 0.3, 0.2] and list(thick) == [1.0, 0.5, 0.3, 0.3, 0.2]
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == ["0.01"]


def test_regret_is_averaged_over_all_steps_so_far(drawn):
    folder, panels = drawn
    draw_regret(folder, -1.0, 0.0)
    left, right = panels
    assert [[0, 0.0], *([row["step"], row["x"]] for row in STEPS)] == lines(left)["x"]
    means = right.get_lines()[0].get_ydata()
    assert means[-1] == pytest.approx(sum(row["loss"] for row in STEPS) / 8) and means[1] == pytest.approx(0.75)
    middles, averages = epoch_means(STEPS, "x")
    assert middles[0] == 2 and averages[0] == pytest.approx(-2 / 9)


def test_nothing_is_drawn_without_rows_of_steps(tmp_path):
    write_rows(tmp_path, [])
    path = read_path(tmp_path, ("x0", "x1"), (3.0, 4.0))
    assert path == [(3.0, 4.0)]
    draw_path(tmp_path, path, plane(path), ("norm", "length", 5.0))
    draw_distances(tmp_path, [1.0], [1.0])
    draw_norm(tmp_path, "length", 1.0)
    draw_regret(tmp_path, -1.0, 0.0)
    assert not (tmp_path / "trajectory.png").exists()


def test_one_step_and_a_point_that_does_not_move_can_be_drawn(tmp_path):
    write_rows(tmp_path, [{**STEPS[0], "x0": 0.0, "x1": 0.0}])
    path = read_path(tmp_path, ("x0", "x1"), (0.0, 0.0))
    draw_path(tmp_path, path, plane(path), ("norm", "length", 2.0))
    draw_norm(tmp_path, "length", 2.0)
    draw_regret(tmp_path, -1.0, 0.0)
    draw_distances(tmp_path, [1.0], [0.0])
    assert (tmp_path / "trajectory.png").exists()


def test_windows_hold_all_places_and_are_square_where_both_directions_count_alike():
    window = Window.around([(0.0, 0.0), (4.0, 1.0)], equal=True)
    assert window.x[0] < 0 < 4 < window.x[-1]
    assert window.x[-1] - window.x[0] == pytest.approx(window.y[-1] - window.y[0])
