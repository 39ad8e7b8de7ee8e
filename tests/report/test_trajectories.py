"""Trajectories of one run and of several: paths, windows, contours, and series step by step."""

import numpy
import pytest
from recorded_steps import write_steps

from report.callbacks import draw_run
from report.diagnostics.trajectories import run_trajectory, trajectories
from report.figures.drawing import panels_figure
from results.find import load_runs
from results.settings import settings
from results.trajectory import Contour, Plane, Series, Trajectory, Window, save_trajectory

START = (1.0, 2.0)
RADIUS = [Series("r", "radius", 5.0)]
PLANE = Plane(("x0", "x1"), ("first", "second"), START, [(0.0, 0.0)])


def height(window):
    x, y = numpy.meshgrid(window.x, window.y)
    return x**2 + 3 * y**2


def write(root, optimizer, points, series=RADIUS, plane=PLANE, status="done", **more):
    """A run whose path has these points, with its trajectory as a task saves it."""
    steps = [{"x0": x, "x1": y, "r": abs(x) + abs(y)} for x, y in points]
    folder = write_steps(root, optimizer, steps, task="toy", metric="distance", better="min", status=status, **more)
    window = Window.to_store([START, *points], PLANE.fixed)
    save_trajectory(folder, Trajectory(series, Contour(window, height(window), plane) if plane else None))
    return folder


def figures(root, count=1):
    return trajectories(settings(load_runs(root)), count)


def test_paths_begin_at_the_start_and_their_window_contains_them_all(tmp_path):
    write(tmp_path, "adam", [(0.5, 1.0), (0.0, 0.5)])
    write(tmp_path, "sgd", [(-6.0, 1.0), (4.0, 0.0)])
    ((paths, radius),) = figures(tmp_path)
    assert [line.label for line in paths.lines] == ["adam lr=0.1", "sgd lr=0.1"]
    adam, sgd = paths.lines
    assert list(zip(adam.x, adam.y, strict=True)) == [START, (0.5, 1.0), (0.0, 0.5)]
    contour = paths.background.contour
    assert contour.window.x[0] < -6 < 4 < contour.window.x[-1] and contour.window.y[0] < 0 < 2 < contour.window.y[-1]
    assert contour.values == pytest.approx(height(contour.window), abs=1e-3)
    assert (paths.x_name, paths.y_name) == ("first", "second")
    assert [end for _, end in paths.background.ends] == [(0.0, 0.5), (4.0, 0.0)]
    assert list(radius.lines[0].x) == [0, 2, 4] and list(radius.lines[0].y) == [5.0, 1.5, 0.5]
    assert radius.y_name == "radius" and sgd.style == radius.lines[1].style


def test_diverged_paths_end_where_they_leave_the_others_window(tmp_path):
    write(tmp_path, "adam", [(0.5, 1.0), (0.0, 0.5)])
    write(tmp_path, "sgd", [(-0.05, 1.0), (900.0, 1.0), (-9e9, 1.0)], status="diverged")
    ((paths, _),) = figures(tmp_path)
    assert paths.lines[1].label == "sgd lr=0.1 (1 of 1 diverged)"
    assert list(paths.lines[1].x) == [1.0, -0.05, 900.0] and paths.background.contour.window.x[-1] < 2


def test_where_all_diverged_their_paths_make_the_window(tmp_path):
    write(tmp_path, "sgd", [(-3.0, 1.0), (40.0, 1.0)], status="diverged")
    ((paths, _),) = figures(tmp_path)
    assert list(paths.lines[0].x) == [1.0, -3.0, 40.0] and paths.background.contour.window.x[-1] > 40


def test_each_problem_has_a_figure(tmp_path):
    write(tmp_path, "adam", [(0.5, 1.0)])
    write(tmp_path, "sgd", [(0.5, 1.0)], plane=None)
    with_plane, without = figures(tmp_path)
    assert len(with_plane) == 2 and len(without) == 1 and without[0].lines[0].label == "sgd lr=0.1"


def test_magnitudes_are_drawn_by_what_is_never_exceeded_again(tmp_path):
    series = [Series("x0", "distance", -1.0, "magnitude", "eigenvalue 1")]
    write(tmp_path, "adam", [(-0.5, 0), (0.1, 0), (-0.3, 0), (0.0, 0)], series, None)
    (((panel),),) = figures(tmp_path)
    (line,) = panel.lines
    assert panel.title == "eigenvalue 1" and line.label == "adam lr=0.1"
    assert panel.y_log and line.y[:4] == [1.0, 0.5, 0.3, 0.3] and line.raw[:4] == [1.0, 0.5, 0.1, 0.3]
    assert 0 < line.y[4] < panel.y_range[0], "0 lies below the panel"


def test_growing_magnitudes_are_drawn_as_they_are(tmp_path):
    write(tmp_path, "sgd", [(-2.0, 0), (4.0, 0), (-8.0, 0)], [Series("x0", "distance", 1.0, "magnitude")], None)
    (((panel),),) = figures(tmp_path)
    assert list(panel.lines[0].y) == [1.0, 2.0, 4.0, 8.0] and not panel.lines[0].raw


def test_means_are_of_all_steps_so_far_and_noisy_values_are_smoothed(tmp_path):
    series = [Series("x0", "x", 0.0, "noisy", optimum=-1.0), Series("x1", "regret", None, "mean", optimum=0.0)]
    write(tmp_path, "adam", [(1.0, 4.0), (-1.0, 2.0), (1.0, 0.0)], series, None)
    ((noisy, mean),) = figures(tmp_path)
    assert noisy.lines[0].raw == [0.0, 1.0, -1.0, 1.0] and len(noisy.lines[0].y) == 4
    assert noisy.y_range[0] < -1 < 1 < noisy.y_range[1]
    assert (noisy.lines[1].label, noisy.lines[1].x, noisy.lines[1].y) == ("optimum", [0, 6], [-1.0, -1.0])
    assert mean.lines[0].y == [4.0, 3.0, 2.0] and mean.lines[0].x == [2, 4, 6]


def test_one_runs_series_of_one_name_share_a_panel(tmp_path):
    series = [Series(key, "distance", 1.0, "magnitude", label) for key, label in (("x0", "fast"), ("x1", "slow"))]
    folder = write(tmp_path, "adam", [(0.5, 1.0), (0.1, 0.9)], [*series, *RADIUS])
    path, distances, radius = run_trajectory(folder)
    assert list(path.lines[0].x) == [1.0, 0.5, 0.1] and path.lines[0].label == "4 steps"
    assert [line.label for line in distances.lines] == ["fast", "slow"]
    assert len({line.style for line in distances.lines}) == 2 and len(radius.lines) == 1


def test_the_figure_has_contours_start_optimum_and_the_windows_limits(tmp_path):
    folder = write(tmp_path, "adam", [(0.5, 1.0), (0.0, 0.5)])
    panels = run_trajectory(folder)
    axes = panels_figure(panels).axes[0]
    points = {line.get_label(): numpy.array(line.get_xydata()).tolist() for line in axes.get_lines()}
    assert points["start"] == [[1.0, 2.0]] and points["optimum"] == [[0.0, 0.0]] and axes.collections
    window = panels[0].background.contour.window
    assert axes.get_xlim() == pytest.approx((window.x[0], window.x[-1]))
    draw_run(folder)
    assert (folder / "trajectory.png").stat().st_size > 10_000


def test_a_point_that_does_not_move_can_be_drawn(tmp_path):
    plane = Plane(("x0", "x1"), ("a", "b"), (0.0, 0.0), [(0.0, 0.0)], log_levels=True)
    series = [Series("x0", "a", 0.0, "magnitude"), Series("x0", "b", 0.0, "noisy"), Series("x0", "c", None, "mean")]
    folder = write(tmp_path, "sgd", [(0.0, 0.0)], series, plane)
    assert len(panels_figure(run_trajectory(folder)).axes) == 4


def test_a_run_without_a_trajectory_has_no_panels(tmp_path):
    assert run_trajectory(write_steps(tmp_path, "adam", [{}])) == []
    assert figures(tmp_path) == []
