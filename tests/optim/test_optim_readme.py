"""What optim/README.md says is so: its tables agree with the classes, its examples run, its rule passes the checks."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, copy_project

import optim
from optim import build, configs, wrappers

README = (ROOT / "optim" / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
FILES = [block for kind, block in BLOCKS if kind in ("python", "yaml") and block.startswith("# ")]
PACKAGES = ("configs", "data", "hydra_plugins", "models", "optim", "report", "results", "runner", "scripts", "tasks")


def table(first: str) -> dict[str, dict[str, str]]:
    """The rows of the table whose first column is called `first`: {config name: {column: cell}}."""
    (text,) = re.findall(rf"^(\| {first} \|.*?)\n\n", README, re.DOTALL | re.MULTILINE)
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines())
    cells = [dict(zip(head, row, strict=True)) for row in rows]
    named = {re.findall(r"`(\w+)`", row[first])[0]: row for row in cells}
    assert len(named) == len(cells)
    return named


METHODS, WRAPPERS = table("method"), table("wrapper")
DESCRIBED = [pytest.param(configs()[n], row, id=n) for n, row in METHODS.items() if n in configs()]
DESCRIBED += [pytest.param(wrappers()[n], row, id=n) for n, row in WRAPPERS.items() if n in wrappers()]


def docstring(kind) -> str:
    """Of the public class or function of a configuration or wrapper."""
    return getattr(optim, kind.label()).__doc__


def state(kind, **arguments) -> tuple[list[str], list[str], list[str]]:
    """Names of the tensors after two steps: of the parameter's size, numbers beside it, numbers of the optimizer."""
    base = configs()["adam"]() if kind.name in wrappers() else kind(**arguments)
    p = torch.nn.Parameter(torch.ones(5, 3))
    optimizer = build(base, [p], [kind(**arguments)] if kind.name in wrappers() else [])
    for _ in range(2):
        p.grad = p.detach().clone()
        optimizer.step(loss=p.detach().square().sum() / 2)
    tensors = {name: x for name, x in optimizer.state[p].items() if isinstance(x, torch.Tensor)}
    if kind.name in wrappers():
        tensors = {n.removeprefix(f"{kind.name}."): x for n, x in tensors.items() if n.startswith(f"{kind.name}.")}
    overall = [name for name, x in optimizer.param_groups[0].items() if isinstance(x, torch.Tensor)]
    sizes = {name: x.shape for name, x in tensors.items()}
    assert set(sizes.values()) <= {p.shape, torch.Size()}
    return [n for n, s in sizes.items() if s == p.shape], [n for n, s in sizes.items() if s != p.shape], overall


def test_tables_name_what_there_is():
    for named, found, first in ((METHODS, configs(), "method"), (WRAPPERS, wrappers(), "wrapper")):
        shown = {name: re.findall(r"`(\w+)`", row[first])[1:] for name, row in named.items()}
        assert shown == {name: [kind.label()] for name, kind in found.items()}


@pytest.mark.parametrize("kind, row", DESCRIBED)
def test_defaults_are_those_of_the_class(kind, row):
    code = re.findall(r"`([^`]*)`", row["defaults, and whose"])[0]
    call = ast.parse(f"f({code})", mode="eval").body
    shown = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}  # type: ignore
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    assert list(shown) == list(defaults) and shown == defaults
    kinds = [(isinstance(shown[n], bool), isinstance(defaults[n], bool)) for n in shown]
    assert all(ours == theirs for ours, theirs in kinds)


@pytest.mark.parametrize("kind, row", DESCRIBED)
def test_state_is_what_was_measured(kind, row):
    first, *more = row["state"].split("<br>")
    buffers, numbers, overall = state(kind)
    assert int(first.split(":")[0]) == len(buffers)
    assert re.findall(r"`(\w+)`", first) == buffers
    said = {line.split(":")[0]: re.findall(r"`(\w+)`", line) for line in more if ":" in line}
    assert said == {k: names for k, names in (("number", numbers), ("overall", overall)) if names}
    for count, key, value in re.findall(r"(\d+) with `(\w+)=([^`]+)`", row["state"]):
        assert len(state(kind, **{key: ast.literal_eval(value)})[0]) == int(count)


def test_lookahead_pulls_back_one_tensor_for_each_momentum_buffer():
    assert "one for each momentum buffer" in WRAPPERS["lookahead"]["state"]
    assert state(wrappers()["lookahead"], pullback="pullback")[0] == ["slow", "m"]


@pytest.mark.parametrize("kind, row", DESCRIBED)
def test_sources_are_those_of_the_docstring(kind, row):
    """The first author, every year and every arXiv number."""
    source = docstring(kind).split("Source:")[1]
    for said in (re.findall(r"\w+", row["source"])[0], *re.findall(r"\d{4}\.?\d*", row["source"])):
        assert said in source


def test_places_are_those_of_the_wrappers():
    assert {name: row["place"] for name, row in WRAPPERS.items()} == {n: kind.place for n, kind in wrappers().items()}


def test_every_deviation_is_of_something():
    (text,) = re.findall(r"^\| where \| what \|\n.*?\n(.*?)\n\n", README, re.DOTALL | re.MULTILINE)
    named = {name for line in text.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    assert named <= {*configs(), *wrappers()}
    silent = {n for n, kind in {**configs(), **wrappers()}.items() if "Deviations: none.\n" in docstring(kind)}
    assert not named & silent
    assert {*configs(), *wrappers()} - named <= silent | {
        "adam",
        "aggmo_exp",
        "gradient_noise",
        "learning_rate_dropout",
    }


@pytest.mark.parametrize("block", [block for kind, block in BLOCKS if kind == "python" and block not in FILES])
def test_python_examples_run(block):
    exec(compile(block, "optim/README.md", "exec"), {})


def test_commands_compose():
    from runner.cli.overrides import hydra_arguments
    from runner.config.compose import compose
    from runner.config.validate import validate

    lines = re.findall(r"^python main.py (.*)", README, re.MULTILINE)
    assert lines
    for line in lines:
        validate(compose(*hydra_arguments(shlex.split(line))))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the README's new rule."""
    place = tmp_path_factory.mktemp("project")
    assert len(FILES) == 2
    return copy_project(place, PACKAGES, FILES)


CHECKS = re.findall(r"^python (scripts/check_optimizer.py .*)", README, re.MULTILINE)


@pytest.mark.parametrize(
    "words", [pytest.param(words, marks=[pytest.mark.slow] if words != CHECKS[0] else []) for words in CHECKS]
)
def test_new_method_passes_the_checks(project, words):
    done = subprocess.run([sys.executable, *shlex.split(words)], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "signum" in done.stdout and " 0 FAIL" in done.stdout
    assert "4 bytes of state per parameter" in done.stdout or "wrap" in words


def test_new_rule_is_the_sign_of_momentum(project):
    code = """
import torch
from optim import build, configs
p = torch.tensor([1.0, 1.0], requires_grad=True)
optimizer = build(configs()["signum"](lr=0.25, momentum=0.5), [p])
for g in ([4.0, -1.0], [-1.0, -1.0]):
    p.grad = torch.tensor(g)
    optimizer.step()     # m = (2, -0.5), then (0.5, -0.75)
assert p.tolist() == [0.5, 1.5]
optimizer.set_momentum(0.9)
assert optimizer.param_groups[0]["momentum"] == 0.9
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
