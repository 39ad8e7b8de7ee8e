"""The pictures of the toy problems show the recorded steps, the start and the optimum, and say what is what."""

import json

import numpy
import pytest
from report.diagnostics.trajectory import draw_distances, draw_regret, draw_scene, epoch_means, read_steps

from report.diagnostics import trajectory
from results.trajectory import Chart, Plane, Scene, Series, Window

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


def scene(rows, start=(3.0, 4.0), optimum=((0.0, 0.0),), by_factor=False):
    chart = Chart(("x0", "x1"), ("first", "second"), start, optimum, by_factor)
    window = Window.to_store(chart.path(rows), chart.fixed)
    x, y = numpy.meshgrid(window.x, window.y)
    return Scene([Series("norm", "length", 5.0)], Plane(window, x**2 + y**2, chart))


REGRET = Scene([Series("x", "x", 0.0, "noisy"), Series("loss", "regret per step so far", None, "mean")])


def test_a_path_goes_from_the_start_through_every_step(drawn):
    folder, panels = drawn
    rows = read_steps(folder)
    draw_scene(folder, rows, scene(rows))
    left, right = panels
    seen = lines(left)
    assert [3.0, 4.0] in seen["start"] and seen["step 8"] == [[1 / 8, -2 / 8]] and seen["optimum"] == [[0.0, 0.0]]
    assert [[3.0, 4.0], *([row["x0"], row["x1"]] for row in STEPS)] in seen.values()
    assert [[0, 5.0], *([row["step"], row["norm"]] for row in STEPS)] in lines(right).values()
    assert (left.get_xlabel(), left.get_ylabel()) == ("first", "second")
    assert (right.get_xlabel(), right.get_ylabel()) == ("step", "length")
    assert left.collections, "no contours"
    assert (folder / "trajectory.png").stat().st_size > 5000


def test_a_ray_of_optima_is_drawn_as_far_as_the_picture_reaches(drawn):
    folder, panels = drawn
    rows = read_steps(folder)
    draw_scene(folder, rows, scene(rows, optimum=((0.0, 0.0), (1.0, 0.0))))
    first, last = lines(panels[0])["optimum"]
    assert first == [0.0, 0.0] and last[0] > panels[0].get_xlim()[1] and last[1] == 0


def test_a_path_ends_where_coordinates_are_no_numbers_any_more(drawn):
    folder, panels = drawn
    write_rows(folder, [STEPS[0], {"step": 2, "epoch": 1, "loss": 1.0}, STEPS[2]])
    rows = read_steps(folder)
    draw_scene(folder, rows, scene(rows))
    assert [[3.0, 4.0], [1.0, -2.0]] in lines(panels[0]).values() and lines(panels[0])["step 1"] == [[1.0, -2.0]]
    assert [[0, 5.0], [1, 2], [3, 4]] in lines(panels[1]).values()


def test_without_a_plane_the_series_is_drawn_alone(drawn):
    folder, panels = drawn
    draw_scene(folder, read_steps(folder), Scene([Series("norm", "length", 5.0)]))
    (only,) = panels
    assert only.get_ylabel() == "length"


def test_distances_come_with_what_they_never_exceed_again(drawn):
    folder, panels = drawn
    rows = [{"step": t, "epoch": 1, "x0": x} for t, x in enumerate([-0.5, 0.1, -0.3, 0.2], 1)]
    draw_distances(folder, rows, [0.01], Scene([Series("x0", "distance", 1.0, "size")]))
    thin, thick = (line.get_ydata() for line in panels[0].get_lines())
    assert list(thin) == [1.0, 0.5, 0.1, 0.3, 0.2] and list(thick) == [1.0, 0.5, 0.3, 0.3, 0.2]
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == ["0.01"]


def test_growing_distances_are_drawn_as_they_are(drawn):
    folder, panels = drawn
    rows = [{"step": t, "epoch": 1, "x0": x} for t, x in enumerate([-2.0, 4.0, -8.0], 1)]
    draw_distances(folder, rows, [1.0], Scene([Series("x0", "distance", 1.0, "size")]))
    assert list(panels[0].get_lines()[1].get_ydata()) == [1.0, 2.0, 4.0, 8.0]


def test_regret_is_averaged_over_all_steps_so_far(drawn):
    folder, panels = drawn
    draw_regret(folder, read_steps(folder), -1.0, REGRET)
    left, right = panels
    assert [[0, 0.0], *([row["step"], row["x"]] for row in STEPS)] == lines(left)["x"]
    means = right.get_lines()[0].get_ydata()
    assert means[-1] == pytest.approx(sum(row["loss"] for row in STEPS) / 8) and means[1] == pytest.approx(0.75)
    middles, averages = epoch_means(STEPS, "x")
    assert middles[0] == 2 and averages[0] == pytest.approx(-2 / 9)


def test_one_step_and_a_point_that_does_not_move_can_be_drawn(tmp_path):
    rows = [{**STEPS[0], "x0": 0.0, "x1": 0.0}]
    draw_scene(tmp_path, rows, scene(rows, start=(0.0, 0.0), by_factor=True))
    draw_regret(tmp_path, rows, -1.0, REGRET)
    draw_distances(tmp_path, rows, [1.0], Scene([Series("x0", "distance", 0.0, "size")]))
    assert (tmp_path / "trajectory.png").exists()


def test_windows_hold_all_places_and_are_square_where_both_directions_count_alike():
    window = Window.around([(0.0, 0.0), (4.0, 1.0)], equal=True)
    assert window.x[0] < 0 < 4 < window.x[-1]
    assert window.x[-1] - window.x[0] == pytest.approx(window.y[-1] - window.y[0])
