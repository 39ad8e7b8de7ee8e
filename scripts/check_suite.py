"""Check a suite's verdicts with planted optimizers, whose order is known, in repetitions with fresh seeds.

    python scripts/check_suite.py --to /tmp/planted                    # 20 repetitions of three short tasks
    python scripts/check_suite.py --to /tmp/planted --repetitions 2

planted_adam                      against planted_adam_again, the same method: to be called indistinguishable
planted_adam                      against planted_adam_broken: no correction of the second moment, but its inverse
planted_sgd                       against planted_sgd_half, which leaves out every second step

Each is a file in plugins/ while this runs, tuned and run like any other by `-m suite=FILE`. A repetition is right if
the better one has the smaller mean rank and loses on no task, and the copies tie on all; wins are counted. The copies
run with the same seeds, as all optimizers of a suite do, and are therefore equal run by run; how often chance
alone gives a verdict is seen where planted_adam of one repetition meets that of the next, whose seeds are others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from report.scores.data import Results  # noqa: E402
from report.scores.ranks import mean_ranks  # noqa: E402
from report.scores.wins import LOSS, TIE, WIN, duel  # noqa: E402
from report.suite.gather import gather  # noqa: E402
from report.suite.scored import scored  # noqa: E402
from results.suite import read_suite  # noqa: E402
from results.suite_runs import read_suite_runs  # noqa: E402

NUM_SEEDS = 4
SUITE = """# Three short tasks
trials: 3
seeds: {seeds}
tasks:
  factorization:
    overrides: [task=regression, data=synthetic_matrix, model=matrix_fac]
    epochs: 20
    metric: mse
    better: min
    log_scale: true
    floor: 1.0e-10
    near: 0.3
  digits_mlp: {{overrides: [task=digits], epochs: 30, metric: acc, better: max, near: 0.01}}
  autoencoder:
    overrides: [task=autoencoder, data=digits, "model.encoder=[32,16]", optim/lr_schedule=constant]
    epochs: 40
    metric: mse
    better: min
    near: 0.1
"""

ADAM = '''"""{about}"""

import torch


class Planted(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8):
        super().__init__(params, dict(lr=lr, beta1=beta1, beta2=beta2, eps=eps))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                state["m"].lerp_(p.grad, 1 - group["beta1"])
                state["v"].lerp_(p.grad.square(), 1 - group["beta2"])
                first, second = (1 - group[beta] ** state["step"] for beta in ("beta1", "beta2"))
                v = state["v"] {operator} second
                p.sub_(state["m"] / first / (v.sqrt() + group["eps"]), alpha=group["lr"])
'''

SGD = '''"""{about}"""

import torch


class Planted(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 0.1):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["step"] = self.state[p].get("step", 0) + 1
                if self.state[p]["step"] % {every} == 0:
                    p.sub_(p.grad, alpha=group["lr"])
'''

PLANTED = {
    "planted_adam": ADAM.format(about="Adam", operator="/"),
    "planted_adam_again": ADAM.format(about="Adam under another name", operator="/"),
    "planted_adam_broken": ADAM.format(about="Adam whose second moment is corrected the wrong way", operator="*"),
    "planted_sgd": SGD.format(about="SGD", every=1),
    "planted_sgd_half": SGD.format(about="SGD that leaves out every second step", every=2),
}
PAIRS = (("planted_adam", "planted_adam_broken"), ("planted_sgd", "planted_sgd_half"))
COPIES = ("planted_adam", "planted_adam_again")


@dataclass(frozen=True)
class Verdict:
    """right: whether both pairs and the copies are told right. text: the numbers."""

    right: bool
    text: str


def main(argv: Sequence[str]) -> int:
    """Run the repetitions and print each as it is done; return 1 if one is wrong."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--to", type=Path, required=True, help="folder of the runs; the same command resumes them")
    arguments.add_argument("--repetitions", type=int, default=20)
    options = arguments.parse_args(argv)
    folder = options.to.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    files = {PROJECT / "plugins" / f"{name}.py": text for name, text in PLANTED.items()}
    found: list[Results] = []
    wrong = 0
    try:
        for file, text in files.items():
            file.write_text(text)
        for repetition in range(options.repetitions):
            found.append(results_of_suite(folder, repetition))
            verdict = judge(found[-1])
            wrong += not verdict.right
            print(f"{repetition + 1}: {'right' if verdict.right else 'WRONG'}; {verdict.text}", flush=True)
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    chance = [by_chance(one, other) for one, other in zip(found, found[1:], strict=False)]
    print(f"{len(found) - wrong} of {len(found)} right")
    print(f"planted_adam against itself with other seeds: a win or loss in {sum(chance)} of {len(chance)} comparisons")
    return int(wrong > 0)


def results_of_suite(folder: Path, repetition: int) -> Results:
    """Run one repetition and return the losses of the best settings by task, optimizer and seed."""
    name = f"repetition_{repetition}"
    seeds = list(range(repetition * NUM_SEEDS, (repetition + 1) * NUM_SEEDS))
    suite = folder / f"{name}.yaml"
    suite.write_text(SUITE.format(seeds=seeds))
    words = ["-m", f"suite={suite}", f"optim={','.join(PLANTED)}", f"outputs={folder / 'outputs'}", "threads=1"]
    with open(folder / f"{name}.log", "w") as log:
        subprocess.run([sys.executable, str(PROJECT / "main.py"), *words], stdout=log, stderr=log, check=True)
    runs = read_suite_runs(folder / "outputs" / "suites" / name)
    return scored(gather(name, read_suite(str(suite)), runs, None)).results


def judge(results: Results) -> Verdict:
    ranks = {rank.optimizer: rank.mean for rank in mean_ranks(results)}
    right, parts = True, []
    for better, worse in PAIRS:
        found = duel(results, better, worse)
        wins, losses = len(found.tasks(WIN)), len(found.tasks(LOSS))
        right &= ranks[better] < ranks[worse] and losses == 0
        parts.append(f"{better} rank {ranks[better]:.2f}, {worse} {ranks[worse]:.2f}, {wins} won, {losses} lost")
    copies = duel(results, *COPIES)
    ties = len(copies.tasks(TIE))
    right &= ties == len(results) and ranks[COPIES[0]] == ranks[COPIES[1]]
    parts.append(f"copies tie on {ties} of {len(results)}")
    return Verdict(right, "; ".join(parts))


def by_chance(one: Results, other: Results) -> bool:
    """Whether Adam's results of two repetitions, paired in the seeds' order, are told apart on any task."""
    results = {
        task: {
            "one": dict(enumerate(one[task]["planted_adam"].values())),
            "other": dict(enumerate(other[task]["planted_adam"].values())),
        }
        for task in one
    }
    return len(duel(results, "one", "other").tasks(TIE)) < len(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
