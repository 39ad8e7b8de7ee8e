"""Every case passes every check of the conformance report, and every check fails where it should."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from broken import MISTAKES, Mistaken, MistakenConfig, mistaken
from cases import CASES, every_case
from conftest import ROOT, copy_project
from problem import needs_cpp

from optim.conformance import CHECKS, COMPILE_CHECKS, Candidate, conformance_report, formatted, run_check, step_cost
from optim.conformance.report import resnet20
from optim.rules.aggmo import AggMoConfig
from optim.wrappers.lookahead import LookaheadWrapper

NAN_CHECK = "a nan gradient reaches no other parameter"


@every_case
@pytest.mark.parametrize("check", CHECKS)
def test_it_passes(name, check):
    candidate = CASES[name].candidate
    result = run_check(check, candidate)
    expected = "n/a" if check == NAN_CHECK and candidate.is_global else "pass"
    assert result.outcome == expected, result.reason


@needs_cpp
@pytest.mark.slow
@pytest.mark.parametrize("name", ["momentum", "aggmo_l2", "wrapped_in_all", "muon"])
@pytest.mark.filterwarnings("ignore")
def test_it_passes_compiled(name):
    (check,) = COMPILE_CHECKS
    assert run_check(check, CASES[name].candidate).outcome == "pass"


def _mistakes(checks):
    return [
        pytest.param(name, check, id=f"{name}-{check}")
        for name, (_, fail) in MISTAKES.items()
        for check in fail
        if check in checks
    ]


@pytest.mark.parametrize(("mistake", "check"), _mistakes(CHECKS))
def test_a_mistake_fails_its_check(mistake, check):
    result = run_check(check, MISTAKES[mistake][0]())
    assert result.outcome == "FAIL" and result.reason


@needs_cpp
@pytest.mark.slow
@pytest.mark.parametrize(("mistake", "check"), _mistakes(COMPILE_CHECKS))
@pytest.mark.filterwarnings("ignore")
def test_a_mistake_fails_its_check_compiled(mistake, check):
    assert run_check(check, MISTAKES[mistake][0]()).outcome == "FAIL"


def test_every_check_can_fail():
    assert {check for _, checks in MISTAKES.values() for check in checks} == {*CHECKS, *COMPILE_CHECKS}
    assert {result.outcome for result in conformance_report(mistaken())} == {"pass"}


def test_the_report_names_what_fails_and_why():
    results = conformance_report(MISTAKES["supports_scaling"][0]())
    failures = {result.name: result.reason for result in results if result.outcome == "FAIL"}
    assert list(failures) == ["GradScaler: unscaled steps, and a skipped step changes nothing"]
    assert all(failures.values())
    lines = formatted(results).splitlines()
    assert len(lines) == len(CHECKS) + 1 and lines[-1] == f"{len(CHECKS) - 1} pass, 1 FAIL, 0 n/a"


def test_an_error_of_a_rule_is_a_failure():
    class Raising(Mistaken):
        def update(self, u, p, s, h, ctx):
            if p.ndim == 0:
                raise KeyError("no scalars")
            return u

    class Config(MistakenConfig):
        def transforms(self):
            return (Raising(),)

    result = run_check("0-dim and empty parameters", Candidate(Config()))
    assert (result.outcome, result.reason) == ("FAIL", "KeyError: 'no scalars'")


def test_cost_counts_the_state():
    found = step_cost(Candidate(AggMoConfig(), (LookaheadWrapper(),)), shapes=((10, 10), (7,)), rounds=1)
    assert found["state_bytes"] == 16 and found["ms"] > 0 and found["adam_ms"] > 0
    assert len(resnet20()) == 59 and sum(torch.Size(s).numel() for s in resnet20()) == 269_722


@pytest.fixture
def script(load_module, monkeypatch, capsys):
    """script(*words) -> (exit code, what it printed, and as an error); the slow tests run it in a process."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["check_optimizer.py", *words])
        code = load_module(ROOT / "scripts" / "check_optimizer.py", "check_optimizer").main()
        return code, *capsys.readouterr()

    monkeypatch.setattr(sys, "path", sys.path[:])
    return run


def test_the_script_takes_the_words_of_the_command_line(script):
    words = ("optim.lr=0.05", "wrap=[lookahead]", "wrap.lookahead.pullback=reset", "backend=foreach")
    code, printed, error = script("optim=momentum", *words)
    assert code == 0, printed + error
    assert printed.startswith("momentum, lookahead: MomentumConfig(lr=0.05, ")
    assert f"{len(CHECKS)} pass, 0 FAIL, 0 n/a" in printed
    assert "bytes of state per parameter" in printed


def test_the_script_refuses_as_the_command_line_does(script):
    code, printed, error = script("optim.lrr=1")
    assert (code, printed) == (2, "") and "did you mean optim.lr?" in error


@pytest.mark.slow
def test_the_script_ends_in_a_line_where_a_step_fails(tmp_path):
    """An optimizer as one has it on the first day: FAILs, and no traceback below them."""
    rule = """from dataclasses import dataclass
from typing import ClassVar

from ..config import OptimizerConfig
from ..ranges import ranged
from ..transform import Transform


@dataclass(frozen=True)
class Broken(Transform):
    def update(self, u, p, s, h, ctx):
        return u + s["nothing"]


@dataclass(frozen=True)
class BrokenConfig(OptimizerConfig):
    name: ClassVar[str] = "broken"
    lr: float = ranged(0.1, "[0, inf)")

    def transforms(self):
        return (Broken(),)
"""
    config = "defaults:\n  - lr_schedule: constant\n  - _self_\nname: broken\nlr: 0.1\n"
    packages = (
        "configs",
        "data",
        "hydra_plugins",
        "models",
        "optim",
        "report",
        "results",
        "runner",
        "scripts",
        "tasks",
    )
    files = [f"# optim/rules/broken.py\n{rule}", f"# configs/optim/broken.yaml\n{config}"]
    project = copy_project(tmp_path / "project", packages, files)
    command = [sys.executable, "scripts/check_optimizer.py", "optim=broken"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "") and "FAIL" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("no time of a step, which fails: KeyError: 'nothing'")
