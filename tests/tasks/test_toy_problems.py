"""Runs of the toy problems, and the behaviour that their papers report."""

from math import atan2, hypot

import pytest
import torch
from runs import read_rows, read_status

from data.digits import Digits
from data.synthetic import Synthetic
from data.toys import Directions, Slopes, Steps
from models.mlp import MLP
from models.point import Point
from report.callbacks import draw_run
from results.trajectory import Window, read_trajectory
from runner.callbacks import Callbacks
from tasks.autoencoder import Reconstruction
from tasks.classification import Classification
from tasks.cosine import Cosine
from tasks.quadratic import Quadratic
from tasks.regret import Regret
from tasks.rosenbrock import Rosenbrock


@pytest.fixture
def draw(run):
    """draw(*words) -> the folder of a run whose trajectory is drawn."""
    return lambda *words: run(*words, callbacks=Callbacks(on_run_end=draw_run)).folder


def step_rows(folder):
    return read_rows(folder, per="step")


@pytest.fixture
def steps_of(make_trainer):
    """steps_of(*words) -> the rows of a run's steps, without its test and its pictures."""

    def go(*words):
        trainer = make_trainer(*words)
        trainer.fit()
        trainer.metrics.flush()
        return step_rows(trainer.folder.path)

    return go


# --- the functions ---------------------------------------------------------------------------------------------------


def loss_and_metric(task, w, x, n=1):
    w = torch.tensor([w], dtype=torch.float64)
    x = torch.tensor(x, dtype=torch.float64).reshape(n, 1, 1, -1)
    y = torch.zeros(n)
    return float(task.loss(w, x, y)), float(task.metric_sum(w, x, y))


def test_quadratic():
    task = Quadratic(eigenvalues=(2.0, 0.5))
    assert loss_and_metric(task, [3.0, -4.0], [0.0] * 6, 6) == (9.0 + 4.0, 6 * 5.0)


def test_cosine_of_a_batch_of_directions():
    loss, angles = loss_and_metric(Cosine(), [2.0, 2.0], [3.0, 0.0, 0.0, 1.0, -5.0, -5.0], 3)
    root = 0.5**0.5
    assert loss == pytest.approx(((1 - root) * 2 + 2) / 3)
    assert angles == pytest.approx(torch.pi / 4 * 2 + torch.pi)
    _, small = loss_and_metric(Cosine(), [1.0, 1e-9], [1.0, 0.0])
    assert small == pytest.approx(1e-9)
    squared, _ = loss_and_metric(Cosine(power=2), [2.0, 2.0], [3.0, 0.0, 0.0, 1.0, -5.0, -5.0], 3)
    assert squared == pytest.approx(((1 - root) ** 2 * 2 + 4) / 3)


@pytest.mark.parametrize("place", [(-2.0, 2.0), (0.5, -1.0), (1.0, 1.0)])
def test_rosenbrock_has_the_two_angles_as_its_coordinates_and_no_use_for_the_radius(place):
    psi, phi = place
    azimuth, elevation = torch.tensor(psi * 2 / 3, dtype=torch.float64), torch.tensor(phi * 2 / 3, dtype=torch.float64)
    unit = [elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()]
    for r in (1.0, 3.0):
        loss, distance = loss_and_metric(Rosenbrock(), [float(r * x) for x in unit], [0.0])
        assert loss == pytest.approx(0.01 * ((1 - psi) ** 2 + 300 * (phi - psi**2) ** 2), abs=1e-12)
        assert distance == pytest.approx(hypot(psi - 1, phi - 1), abs=1e-12)


def test_regret_is_the_loss_beyond_the_best_points():
    loss, distance = loss_and_metric(Regret(), [0.5], [1010.0, -10.0], 2)
    assert loss == (1010 * 0.5 - 10 * 0.5) / 2 - (1010 * -1 - 10 * -1) / 2 and distance == 2 * 1.5


@pytest.mark.parametrize(
    ("task", "data", "model", "what"),
    [
        (Quadratic(name="quadratic"), Steps(), MLP(), "it needs model=point, not model=mlp"),
        (Quadratic(name="quadratic"), Digits(), Point(start=(1, 1, 1, 1)), "needs data=steps, not data=digits"),
        (Quadratic(name="quadratic"), Steps(), Point(), "give each coordinate its eigenvalue"),
        (Cosine(name="cosine"), Directions(dim=3), Point(), "model.start has 2 coordinates, and data.dim=3"),
        (Rosenbrock(name="rosenbrock"), Steps(), Point(), "3 coordinates, not 2"),
        (Regret(name="regret"), Slopes(), Point(start=(0.0,)), "needs model.bounds"),
        (Regret(name="regret"), Slopes(rare=10), Point(start=(0.0,), bounds=(-1, 1)), r"best point .* is 1$"),
        (Classification(name="digits"), Digits(), Point(), "model=point is a single point"),
        (Classification(name="digits"), Steps(), MLP(), "data=steps has none"),
        (Reconstruction(name="autoencoder"), Synthetic(), Point(), "model=point is a single point"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(task, data, model, what):
    with pytest.raises(ValueError, match=what):
        task.check(data, model)


# --- as runs ---------------------------------------------------------------------------------------------------------


def test_gradient_descent_takes_each_coordinate_at_its_own_rate(steps_of):
    """x_i after t steps is (1 - lr eigenvalue_i)^t: rows hold where a step led, and the loss of where it began."""
    rows = steps_of("task=quadratic", "optim=sgd", "optim.lr=0.25", "data.num_steps=15", "epochs=2")
    assert [row["step"] for row in rows] == list(range(1, 31))
    h = (1.0, 0.1, 0.01, 0.001)
    for t, row in enumerate(rows, 1):
        for i, eigenvalue in enumerate(h):
            assert row[f"x{i}"] == pytest.approx((1 - 0.25 * eigenvalue) ** t, rel=1e-4)
        before = [(1 - 0.25 * eigenvalue) ** (t - 1) for eigenvalue in h]
        assert row["loss"] == pytest.approx(sum(e * x * x for e, x in zip(h, before, strict=True)) / 2, rel=1e-4)
        assert row["distance"] == pytest.approx(hypot(*before), rel=1e-4)


def test_aggmo_damps_every_direction_of_a_quadratic_and_a_large_momentum_none(steps_of):
    """Lucas et al., figure 1, with lr 0.33: largest distances in the last quarter of 1,000 steps."""

    def last(*overrides):
        rows = steps_of(*overrides, "data.num_steps=1000", "epochs=1")[750:]
        return [max(abs(row[f"x{i}"]) for row in rows) for i in range(4)]

    assert all(x > 0.4 for x in last("task=quadratic", "optim=momentum", "optim.momentum=0.999"))
    damped = last("experiment=aggmo/quadratics")
    assert all(x < bound for x, bound in zip(damped, (1e-5, 1e-4, 1e-2, 0.2), strict=True))


def recipe_of_the_2d_toy(momentum, projected):
    """(loss before the step, length after it) of 500 steps, as the AdamP page's videos print them, in float64."""
    w, v, optimum, found = [0.001, 1.0], [0.0, 0.0], (0.0, -1.0), []
    for _ in range(500):
        length = hypot(*w)
        cosine = sum(a * b for a, b in zip(w, optimum, strict=True)) / length
        gradient = [-2 * (1 - cosine) * (b - cosine * a / length) / length for a, b in zip(w, optimum, strict=True)]
        v = [momentum * a + b for a, b in zip(v, gradient, strict=True)]
        along = sum(a * b for a, b in zip(v, w, strict=True)) / length**2 if projected else 0.0
        w = [a - 0.01 * (b - along * a) for a, b in zip(w, v, strict=True)]
        found.append(((1 - cosine) ** 2, hypot(*w)))
    return found


@pytest.mark.parametrize(
    ("optim", "momentum", "published"),
    [("momentum", 0.9, 2.93), ("momentum", 0.99, 27.87), ("sgdp", 0.9, None), ("sgd", 0.0, None)],
)
def test_the_2d_toy_is_the_recipe_of_the_page_and_has_its_lengths(steps_of, optim, momentum, published):
    more = (f"optim.momentum={momentum}", "data.num_steps=500", "epochs=1")
    rows = steps_of("experiment=adamp/toy2d", f"optim={optim}", *more)
    assert len(rows) == 500
    if published:
        assert rows[-1]["norm"] == pytest.approx(published, abs=0.005)  # to both printed decimals
    for row, (loss, length) in zip(rows, recipe_of_the_2d_toy(momentum, optim == "sgdp"), strict=True):
        assert row["loss"] == pytest.approx(loss, rel=2e-3, abs=1e-6)  # rows are of float32
        assert row["norm"] == pytest.approx(length, rel=1e-5)
        assert row["norm"] == pytest.approx(hypot(row["x0"], row["x1"]), rel=1e-5)


def test_the_3d_toy_has_the_published_radii_and_order(steps_of):
    end = {}
    for name, more in {
        "momentum": [],
        "decayed": ["optim.weight_decay=0.01"],
        "projected": ["optim=sgdp", "optim.momentum=0.9"],
    }.items():
        rows = steps_of("experiment=adamp/rosenbrock3d", *more)
        assert len(rows) == 200
        end[name] = rows[-1] | {"highest": max(row["r"] for row in rows)}
        end[name]["away"] = hypot(end[name]["psi"] - 1, end[name]["phi"] - 1)
    assert end["momentum"]["r"] == pytest.approx(3.17, abs=0.1)
    assert end["projected"]["highest"] == pytest.approx(1.12, abs=0.02)
    assert end["decayed"]["r"] < 1.2 < 2.5 < end["decayed"]["highest"] < 3
    assert end["projected"]["away"] < 0.4 < end["decayed"]["away"] < 1 < 1.4 < end["momentum"]["away"]


def test_momentum_lengthens_noisy_scale_invariant_weights_most(steps_of):
    """The order of the AdamP page's weight norms: momentum, then SGDP, then SGD."""
    ends = []
    for more in (["optim=sgd"], ["optim=sgdp", "optim.momentum=0.9"], []):
        rows = steps_of("experiment=adamp/norm_growth", "epochs=2", *more)
        assert "x0" not in rows[0]
        ends.append(rows[-1]["norm"])
    assert 1 < ends[0] < ends[1] < ends[2] / 2


AMSGRAD = {"adam": ("optim=adam",), "amsgrad": ("optim=amsgrad", "optim.debias=never")}


@pytest.mark.parametrize(("optim", "low", "high"), [("adam", 0.9, 1.0), ("amsgrad", -1.0, -0.4)])
def test_adam_goes_to_the_worst_point_and_amsgrad_to_the_best(steps_of, optim, low, high):
    more = ("optim.lr=1", "epochs=4", "log.every=101")
    rows = steps_of("experiment=amsgrad/online", *AMSGRAD[optim], *more)
    assert low < rows[-1]["x"] <= high and all(-1 <= row["x"] <= 1 for row in rows)
    assert rows[-1]["lr"] == pytest.approx(1 / 4040**0.5)  # alpha/sqrt(t)


@pytest.mark.slow
@pytest.mark.parametrize("optim", AMSGRAD)
def test_the_online_example(steps_of, optim):
    """In 20 of its 100 epochs, with a larger rate."""
    rows = steps_of("experiment=amsgrad/online", *AMSGRAD[optim], "optim.lr=0.5", "epochs=20")
    if optim == "adam":
        assert rows[-1]["x"] == pytest.approx(1, abs=0.05)
    else:
        assert rows[-1]["x"] == pytest.approx(-1, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("optim", "low", "high"), [("adam", 0.8, 1), ("amsgrad", -1, 0.2)])
def test_the_stochastic_example(steps_of, optim, low, high):
    rows = steps_of("experiment=amsgrad/stochastic", *AMSGRAD[optim], "epochs=20")
    assert low <= rows[-1]["x"] <= high


@pytest.mark.parametrize(
    ("task", "start"),
    [
        (Quadratic(eigenvalues=(2.0, 0.5)), (3.0, -4.0)),
        (Cosine(), (0.0, 1.0)),
        (Rosenbrock(), (0.05533672, -0.22863631, 0.9719379)),
    ],
    ids=["quadratic", "cosine", "rosenbrock"],
)
def test_contours_are_the_loss(task, start):
    """Also between the points of the stored grid, where splines are read; near the cosine's pole there are none."""
    import numpy

    rows = [{"x0": 0.5, "x1": 2.5, "norm": 2.0, "psi": 0.4, "phi": 2.5, "r": 1.0, "step": 1}]
    contour = task.trajectory_from(start, rows).contour
    points = [(x, y) for x in (0.3, 0.77, 1.13) for y in (-0.1, 0.21, 1.13)]
    for point in points:
        around = Window(numpy.array([point[0]]), numpy.array([point[1]]))
        w = list(point)
        if isinstance(task, Rosenbrock):
            azimuth, elevation = (torch.tensor(angle * 2 / 3) for angle in point)
            w = [float(e) for e in (elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin())]
        loss, _ = loss_and_metric(task, w, [1.0, 0.0])
        assert contour.resampled(around).values.item() == pytest.approx(loss, abs=2e-3), point


def test_a_diverged_run_has_its_whole_path(draw):
    folder = draw("task=quadratic", "task.eigenvalues=[1,0.1]", "model.start=[1,1]", "optim=sgd", "optim.lr=2.5")
    assert read_status(folder)["status"] == "diverged"
    assert (folder / "trajectory.png").stat().st_size > 5000
    contour = read_trajectory(folder).contour
    path = contour.plane.path(step_rows(folder))
    assert path[0] == (1.0, 1.0) and abs(path[-1][0]) > 50 and contour.window.x[-1] > abs(path[-1][0])


def test_regret_has_no_contour_and_a_run_without_steps_no_trajectory(draw):
    words = ["task=amsgrad_online", "optim=adam", "data.num_periods=1", "epochs=1"]
    trajectory = read_trajectory(draw(*words))
    assert trajectory.contour is None and [each.key for each in trajectory.series] == ["x", "loss"]
    without = draw(*words, "log.every=0")
    assert not (without / "trajectory.npz").exists() and not (without / "trajectory.png").exists()


def test_rosenbrock_starts_where_the_page_does():
    from runner.config.compose import compose

    x, y, z = compose("task=rosenbrock")["model"]["start"]
    assert hypot(x, y, z) == pytest.approx(1, abs=1e-7)
    assert (1.5 * atan2(y, x), 1.5 * atan2(z, hypot(x, y))) == pytest.approx((-2, 2), abs=1e-6)
