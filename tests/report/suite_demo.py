"""Made-up runs of a suite, in memory: each optimizer has a skill on each task, and a learning rate that suits it."""

import math
import random
import zlib
from pathlib import Path

from results.run import Run
from results.run_records import write_records
from results.suite import Suite, SuiteTask
from results.suite_runs import Manifest, SearchedRange, SuiteRuns, write_manifest

RATES = [float(f"{10 ** (-4 + 4 * (2 * k + 1) / 16):.3g}") for k in range(8)]
SPACE = {"optim.lr": SearchedRange(low=1e-4, high=1.0, scale="log")}
ENVIRONMENT = {
    **{"python": "3.11.7", "device": "cpu", "device_name": "A CPU", "threads": 1, "cores": 2, "processes": 1},
    **{"time": "2026-01-02T03:04:05+00:00", "packages": {"torch": "2.15.0"}, "git": {"commit": "0" * 40}},
}


def small_suite(num_tasks=3, seeds=3, trials=4, **more):
    """Tasks t0 (mse, log scale), t1 (accuracy), t2 (mse), t3 ... in turn."""
    kinds = (
        {"metric": "mse", "better": "min", "near": 0.5, "target": 0.01, "log_scale": True, "floor": 1e-9},
        {"metric": "acc", "better": "max", "near": 0.02, "target": 0.8},
        {"metric": "mse", "better": "min", "near": 0.05, "target": 0.3},
    )
    tasks = {
        f"t{i}": SuiteTask((f"task=x{i}",), epochs=6, **{**kinds[i % 3], **more}) for i in range(num_tasks)
    }  # fmt: skip
    return Suite(trials, tuple(range(seeds)), tasks)


class Maker:
    """Makes runs. skill(optimizer, task): 0 the best, 1 much worse. noise: of a seed. deterministic: tasks without."""

    def __init__(self, suite, name="demo", noise=0.02, deterministic=()):
        self.suite, self.name, self.noise, self.deterministic = suite, name, noise, deterministic

    def run(
        self, task, optimizer, skill, lr, seed, ending="done", code=None, as_=None, environment=None, settings=None
    ):
        """as_: the optimizer whose chance it shares; by default its own name's."""
        spec = self.suite.tasks[task]
        chance = random.Random(zlib.crc32(f"{task} {as_ or optimizer} {lr} {seed}".encode()))
        noise = 0.0 if task in self.deterministic else self.noise * chance.gauss(0, 1)
        off = (math.log10(lr) + 2 - 2 * skill) ** 2 / 6
        quality = 1 / (1 + skill + off + noise)  # 1 is perfect
        rows, curve = [], []
        for epoch in range(1, spec.epochs + 1):
            reached = quality * (1 - math.exp(-4 * epoch / spec.epochs))
            value = reached if spec.better == "max" else 10 ** (-6 * reached) if spec.log_scale else 1 - reached
            curve.append(value)
            row = {
                "epoch": epoch,
                "step": 10 * epoch,
                "loss": 1 - reached,
                spec.metric: value,
                "lr": lr,
                "per": "epoch",
            }
            rows += [{"split": "train", **row}, {"split": "val", **row}]
        if ending == "diverged":
            rows = rows[: len(rows) // 3]
        done = {"epoch": spec.epochs, "step": 10 * spec.epochs, "loss": 0.1, spec.metric: curve[-1]}
        tested = {"loss": 0.1, spec.metric: curve[-1] * 0.99}
        status = {
            **{"status": ending, "epochs_done": spec.epochs, "steps_done": 10 * spec.epochs, "metric": spec.metric},
            **{"better": spec.better, "best": done, "final": done, "test": tested, "test_last": tested},
            "seconds": {"train": 2.0 + skill, "total": 3.0},
        }
        if ending == "diverged":
            status |= {"test": None, "test_last": None, "diverged": {"epoch": 2, "step": 20, "what": "loss is nan"}}
        config = {
            **{
                "task": {"name": f"x_{task}"},
                "data": {"name": "made"},
                "model": {"name": "mlp"},
                "wrap": {},
                "groups": {},
            },
            **{"optim": {"name": optimizer, "lr": lr, **(settings or {})}, "seed": seed, "epochs": spec.epochs},
        }
        signature = f"{zlib.crc32(f'{task}{optimizer}{lr}{code}'.encode()):08x}"
        found = Run(Path("made", task, f"{optimizer},lr={lr:g}", signature, f"seed={seed}"), config, status)
        code = {"data/made.py": "1", f"optim/rules/{optimizer}.py": "1", **(code or {})}
        environment = {**ENVIRONMENT, "code": code, **(environment or {})}
        vars(found).update(rows=rows, timings=[], environment=environment)  # in place of what a folder has
        return found

    def runs(self, task, optimizer, skill, ending=None, **more):
        """All trials with the first seed, the best also with the others. ending(lr, seed): of a run."""
        ending = ending or (lambda lr, seed: "done")
        rates, first = RATES[:: 8 // self.suite.trials], self.suite.seeds[0]
        found = [self.run(task, optimizer, skill, lr, first, ending(lr, first), **more) for lr in rates]
        sign = -1 if self.suite.tasks[task].better == "max" else 1
        done = [run for run in found if run.ending == "done"]
        if done:
            lr = min(done, key=lambda run: sign * run.status["best"][run.metric]).config["optim"]["lr"]
            for seed in self.suite.seeds[1:]:
                found.append(self.run(task, optimizer, skill, lr, seed, ending(lr, seed), **more))
        return found

    def suite_runs(self, optimizers, tasks=None, definitions=None, **more):
        """optimizers: name to skill, a number or a mapping from tasks."""
        tasks = tasks or [*self.suite.tasks]
        known = {task: self.suite.tasks[task].definition(self.suite.shared) for task in tasks}
        manifest = Manifest(
            suite=self.name, definitions={**known, **(definitions or {})}, spaces=dict.fromkeys(optimizers, SPACE)
        )
        runs = {
            task: [
                run
                for name, skill in optimizers.items()
                for run in self.runs(task, name, skill[task] if isinstance(skill, dict) else skill, **more)
            ]
            for task in tasks
        }
        return SuiteRuns(manifest, runs)


def write_recorded(folder, found):
    """The runs as records."""
    write_manifest(folder, found.manifest)
    for task, runs in found.runs.items():
        write_records(folder / f"{task}.jsonl", f"suite/{found.manifest.suite}/{task}", runs)


def wide_demo(optimizers=16, seed=0):
    """As many optimizers on the quick suite's ten tasks: the suite, own runs of one and recorded ones of the others."""
    from dataclasses import replace

    from report.figures.series_style import KNOWN
    from results.suite import read_suite

    suite = read_suite("quick")
    targets = {"acc": 0.72, "mse": 1e-3, "distance": 1e-3, "bpc": 0.42, "perplexity": 1e-3}
    tasks = {
        name: replace(task, target=targets[task.metric], epochs=max(task.epochs, 8))
        for name, task in suite.tasks.items()
    }
    tasks["autoencoder"] = replace(tasks["autoencoder"], target=0.4)
    tasks["words"] = replace(tasks["words"], near=0.3)
    tasks["factorization"] = replace(tasks["factorization"], target=1e-12)
    suite = replace(suite, tasks=tasks)
    maker, chance = Maker(suite, "quick", deterministic=("rosenbrock", "quadratic")), random.Random(seed)
    names = [name for name in KNOWN if name not in ("aggmo_exp", "aggmo_general")][: optimizers - 1]

    def skills(level):
        return {task: max(0.0, level + chance.gauss(0, 0.12)) for task in suite.tasks}

    recorded = maker.suite_runs({name: skills(chance.uniform(0.05, 0.7)) for name in names})
    own = maker.suite_runs({"lion_mine": skills(0.12)}, ending=lambda lr, seed: "diverged" if lr > 0.3 else "done")
    return suite, own, recorded
