"""Parameter groups and what is refused: every number is per group, none is ignored, none is out of range."""

from __future__ import annotations

import dataclasses
import inspect
import math
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from problem import parameters, train

import optim
from optim import check_wrappers
from optim.rules.adabound import AdaBoundConfig
from optim.rules.adam import AdamConfig
from optim.rules.aggmo import AggMoConfig, AggMoExpConfig
from optim.rules.sgd import MomentumConfig, SGDConfig
from optim.wrappers.gradient_noise import GradientNoiseWrapper
from optim.wrappers.lookahead import LookaheadWrapper


def test_a_value_written_to_the_group_acts_at_once():
    params, others = parameters(), parameters()
    changed, other = optim.AggMo(params, 0.1), optim.AggMo(others, 0.1)
    changed.param_groups[0]["betas"] = (0.0, 0.5, 0.5)
    assert not torch.equal(train(changed, params, 3)[1], train(other, others, 3)[1])


def test_named_parameters():
    model = torch.nn.Linear(2, 2)
    optimizer = optim.AggMo(model.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    optimizer.load_state_dict(optimizer.state_dict())


def test_unknown_names_are_refused():
    params = parameters()
    with pytest.raises(TypeError, match="momentun"):
        optim.Momentum(params, momentun=0.9)
    with pytest.raises(ValueError, match="AggMo: unknown group key 'momentum'; it has .*betas"):
        optim.AggMo([{"params": params, "momentum": 0.9}])
    optimizer = optim.build(AdamConfig(), params[:1], [LookaheadWrapper()])
    with pytest.raises(ValueError, match="unknown group key 'alpha'; .*lookahead.alpha"):
        optimizer.add_param_group({"params": params[1:], "alpha": 0.3})
    assert len(optimizer.param_groups) == 1


def test_parameters_torch_refuses():
    p = parameters()[0]
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.SGD([{"params": [p]}, {"params": [p]}])
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([])
    with pytest.raises(TypeError, match="iterable of Tensors"):
        optim.SGD(p)


OUT_OF_RANGE = [
    (lambda: SGDConfig(lr=-1.0), "SGD: lr=-1.0 is not in [0, inf)"),
    (lambda: SGDConfig(lr=math.nan), "SGD: lr=nan is not in [0, inf)"),
    (lambda: SGDConfig(lr=math.inf), "SGD: lr=inf is not in [0, inf)"),
    (lambda: SGDConfig(lr=True), "SGD: lr=True is not in [0, inf)"),
    (lambda: SGDConfig(lr="fast"), "SGD: lr='fast' is not in [0, inf)"),  # type: ignore
    (lambda: SGDConfig(lr=None), "SGD: lr=None is not in [0, inf)"),  # type: ignore
    (lambda: SGDConfig(lr=torch.tensor(-0.1)), "SGD: lr=tensor(-0.1000) is not in [0, inf)"),  # type: ignore
    (lambda: SGDConfig(nesterov=True), "SGD: nesterov, dampening and lr_in_velocity need momentum, which is 0"),
    (lambda: SGDConfig(dampening=0.5), "SGD: nesterov, dampening and lr_in_velocity need momentum, which is 0"),
    (lambda: SGDConfig(momentum=0.9, dampening=0.5, nesterov=True), "SGD: nesterov needs dampening=0, not 0.5"),
    (lambda: SGDConfig(weight_decay=-0.1), "SGD: weight_decay=-0.1 is not in [0, inf)"),
    (lambda: MomentumConfig(momentum=1.0), "Momentum: momentum=1.0 is not in [0, 1)"),
    (lambda: MomentumConfig(dampening=1.5), "Momentum: dampening=1.5 is not in [0, 1)"),
    (lambda: AdamConfig(betas=(0.9, 1.0)), "Adam: betas[1]=1.0 is not in [0, 1)"),
    (lambda: AdamConfig(betas=(0.9,)), "Adam: betas=(0.9,) has 1 values, not 2"),  # type: ignore
    (lambda: AdamConfig(amsgrad=True, eps_inside_sqrt=True), "Adam: eps_inside_sqrt is not there with amsgrad"),
    (lambda: AdamConfig(eps=-1e-8), "Adam: eps=-1e-08 is not in [0, inf)"),
    (lambda: AggMoConfig(betas=(0.0, 1.2)), "AggMo: betas[1]=1.2 is not in [0, 1)"),
    (lambda: AggMoConfig(betas=()), "AggMo: betas=() has 0 values, not at least 1"),
    (lambda: AggMoConfig(betas=0.9), "AggMo: betas=0.9 is not a list of values in [0, 1)"),  # type: ignore
    (lambda: AggMoExpConfig(a=1.0), "AggMoExp: a=1.0 is not in (0, 1)"),
    (lambda: AggMoExpConfig(k=0), "AggMoExp: k=0 is not an integer in [1, inf)"),
    (lambda: AggMoExpConfig(k=2.5), "AggMoExp: k=2.5 is not an integer in [1, inf)"),  # type: ignore
    (lambda: AggMoExpConfig(a=0.1, k=20), "AggMoExp: a=0.1, k=20 make betas[17]=1.0, which is not in [0, 1)"),
    (lambda: GradientNoiseWrapper(eta=-1.0), "GradientNoise: eta=-1.0 is not in [0, inf)"),
    (lambda: GradientNoiseWrapper(gamma=-1.0), "GradientNoise: gamma=-1.0 is not in [0, 20]"),
    (lambda: GradientNoiseWrapper(gamma=700.0), "GradientNoise: gamma=700.0 is not in [0, 20]"),  # 3^700 is no float
    (lambda: SGDConfig(lr=1e39), "SGD: lr=1e+39 is beyond 1e+18; larger numbers soon become infinite in float32"),
    (lambda: SGDConfig(lr=10**400), f"SGD: lr={10**400} is not in [0, inf)"),
    (lambda: AdamConfig(eps=1e-50), "Adam: eps=1e-50 is 0 in float32, whose smallest number is 1e-45"),
    (lambda: AggMoConfig(betas=(0.9, 1e-60)), "AggMo: betas[1]=1e-60 is 0 in float32, whose smallest number is 1e-45"),
    (
        lambda: AdaBoundConfig(lr=1e-30, final_lr=1e9),
        "AdaBound: final_lr=1000000000.0, lr=1e-30, gamma=0.001 make the first upper bound 1e+42, which is beyond "
        "float32's largest number, 3.4e+38",
    ),
    (lambda: LookaheadWrapper(k=0), "Lookahead: k=0 is not an integer in [1, inf)"),
    (lambda: LookaheadWrapper(alpha=0.0), "Lookahead: alpha=0.0 is not in (0, 1]"),
    (
        lambda: check_wrappers(SGDConfig(), (LookaheadWrapper(), LookaheadWrapper())),
        "lookahead: is wrapped around the optimizer twice",
    ),
]


@pytest.mark.parametrize(("make", "message"), OUT_OF_RANGE, ids=[message for _, message in OUT_OF_RANGE])
def test_out_of_range(make, message):
    """Refused when it is given, before there is an optimizer."""
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_out_of_range_in_a_group():
    first, *others = parameters()
    for group, message in [
        ({"betas": (0.0, 1.2)}, "AggMo: betas[1]=1.2 is not in [0, 1)"),
        ({"lr": -1}, "AggMo: lr=-1 is not in [0, inf)"),
        ({"lookahead.alpha": 2.0}, "Lookahead: alpha=2.0 is not in (0, 1]"),
    ]:
        with pytest.raises(ValueError) as error:
            optim.build(AggMoConfig(), [{"params": [first]}, {"params": others, **group}], [LookaheadWrapper()])
        assert str(error.value) == message


def test_numbers_are_stored_as_plain_python():
    optimizer = optim.AggMo(parameters(), lr=1, betas=[0, 0.5])
    group = optimizer.param_groups[0]
    assert group["betas"] == (0.0, 0.5) and type(group["betas"]) is tuple and type(group["lr"]) is float
    assert all(type(beta) is float for beta in group["betas"])


def test_the_callers_group_dict_is_left_alone():
    group = {"params": parameters(), "betas": [0, 0.5]}
    optim.AggMo([group])
    assert group.keys() == {"params", "betas"} and group["betas"] == [0, 0.5]


def test_public_names():
    for name in optim.__all__:
        assert getattr(optim, name) is getattr(optim, name) and name in dir(optim)
    with pytest.raises(AttributeError, match="no attribute 'AggMoo'"):
        _ = optim.AggMoo


@pytest.mark.parametrize("config", optim.configs().values(), ids=optim.configs())
def test_public_classes_take_the_arguments_of_their_configurations(config):
    """With the same defaults: the two are written out, and must not part."""
    kind = getattr(optim, config.label())
    assert issubclass(kind, optim.ComposedOptimizer) and pickle.loads(pickle.dumps(kind)) is kind
    params, *arguments = inspect.signature(kind).parameters.values()
    shown = [(p.name, p.default, p.annotation) for p in arguments if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert shown == [(f.name, f.default, f.type) for f in dataclasses.fields(config)]
    options = {p.name: p.default for p in arguments if p.kind is p.KEYWORD_ONLY}
    assert params.name == "params" and options == {"backend": "auto", "seed": 0, "maximize": False}
    assert "Source:" in kind.__doc__ and "Deviations:" in kind.__doc__
    made = kind(parameters())
    assert made.config == config() and repr(made).startswith(f"{kind.__name__} (")


def test_positional_arguments_are_those_of_the_papers_code():
    params = parameters()
    group = optim.AggMo(params, 0.2, (0.0, 0.5), 0.1).param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.2, (0.0, 0.5), 0.1)


def test_registries():
    assert {"sgd", "momentum", "nesterov", "adam", "aggmo", "aggmo_exp"} <= optim.configs().keys()
    assert {"gradient_noise", "lookahead"} <= optim.wrappers().keys()
    assert all(name == kind.name for name, kind in {**optim.configs(), **optim.wrappers()}.items())
    optim.configs().clear()
    assert optim.configs()


def test_naming_optimizers_does_not_import_torch():
    script = (
        "import sys, optim\n"
        "for config in optim.configs().values(): config().transforms()\n"
        "for wrapper in optim.wrappers().values(): optim.check_wrappers(config(), [wrapper()])\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(optim.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == 0
