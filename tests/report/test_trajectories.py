"""Paths of several optimizers in one picture: places, windows, contours, and series step by step."""

import numpy
import pytest
from recorded_steps import write_steps

from report.diagnostics.trajectories import paths
from report.figures.drawing import draw
from results.find import load_runs as load
from results.settings import settings
from results.trajectory import Chart, Plane, Scene, Series, Window, read_scene, save_scene

START = (1.0, 2.0)
RADIUS = [Series("r", "radius", 5.0)]
CHART = Chart(("x0", "x1"), ("first", "second"), START, [(0.0, 0.0)])


def height(window):
    x, y = numpy.meshgrid(window.x, window.y)
    return x**2 + 3 * y**2


def write(root, optimizer, places, series=RADIUS, plane=True, status="done", **more):
    """A run that went through places, with its scene beside it as a task writes it."""
    steps = [{"x0": x, "x1": y, "r": abs(x) + abs(y)} for x, y in places]
    folder = write_steps(root, optimizer, steps, task="toy", metric="distance", better="min", status=status, **more)
    window = Window.to_store([START, *places], CHART.fixed)
    save_scene(folder, Scene(series, Plane(window, height(window), CHART) if plane else None))
    return folder


def figures(root, count=1):
    return paths(settings(load(root)), count)


def test_paths_begin_at_the_start_and_their_window_holds_them_all(tmp_path):
    write(tmp_path, "adam", [(0.5, 1.0), (0.0, 0.5)])
    write(tmp_path, "sgd", [(-6.0, 1.0), (4.0, 0.0)])
    ((over, radius),) = figures(tmp_path)
    assert [line.label for line in over.lines] == ["adam, lr 0.1", "sgd, lr 0.1"]
    ours, other = over.lines
    assert list(zip(ours.x, ours.y, strict=True)) == [START, (0.5, 1.0), (0.0, 0.5)]
    plane = over.background.plane
    assert plane.window.x[0] < -6 < 4 < plane.window.x[-1] and plane.window.y[0] < 0 < 2 < plane.window.y[-1]
    assert plane.values == pytest.approx(height(plane.window), abs=1e-3), "contours are those of the function"
    assert (over.x_name, over.y_name) == ("first", "second")
    assert [end for _, end in over.background.ends] == [(0.0, 0.5), (4.0, 0.0)]
    assert list(radius.lines[0].x) == [0, 2, 4] and list(radius.lines[0].y) == [5.0, 1.5, 0.5]
    assert radius.y_name == "radius" and other.style == radius.lines[1].style


def test_diverged_paths_go_to_where_they_leave_the_others_window(tmp_path):
    write(tmp_path, "adam", [(0.5, 1.0), (0.0, 0.5)])
    write(tmp_path, "sgd", [(-0.05, 1.0), (900.0, 1.0), (-9e9, 1.0)], status="diverged")
    ((over, _),) = figures(tmp_path)
    assert over.lines[1].label == "sgd, lr 0.1 (1 of 1 diverged)"
    assert list(over.lines[1].x) == [1.0, -0.05, 900.0] and over.background.plane.window.x[-1] < 2


def test_where_all_diverged_their_paths_make_the_window(tmp_path):
    write(tmp_path, "sgd", [(-3.0, 1.0), (40.0, 1.0)], status="diverged")
    ((over, _),) = figures(tmp_path)
    assert list(over.lines[0].x) == [1.0, -3.0, 40.0] and over.background.plane.window.x[-1] > 40


def test_problems_have_figures_of_their_own(tmp_path):
    write(tmp_path, "adam", [(0.5, 1.0)])
    write(tmp_path, "sgd", [(0.5, 1.0)], plane=False)
    with_plane, without = figures(tmp_path)
    assert len(with_plane) == 2 and len(without) == 1 and without[0].lines[0].label == "sgd, lr 0.1"


def test_sizes_are_drawn_by_what_is_never_exceeded_again(tmp_path):
    series = [Series("x0", "distance", -1.0, "size")]
    write(tmp_path, "adam", [(-0.5, 0), (0.1, 0), (-0.3, 0), (0.0, 0)], series, plane=False)
    (((panel),),) = figures(tmp_path)
    (line,) = panel.lines
    assert panel.y_log and line.y[:4] == [1.0, 0.5, 0.3, 0.3] and line.raw[:4] == [1.0, 0.5, 0.1, 0.3]
    assert 0 < line.y[4] < panel.y_range[0], "0 is out of sight"


def test_means_are_of_all_steps_so_far_and_noisy_values_have_a_ghost(tmp_path):
    series = [Series("x0", "x", 0.0, "noisy"), Series("x1", "regret", None, "mean")]
    write(tmp_path, "adam", [(1.0, 4.0), (-1.0, 2.0), (1.0, 0.0)], series, plane=False)
    ((noisy, mean),) = figures(tmp_path)
    assert noisy.lines[0].raw == [0.0, 1.0, -1.0, 1.0] and len(noisy.lines[0].y) == 4
    assert mean.lines[0].y == [4.0, 3.0, 2.0] and mean.lines[0].x == [2, 4, 6]


def test_the_picture_holds_contours_start_and_optimum(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    seen, contours = [], []
    plot, contour = Axes.plot, Axes.contour
    monkeypatch.setattr(Axes, "plot", lambda s, *a, **k: (seen.append((k.get("label"), a)), plot(s, *a, **k))[1])
    monkeypatch.setattr(Axes, "contour", lambda s, *a, **k: (contours.append(a), contour(s, *a, **k))[1])
    write(tmp_path, "adam", [(0.5, 1.0), (0.0, 0.5)])
    (panels,) = figures(tmp_path)
    (file,) = draw(panels, tmp_path / "paths", formats=["png"])
    assert file.stat().st_size > 10_000 and len(contours) == 1
    labels = dict(seen)
    assert labels["start"] == ((1.0,), (2.0,)) and labels["optimum"] == ((0.0,), (0.0,))


# --- the scene's file ------------------------------------------------------------------------------------------------


def test_a_scene_comes_back_as_it_was_and_gives_the_same_bytes(tmp_path):
    window = Window.to_store([START], CHART.fixed)
    scene = Scene([Series("r", "radius", 5.0, "size")], Plane(window, height(window), CHART))
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        save_scene(tmp_path / name, scene)
    assert (tmp_path / "one" / "scene.npz").read_bytes() == (tmp_path / "other" / "scene.npz").read_bytes()
    back = read_scene(tmp_path / "one")
    assert back.series == scene.series and back.plane.values == pytest.approx(scene.plane.values, rel=1e-6)
    assert (back.plane.window.x == window.x).all() and back.plane.chart.start == START


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut", b"no archive"])
def test_missing_and_damaged_scenes_are_none(tmp_path, content):
    if content is not None:
        (tmp_path / "scene.npz").write_bytes(content)
    assert read_scene(tmp_path) is None


def test_stored_windows_of_one_problem_lie_within_each_other():
    near, far = (Window.to_store([START, place], CHART.fixed) for place in ((0.0, 0.0), (-30.0, 2.0)))
    assert far.holds(near) and not near.holds(far) and far.x[0] < -30
    lost = Window.to_store([START, (1e30, 0.0)], CHART.fixed)
    assert lost.x[-1] < 1e4, "beyond all reason: the rest is out of sight"


def test_beyond_the_stored_grid_nothing_is_claimed():
    window = Window.to_store([START], CHART.fixed)
    seen = Plane(window, height(window), CHART).seen_through(Window.around([(0.0, 0.0), (50.0, 2.0)]))
    inside = (window.x[0] <= seen.window.x) & (seen.window.x <= window.x[-1])
    assert numpy.isnan(seen.values[:, ~inside]).all() and not numpy.isnan(seen.values[100, inside]).any()


def test_a_ray_of_optima_reaches_through_every_window():
    chart = Chart(("x0", "x1"), ("a", "b"), START, ((0.0, 0.0), (1.0, 0.0)))
    window = Window.around([(-5.0, -5.0), (50.0, 5.0)])
    (first, last) = Plane(window, height(window), chart).optimum
    assert first == (0.0, 0.0) and last[0] > window.x[-1] and last[1] == 0
