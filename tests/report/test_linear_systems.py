"""Methods on a quadratic as linear systems: against the optimizers, closed forms and what runs measure."""

from math import log, sqrt

import numpy
import pytest
import torch

from optim import SGD, AggMo, AggMoExp, Momentum, Nesterov
from report.diagnostics.linear_systems import VelocityMethod, method_of, optimal_momentum_rate
from report.diagnostics.problems import problem_figures
from report.diagnostics.rates import measured_rate
from report.figures.drawing import panels_figure
from results.find import load_runs
from results.settings import settings
from results.typed import load_yaml
from runner.config.compose import CONFIGS, compose

LR, EIGENVALUES = 0.4, (1.0, 0.03)


def composed(*words):
    """The method of a command's configuration."""
    return method_of(compose("task=quadratic", *words))


@pytest.mark.parametrize(
    ("words", "optimizer"),
    [
        (["optim=sgd"], lambda p: SGD(p, lr=LR)),
        (["optim=momentum", "optim.momentum=0.9"], lambda p: Momentum(p, lr=LR, momentum=0.9)),
        (["optim=nesterov", "optim.momentum=0.95"], lambda p: Nesterov(p, lr=LR, momentum=0.95)),
        (
            ["optim=sgd", "optim.momentum=0.8", "optim.nesterov=true"],
            lambda p: SGD(p, lr=LR, momentum=0.8, nesterov=True),
        ),
        (["optim=aggmo", "optim.betas=[0.3,0.9]"], lambda p: AggMo(p, lr=LR, betas=(0.3, 0.9))),
        (["optim=aggmo_exp", "optim.k=4"], lambda p: AggMoExp(p, lr=LR, a=0.1, k=4)),
    ],
)
def test_powers_of_the_matrix_are_the_optimizers_steps(words, optimizer):
    method = composed(*words, f"optim.lr={LR}")
    assert method
    p = torch.nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
    stepped, h = optimizer([p]), torch.tensor(EIGENVALUES, dtype=torch.float64)
    states = [numpy.eye(1, len(method.betas) + 1)[0] for _ in EIGENVALUES]
    path = [p.detach().numpy().copy()]
    for _ in range(30):
        p.grad = h * p.detach()
        stepped.step()
        states = [method.matrix(e) @ state for e, state in zip(EIGENVALUES, states, strict=True)]
        assert p.detach().numpy() == pytest.approx([state[0] for state in states], rel=1e-10)
        path.append(p.detach().numpy().copy())
    found = method.velocities([place[1] for place in path[:-1]], EIGENVALUES[1])
    assert found.shape == (len(method.betas), 30)
    buffers = [float(v[1]) for name, v in stepped.state[p].items() if name.startswith("v")]
    assert found[:, -1] == pytest.approx(buffers, rel=1e-10)


def test_dampening_scales_the_gradient_and_what_is_not_linear_has_no_method():
    assert composed("optim=momentum", "optim.dampening=0.9").scale == pytest.approx(0.1)
    for words in (
        *(["optim=adam"], ["optim=aggmo", "optim.weight_decay=0.1"], ["optim=momentum", "optim/lr_schedule=cosine"]),
        *(["optim=momentum", "wrap=[ema]"], ["optim=momentum", "clip_norm=1"], ["optim=momentum", "finetune.epochs=2"]),
    ):
        assert composed(*words) is None, words


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.99])
def test_spectral_radii_have_their_closed_forms(beta):
    """Momentum under-damped: sqrt(beta) whatever the curvature; Nesterov: sqrt(beta (1 - lr lambda)); critical damping
    is the best that momentum can do at its condition number.
    """
    for lr_lambda in numpy.linspace(1.01 * (1 - sqrt(beta)) ** 2, 0.99 * (1 + sqrt(beta)) ** 2, 7):
        assert VelocityMethod(lr_lambda, [beta], [1.0]).spectral_radius(1.0) == pytest.approx(sqrt(beta), rel=1e-9)
    nesterov = VelocityMethod(0.5, [beta], [beta], gradient=1.0)
    for eigenvalue in numpy.linspace(1.01 * ((1 - beta) / (1 + beta)) ** 2 / 0.5 * 4, 1.9, 5):
        if (1 + beta) ** 2 * (1 - 0.5 * eigenvalue) < 4 * beta:  # under-damped
            expected = sqrt(beta * (1 - 0.5 * eigenvalue))
            assert nesterov.spectral_radius(eigenvalue) == pytest.approx(expected, rel=1e-9)
    condition = ((1 + sqrt(beta)) / (1 - sqrt(beta))) ** 2
    critical = VelocityMethod((1 + sqrt(beta)) ** 2, [beta], [1.0])
    assert critical.rate([1.0, 1 / condition]) == pytest.approx(optimal_momentum_rate(condition), rel=1e-4)
    assert optimal_momentum_rate(condition) == pytest.approx(-log(sqrt(beta)))


def test_overdamped_momentum_and_plain_descent_shrink_by_their_real_roots():
    assert VelocityMethod(0.5, gradient=1.0).spectral_radius(0.2) == pytest.approx(0.9)
    root = (1.9 - 1e-3 + sqrt((1.9 - 1e-3) ** 2 - 3.6)) / 2  # of z^2 - (1 + beta - lr lambda) z + beta
    assert VelocityMethod(1.0, [0.9], [1.0]).spectral_radius(1e-3) == pytest.approx(root, rel=1e-12)
    assert VelocityMethod(4.0, [0.9], [1.0]).rate([1.0]) < 0  # diverges


@pytest.mark.parametrize("eigenvalue", [1.0, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("betas", [[0.9], [0.99], [0.0, 0.9, 0.99]])
def test_the_rate_of_a_walk_is_the_spectral_radius(betas, eigenvalue):
    method = VelocityMethod(2.5, betas, [1 / len(betas)] * len(betas))
    state, walk = numpy.eye(1, len(betas) + 1)[0], []
    for _ in range(4000):
        state = method.matrix(eigenvalue) @ state
        walk.append(state[0])
    assert measured_rate(range(4000), walk) == pytest.approx(method.rate([eigenvalue]), rel=0.01)
    assert measured_rate([1, 2], walk[:2]) is None


def test_the_shipped_rates_of_figure_3_are_those_that_its_header_says():
    """0.98 of the largest lr with which the direction of eigenvalue 1 converges; AggMo then is three times as fast as
    Nesterov where it gains most, as the paper has it."""
    found = {}
    for grid in load_yaml(CONFIGS / "sweep/paper/aggmo/quadratics/figure3.yaml", "figure3"):
        keys = ("optim", "optim.momentum", "optim.lr")
        words = [f"{key}={grid[key]}" for key in keys if key in grid]
        words += [f"optim.betas={str(beta).replace(' ', '')}" for beta in grid.get("optim.betas", [])]
        method = composed(*words)
        largest = method.lr / 0.98
        for factor, converges in ((0.999, True), (1.001, False)):
            at = VelocityMethod(factor * largest, method.betas, method.weights, method.gradient)
            assert (at.rate([1.0]) > 0) == converges, grid
        found[words[0]] = method
    gains = []
    for condition in numpy.geomspace(10, 1e5, 41):
        spectrum = numpy.geomspace(1 / condition, 1, 41)
        gains.append(found["optim=aggmo"].rate(spectrum) / found["optim=nesterov"].rate(spectrum))
    assert max(gains) == pytest.approx(3.0, abs=0.05)


def test_equal_eigenvalues_and_short_walks_are_no_condition_numbers(run, tmp_path):
    """A condition number of 1 has no optimal rate, and neither three steps nor every tenth tell a velocity."""
    common = ("task=quadratic", "optim=aggmo", "optim.lr=0.1", "epochs=1", "log.every=1", "data.num_steps=60")
    run(*common, "task.eigenvalues=[1,1,0.1,0.01,0.001]", "model.start=[1,1,1,1,1]", outputs=tmp_path / "equal")
    one = (*common, "task.eigenvalues=[0.01]", "model.start=[1]")
    run(*one, "data.num_steps=3", outputs=tmp_path / "short")
    run(*one, "log.every=10", outputs=tmp_path / "seldom")
    found = {}
    for name in ("equal", "short", "seldom"):
        figures = problem_figures(settings(load_runs(tmp_path / name)))
        found[name] = {each: contents for each, _, contents in figures if contents}
    ((rates,),) = found["equal"]["rates"]
    assert min(rates.lines[0].x) == pytest.approx(10)
    assert set(found["short"]) == set(found["seldom"]) == {"paths"}


def test_runs_of_quadratics_are_drawn_beside_their_theory(run, tmp_path):
    """Figures 1 to 3 of Lucas et al., from runs: measured rates on the theory's lines, velocities that damp."""
    common = ["data.num_steps=400", "epochs=1", "log.every=1"]
    four = ["task.eigenvalues=[1,0.1,0.01,0.001]", *common]
    root = tmp_path / "quadratics"
    run("task=quadratic", "optim=momentum", "optim.momentum=0.9", "optim.lr=0.33", *four, outputs=root)
    run("experiment=aggmo/quadratics", *four, outputs=root)
    run("task=quadratic", "optim=adam", *four, outputs=root)
    figures = {name: contents for name, _, contents in problem_figures(settings(load_runs(root)), None)}
    ((rates,),) = figures["rates"]
    lines = {line.label: line for line in rates.lines}
    momentum, aggmo = "momentum lr=0.33 β=0.9", "aggmo lr=0.33 β=[0,0.9,0.99,0.999]"
    assert set(lines) == {momentum, aggmo, "adam lr=0.33", "momentum, optimal lr and β"}
    assert not lines["adam lr=0.33"].x  # measured only
    marks = {style.colour: measured for style, measured in rates.background.measured}
    measured = marks[lines[momentum].style.colour]
    assert len(marks) == 3 and list(measured.conditions) == pytest.approx([10, 100, 1000])
    theory = numpy.interp(measured.conditions, lines[momentum].x, lines[momentum].y)
    assert list(measured.measured) == pytest.approx(theory, rel=0.05)
    ((first, *others),) = figures["eigenvectors"]
    assert [line.label for line in first.lines] == [f"eigenvalue {e}" for e in ("1", "0.1", "0.01", "0.001")]
    assert {panel.y_range for panel in others} == {first.y_range}
    assert [panel.title for panel in others] == [momentum, aggmo] and first.title == "adam lr=0.33"
    assert not figures["damping"]
    for panels in (*figures["rates"], *figures["eigenvectors"]):
        panels_figure(panels)

    one = tmp_path / "one"
    more = ["task.eigenvalues=[0.01]", "model.start=[1]", *common]
    run("experiment=aggmo/quadratics", *more, outputs=one)
    found = settings(load_runs(one))
    ((position, velocity),) = {name: contents for name, _, contents in problem_figures(found)}["damping"]
    damped = position.background.damped
    assert position.lines[0].y[0] == 1.0 and damped.x.min() < -0.3
    assert [line.label for line in velocity.lines] == [f"velocity of β = {b}" for b in ("0", "0.9", "0.99", "0.999")]
    step = numpy.mean(damped.velocities, axis=0) * 0.33  # AggMo's mean, times lr
    assert numpy.diff(damped.x) == pytest.approx(step[:-1], abs=1e-5)
    panels_figure([position, velocity])
