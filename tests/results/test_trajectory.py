"""trajectory.npz: windows, contours, series, and the file."""

import numpy
import pytest

from results.trajectory import Contour, Plane, Series, Trajectory, Window, read_trajectory, save_trajectory

START = (1.0, 2.0)
PLANE = Plane(("x0", "x1"), ("first", "second"), START, [(0.0, 0.0)])


def height(window):
    x, y = numpy.meshgrid(window.x, window.y)
    return x**2 + 3 * y**2


def test_windows_contain_all_points_and_are_square_for_equal_axes():
    window = Window.around([(0.0, 0.0), (4.0, 1.0)], equal=True)
    assert window.x[0] < 0 < 4 < window.x[-1]
    assert window.x[-1] - window.x[0] == pytest.approx(window.y[-1] - window.y[0])


def test_stored_windows_of_one_problem_contain_each_other():
    near, far = (Window.to_store([START, point], PLANE.fixed) for point in ((0.0, 0.0), (-30.0, 2.0)))
    assert far.contains(near) and not near.contains(far) and far.x[0] < -30
    assert Window.to_store([START, (1e30, 0.0)], PLANE.fixed).x[-1] < 1e4, "their size has a bound"


def test_contours_are_nan_beyond_the_stored_grid():
    window = Window.to_store([START], PLANE.fixed)
    seen = Contour(window, height(window), PLANE).resampled(Window.around([(0.0, 0.0), (50.0, 2.0)]))
    inside = (window.x[0] <= seen.window.x) & (seen.window.x <= window.x[-1])
    assert numpy.isnan(seen.values[:, ~inside]).all() and not numpy.isnan(seen.values[100, inside]).any()


def test_a_ray_of_optima_extends_beyond_every_window():
    plane = Plane(("x0", "x1"), ("a", "b"), START, ((0.0, 0.0), (1.0, 0.0)))
    window = Window.around([(-5.0, -5.0), (50.0, 5.0)])
    first, last = Contour(window, height(window), plane).optimum
    assert first == (0.0, 0.0) and last[0] > window.x[-1] and last[1] == 0


def test_a_path_ends_before_the_first_row_without_numbers():
    rows = [{"x0": 0.5, "x1": 1.0}, {"x0": float("inf"), "x1": 1.0}, {"x0": 0.1, "x1": 0.2}]
    assert PLANE.path(rows) == [START, (0.5, 1.0)]
    assert PLANE.path([{"x0": 0.5}]) == [START]


@pytest.mark.parametrize(
    ("series", "points"),
    [
        (Series("x", "x", None), ([2, 6], [-4.0, 2.0])),
        (Series("x", "x", 1.0), ([0, 2, 6], [1.0, -4.0, 2.0])),
        (Series("x", "x", -1.0, "magnitude"), ([0, 2, 6], [1.0, 4.0, 2.0])),
        (Series("x", "x", None, "mean"), ([2, 6], [-4.0, -1.0])),
    ],
)
def test_points_of_a_series(series, points):
    assert series.points([{"step": 2, "x": -4.0}, {"step": 4}, {"step": 6, "x": 2.0}]) == points


def test_a_trajectory_is_read_as_it_was_saved_and_gives_the_same_bytes(tmp_path):
    window = Window.to_store([START], PLANE.fixed)
    series = [Series("r", "radius", 5.0, "magnitude", "eigenvalue 1", 0.0)]
    saved = Trajectory(series, Contour(window, height(window), PLANE))
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        save_trajectory(tmp_path / name, saved)
    files = [(tmp_path / name / "trajectory.npz").read_bytes() for name in ("one", "other")]
    assert files[0] == files[1]
    read = read_trajectory(tmp_path / "one")
    assert read.series == series and read.contour.values == pytest.approx(saved.contour.values, rel=1e-6)
    assert (read.contour.window.x == window.x).all() and read.contour.plane.start == START
    save_trajectory(tmp_path, Trajectory(series))
    assert read_trajectory(tmp_path) == Trajectory(series)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut", b"no archive"])
def test_missing_and_damaged_files_are_none(tmp_path, content):
    if content is not None:
        (tmp_path / "trajectory.npz").write_bytes(content)
    assert read_trajectory(tmp_path) is None
