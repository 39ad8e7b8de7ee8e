"""The conformance report passes what is right and names what is not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from cases_wrapped import ALL
from conftest import ROOT
from optimizer_cases import needs_cpp

from optim import OptimizerConfig, Transform
from optim.conformance import CHECKS, COMPILE_CHECKS, Candidate, conformance_report, formatted, step_cost
from optim.conformance.report import resnet20
from optim.ranges import ranged
from optim.rules.aggmo import AggMoConfig
from optim.rules.sgd import HeavyBall, MomentumConfig
from optim.wrappers.lookahead import LookaheadWrapper


def _failures(config, wrap=(), compiled=False, **options):
    results = conformance_report(Candidate(config, wrap, options), compiled)
    return {result.name: result.reason for result in results if result.outcome == "FAIL"}


@pytest.mark.parametrize(("config", "wrap"), [(AggMoConfig(0.05, weight_decay=0.1), ()), (MomentumConfig(0.05), ALL)])
def test_ours_pass(config, wrap):
    assert _failures(config, wrap) == {}


@dataclass(frozen=True)
class Broken(Transform):
    """Every usual mistake: decay into p.grad, a count outside the state, a buffer that is the gradient itself,
    a number that nothing reads, weights written to, one scalar of noise from the global generator, lr=0 that moves.
    """

    decay: float = ranged(0.1, "[0, 1)")
    unread: float = ranged(0.1, "[0, 1)")
    mistake: str = ""
    counted: ClassVar[list[int]] = [0]

    def init(self, p: Any, h: Any) -> Any:
        return {"w": torch.zeros(p.shape, dtype=torch.bfloat16) if self.mistake == "cast" else torch.zeros_like(p)}

    def update(self, u: Any, p: Any, s: Any, h: Any, ctx: Any) -> Any:
        if self.mistake == "in_place":
            u.add_(p, alpha=h["decay"])
        elif self.mistake == "alias":
            s["w"] = u
            return u + (h["decay"] + h["unread"]) * p
        elif self.mistake == "count":
            self.counted[0] += 1
            u = u / self.counted[0]
        elif self.mistake == "noise":
            u = u + torch.randn(()) * h["decay"]
        elif self.mistake == "cast":
            previous = s["w"].clone()
            s["w"].copy_(h["decay"] * u + h["unread"] * s["w"])
            return u + previous
        elif self.mistake == "host":
            u = u if float(u.flatten()[0]) > 0 else 2 * u
        elif self.mistake == "weights":
            p.mul_(1 - h["decay"])
        return u + (h["decay"] + (h["unread"] if self.mistake else 0.0)) * p


@dataclass(frozen=True)
class Mistaken(OptimizerConfig):
    lr: float = ranged(0.1, "[0, inf)")
    mistake: str = ""

    def transforms(self) -> tuple[Transform, ...]:
        return Broken(mistake=self.mistake), HeavyBall(0.5)


# the checks that must fail, by the start of their names; others may fail as a consequence
MISTAKES = {
    "": ["every number acts"],
    "in_place": ["p.grad is left", "transforms write"],
    "alias": ["p.grad is left"],
    "count": ["resume", "deepcopy", "pickle", "several groups", "loop and foreach"],
    "noise": ["resume", "deepcopy", "several groups", "evaluation weights"],
    "cast": ["bfloat16"],
    "host": ["0-dim and empty", "loop and foreach"],
    "weights": ["lr=0", "transforms write"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_rule_is_seen_and_named(mistake):
    failures = _failures(Mistaken(mistake=mistake))
    for start in MISTAKES[mistake]:
        assert any(name.startswith(start) and why for name, why in failures.items()), (start, failures)
    if not mistake:
        assert failures == {"every number acts, and in its own group": "unread is ignored"}
    if mistake == "in_place":
        assert any(why.startswith("p.grad was changed") for why in failures.values())


def test_a_rule_that_raises_fails_with_its_error():
    class Raising(Broken):
        def update(self, u, p, s, h, ctx):
            if p.ndim == 0:
                raise KeyError("no scalars")
            return u

    class Config_(Mistaken):
        def transforms(self):
            return (Raising(),)

    failures = _failures(Config_())
    assert failures["0-dim and empty parameters"] == "KeyError: 'no scalars'"
    rows = conformance_report(Candidate(Config_(), (LookaheadWrapper(),)))
    assert f"{len([r for r in rows if r.outcome == 'FAIL'])} FAIL" in formatted(rows).splitlines()[-1]


@needs_cpp
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_compiled_property():
    (name,) = COMPILE_CHECKS
    rows = {row.name: row.outcome for row in conformance_report(Candidate(MomentumConfig(0.05), ALL), compiled=True)}
    assert rows[name] == "pass" and len(rows) == len(CHECKS) + 1


def test_cost_counts_the_state():
    found = step_cost(Candidate(AggMoConfig(), (LookaheadWrapper(),)), shapes=((10, 10), (7,)), rounds=1)
    assert found["state_bytes"] == 16 and found["ms"] > 0 and found["adam_ms"] > 0
    assert len(resnet20()) == 59 and sum(torch.Size(s).numel() for s in resnet20()) == 269_722


def _run(*words):
    command = [sys.executable, "scripts/check_optimizer.py", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_script_takes_the_words_of_the_command_line():
    done = _run(
        "optim=momentum", "optim.lr=0.05", "wrap=[lookahead]", "wrap.lookahead.pullback=reset", "backend=foreach"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("momentum, lookahead: MomentumConfig(lr=0.05, ")
    assert f"{len(CHECKS)} pass, 0 FAIL, 0 n/a" in done.stdout
    assert "bytes of state per parameter" in done.stdout


def test_the_script_refuses_as_the_command_line_does():
    done = _run("optim.lrr=1")
    assert (done.returncode, done.stdout) == (2, "") and "did you mean optim.lr?" in done.stderr
