"""What optim/README.md says is so: its tables agree with the classes, its examples run, its rule passes the checks."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, copy_project

import optim
from optim import configs, wrappers

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


def docstring(kind) -> str:
    """Of the public class or function of a configuration or wrapper."""
    return getattr(optim, kind.label()).__doc__


def test_the_tables_are_those_of_the_classes():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from optimizer_tables import with_tables
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    assert with_tables(README) == README
    assert (
        "| `adam`<br>`Adam` |" in README
        and "`lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad" in README
    )
    with pytest.raises(ValueError, match="2 tables of methods"):
        with_tables(README + README)


def test_sources_are_those_of_the_docstring():
    """The first author, every year and every arXiv number."""
    kinds = {**configs(), **wrappers()}
    for name, row in {**METHODS, **WRAPPERS}.items():
        source = docstring(kinds[name]).split("Source:")[1]
        for said in (re.findall(r"\w+", row["source"])[0], *re.findall(r"\d{4}\.?\d*", row["source"])):
            assert said in source, f"{name}: {said}"


def test_every_deviation_is_of_something():
    (text,) = re.findall(r"^\| where \| what \|\n.*?\n(.*?)\n\n", README, re.DOTALL | re.MULTILINE)
    named = {name for line in text.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    assert named <= {*configs(), *wrappers()}
    silent = {n for n, kind in {**configs(), **wrappers()}.items() if "Deviations: none.\n" in docstring(kind)}
    assert not named & silent
    assert {*configs(), *wrappers()} - named <= silent | {
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


CHECKS = re.findall(r"^python (scripts/check_optimizer.py .*optim=tiger.*)", README, re.MULTILINE)


@pytest.mark.parametrize(
    "words", [pytest.param(words, marks=[pytest.mark.slow] if words != CHECKS[0] else []) for words in CHECKS]
)
def test_new_method_passes_the_checks(project, words):
    done = subprocess.run([sys.executable, *shlex.split(words)], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiger" in done.stdout and " 0 FAIL" in done.stdout
    assert "4 bytes of state per parameter" in done.stdout or "wrap" in words


def test_new_rule_is_the_sign_of_momentum(project, load_module):
    rule = load_module(project / "optim" / "rules" / "tiger.py", "optim.rules.tiger")
    p = torch.tensor([1.0, 1.0], requires_grad=True)
    optimizer = optim.build(rule.TigerConfig(lr=0.25, momentum=0.5), [p])
    for g in ([4.0, -1.0], [-1.0, -1.0]):
        p.grad = torch.tensor(g)
        optimizer.step()  # m = (2, -0.5), then (0.5, -0.75)
    assert p.tolist() == [0.5, 1.5]
    optimizer.set_momentum(0.9)
    assert optimizer.param_groups[0]["momentum"] == 0.9
