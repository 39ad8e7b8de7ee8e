"""Configuration classes made of signatures, and the packages whose classes they are made for."""

import enum
import pickle
from collections.abc import Sequence
from dataclasses import fields, make_dataclass
from typing import Any, Literal, Optional

import pytest
import torch

from results.typed import read_dataclass
from runner.cli.main import main
from runner.config.arguments import NUMBER, fields_of
from runner.config.errors import ConfigError
from runner.config.external import config_class, default_node
from runner.config.packages import PACKAGES, installed_version


class Letter(str, enum.Enum):  # noqa: UP042
    A = "a"


def example(
    params, lr=1e-3, count=5, rate: float = 1, betas=(0.9, 0.99), sizes: list[int] = [1], word="a", flag=False, # noqa: B006
    kind: Literal["a", "b"] = "a", maybe: Optional[float] = None, either: float | torch.Tensor = 0.5, free=None, # noqa: UP045
    function=max, letter=Letter.A, some: Sequence[float] = (0.5,),
    tensor: torch.Tensor | None = None, *, needed: int, **rest,
):  # fmt: skip
    ...


def test_types_and_defaults_come_from_the_signature():
    found = {name: (kind, field.default) for name, kind, field in fields_of(example, without=("params",))}
    missing = found.pop("needed")
    assert missing[0] is int
    assert found == {
        "lr": (float, 1e-3),
        "count": (NUMBER, 5),
        "rate": (float, 1.0),
        "betas": (tuple[float, float], (0.9, 0.99)),
        "sizes": (tuple[int, ...], (1,)),
        "word": (str, "a"),
        "flag": (bool, False),
        "kind": (Literal["a", "b"], "a"),
        "maybe": (float | None, None),
        "either": (float, 0.5),
        "free": (Any, None),
        "some": (tuple[float], (0.5,)),
    }


def test_a_learning_rate_is_a_number_from_0_on_also_by_a_whole_default():
    def optimizer(params, lr=1): ...

    kind: Any = make_dataclass("kind", fields_of(optimizer, without=("params",)))
    assert repr(read_dataclass(kind, {}, "optim").lr) == "1.0"
    assert read_dataclass(kind, {"lr": 0.5}, "optim").lr == 0.5
    with pytest.raises(ValueError, match=r"optim.lr=-0.5 is not in \[0, inf\)"):
        read_dataclass(kind, {"lr": -0.5}, "optim")


@pytest.mark.parametrize(
    "name", ["torch/Adam", "torch/LBFGS", "pytorch_optimizer/SOAP", "schedulefree/SGDScheduleFree"]
)
def test_a_class_gets_what_its_configuration_says(name):
    if installed_version(name.partition("/")[0]) is None:
        pytest.skip(f"{name} is not installed")
    kind = config_class("optim", name)
    config = read_dataclass(kind, {"lr": 1}, "optim")
    assert type(config.lr) is float and config == pickle.loads(pickle.dumps(config))
    param = torch.nn.Parameter(torch.ones(2, 2))
    ours, plain = config.optimizer_class([param], **config.arguments()), config.optimizer_class([param], lr=1.0)
    assert ours.defaults == plain.defaults
    assert default_node("optim", name) == {**{f.name: as_list(f.default) for f in fields(kind)}, "name": name}


def as_list(value):
    return list(value) if isinstance(value, tuple) else value


def test_whole_numbers_are_one_setting_however_they_are_written(write_plugin):
    name = write_plugin("import torch\nclass O(torch.optim.SGD):\n    def __init__(self, params, lr=0.1, k=5): ...\n")
    values = [read_dataclass(config_class("optim", name), {"k": k}, "optim").k for k in (3, 3.0, 0.5)]
    assert values == [3, 3, 0.5] and list(map(type, values)) == [int, int, float]


WRONG = {
    "torch/Adafactorr": ["torch has no optimizer Adafactorr", "did you mean torch/Adafactor?", "LBFGS"],
    "trch/Adam": ["trch is none of the packages", "did you mean torch/Adam?"],
    "os/system": ["os is none of the packages", *PACKAGES],
    "torch": ["choose torch/NAME", "Adafactor", "SGD"],
    "pytorch_optimizer/SAM": ["goes around another optimizer"],
    "torch_optimizer/Lookahead": ["goes around another optimizer"],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_package_lacks_is_refused_in_one_line(name):
    with pytest.raises(ConfigError) as error:
        config_class("optim", name)
    assert str(error.value).startswith(f"optim={name}: ") and "\n" not in str(error.value)
    assert all(fact in str(error.value) for fact in WRONG[name])


def test_help_names_the_packages_and_what_to_install(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, package in PACKAGES.items():
        version = installed_version(name)
        assert (f"  {name} {version}: {package.examples}" if version else package.distribution) in text
        if version is None:
            with pytest.raises(ConfigError, match=f"pip install {package.distribution}"):
                config_class("optim", f"{name}/SGD")
    assert "example_optimizer  Lion" in text
