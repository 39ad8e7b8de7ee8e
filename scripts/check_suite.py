"""Check a suite's verdicts with planted optimizers, whose order is known, in repetitions with fresh seeds.

    python scripts/check_suite.py --to /tmp/planted        # 20 repetitions of three short tasks, 3 settings, 4 seeds
    python scripts/check_suite.py --to /tmp/planted_sgd --pairs sgd --trials 8 --num-seeds 5

planted_adam                      against planted_adam_again, the same method: to be called indistinguishable
planted_adam                      against planted_adam_broken: no correction of the second moment, but its inverse
planted_sgd                       against planted_sgd_half, which leaves out every second step

Each is a file in plugins/ while this runs, tuned and run like any other by `-m suite=FILE`. A repetition is right if
the better one has the smaller mean rank and loses on no task, and the copies tie on all; wins are counted. The copies
run with the same seeds, as all optimizers of a suite do, and are therefore equal run by run. How often chance alone
gives a verdict is counted where planted_adam meets itself with other seeds: as many seeds as a suite has against as
many others, drawn from those of all repetitions with the setting that most of them have chosen.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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

NUM_DRAWS = 2000
SUITE = """# Three short tasks
trials: {trials}
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
PAIRS = {"adam": ("planted_adam", "planted_adam_broken"), "sgd": ("planted_sgd", "planted_sgd_half")}
COPIES = ("planted_adam", "planted_adam_again")


@dataclass(frozen=True)
class Verdict:
    """right: whether the pairs, and the copies if they ran, are told right. text: the numbers."""

    right: bool
    text: str


@dataclass(frozen=True)
class Repetition:
    """results: of the best settings. settings: planted_adam's best by task."""

    results: Results
    settings: Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    """Run the repetitions and print each as it is done; return 1 if one is wrong."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--to", type=Path, required=True, help="folder of the runs; the same command resumes them")
    arguments.add_argument("--repetitions", type=int, default=20)
    arguments.add_argument("--pairs", default="adam,sgd", help="adam (with its copy), sgd or both")
    arguments.add_argument("--trials", type=int, default=3)
    arguments.add_argument("--num-seeds", type=int, default=4)
    options = arguments.parse_args(argv)
    folder = options.to.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [PAIRS[name] for name in options.pairs.split(",")]
    copies = COPIES if PAIRS["adam"] in pairs else None
    names = sorted({name for pair in (*pairs, copies or ()) for name in pair})
    files = {PROJECT / "plugins" / f"{name}.py": PLANTED[name] for name in names}
    found: list[Repetition] = []
    wrong = 0
    try:
        for file, text in files.items():
            file.write_text(text)
        for number in range(options.repetitions):
            seeds = list(range(number * options.num_seeds, (number + 1) * options.num_seeds))
            found.append(
                repetition(folder, f"repetition_{number}", SUITE.format(trials=options.trials, seeds=seeds), names)
            )
            verdict = judge(found[-1].results, pairs, copies)
            wrong += not verdict.right
            print(f"{number + 1}: {'right' if verdict.right else 'WRONG'}; {verdict.text}", flush=True)
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    print(f"{len(found) - wrong} of {len(found)} right")
    if copies:
        print(by_chance(found, options.num_seeds))
    return int(wrong > 0)


def repetition(folder: Path, name: str, text: str, optimizers: Sequence[str]) -> Repetition:
    """Run one repetition."""
    suite = folder / f"{name}.yaml"
    suite.write_text(text)
    words = ["-m", f"suite={suite}", f"optim={','.join(optimizers)}", f"outputs={folder / 'outputs'}", "threads=1"]
    with open(folder / f"{name}.log", "w") as log:
        subprocess.run([sys.executable, str(PROJECT / "main.py"), *words], stdout=log, stderr=log, check=True)
    runs = read_suite_runs(folder / "outputs" / "suites" / name)
    found = scored(gather(name, read_suite(str(suite)), runs, None))
    chosen = {task: own[COPIES[0]].trials[0].setting for task, own in found.chosen.items() if COPIES[0] in own}
    return Repetition(found.results, chosen)


def judge(results: Results, pairs: Sequence[tuple[str, str]], copies: tuple[str, str] | None) -> Verdict:
    ranks = {rank.optimizer: rank.mean for rank in mean_ranks(results)}
    right, parts = True, []
    for better, worse in pairs:
        found = duel(results, better, worse)
        wins, losses = len(found.tasks(WIN)), len(found.tasks(LOSS))
        right &= ranks[better] < ranks[worse] and losses == 0
        parts.append(f"{better} rank {ranks[better]:.2f}, {worse} {ranks[worse]:.2f}, {wins} won, {losses} lost")
    if copies:
        ties = len(duel(results, *copies).tasks(TIE))
        right &= ties == len(results) and ranks[copies[0]] == ranks[copies[1]]
        parts.append(f"copies tie on {ties} of {len(results)}")
    return Verdict(right, "; ".join(parts))


def by_chance(found: Sequence[Repetition], num_seeds: int) -> str:
    """How often planted_adam is told apart from itself with other seeds."""
    pools: dict[str, list[float]] = defaultdict(list)
    for task in found[0].results:
        usual, _ = Counter(each.settings[task] for each in found).most_common(1)[0]
        for each in found:
            if each.settings[task] == usual:
                pools[task] += each.results[task][COPIES[0]].values()
    if min(map(len, pools.values())) < 2 * num_seeds:
        return "too few seeds to compare planted_adam with itself"
    draws = random.Random(0)
    told_apart = 0
    for _ in range(NUM_DRAWS):
        drawn = {task: draws.sample(pool, 2 * num_seeds) for task, pool in pools.items()}
        results = {
            task: {"one": dict(enumerate(values[:num_seeds])), "other": dict(enumerate(values[num_seeds:]))}
            for task, values in drawn.items()
        }
        told_apart += len(duel(results, "one", "other").tasks(TIE)) < len(results)
    seeds = ", ".join(f"{len(pool)} of {task}" for task, pool in pools.items())
    return (
        f"planted_adam against itself with other seeds: a win or loss in {told_apart / NUM_DRAWS:.1%} of {NUM_DRAWS} "
        f"draws of {num_seeds} against {num_seeds} seeds ({seeds})"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
