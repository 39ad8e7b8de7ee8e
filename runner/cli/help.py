"""`--help`: the choices of every group with the line that each configuration file opens with."""

from __future__ import annotations

import re
from pathlib import Path

from runner.config.packages import PACKAGES, installed_version
from runner.config.plugins import plugin_summaries

HEADINGS = {
    "task": "task=        what is learnt",
    "data": "data=        from which samples",
    "model": "model=       by which network",
    "optim": "optim=       with which optimizer",
    "optim/lr_schedule": "optim/lr_schedule=   how its learning rate moves",
    "wrap": "wrap=[...]   what is wrapped around the optimizer, in this order",
    "groups": "groups=[...] which parameters have settings, or an optimizer, of their own",
    "experiment": "experiment=  a paper's experiment as a whole",
    "sweep": "sweep=       with -m: grids of settings, an optimizer with its own",
    "suite": "suite=       with -m: how good is an optimizer on many tasks, each tuned alike",
}

#: choices that are not files of their group's folder
MORE_CHOICES = {
    "sweep": [
        ("paper", "With an experiment: the methods, rates and seeds of its paper, as experiment=momo/mnist_mlp"),
        (
            "paper/NAME",
            "Those of one figure or table of several: configs/sweep/paper/EXPERIMENT/",
        ),
    ]
}

PACKAGE_OPTIMIZERS = (
    "optim=PACKAGE/CLASS   of an installed package, such as optim=torch/NAdam; optim=PACKAGE lists them"
)
PLUGINS = "optim=, model=, data=, task=   a file of plugins/, see plugins/README.md"

USAGE = """\
Train a task with an optimizer; compare optimizers by sweeping.

  python main.py                                        the digits task with AggMo, under a minute
  python main.py task=mnist optim=adam optim.lr=0.003   any key of --cfg job can be set
  python main.py -m optim=aggmo,adam seed=0,1,2         one run for each combination
  python main.py -m experiment=momo/mnist_mlp sweep=paper   a paper's table: its methods, rates and seeds
                        ... --budget 2h                 with fewer seeds, then fewer epochs, so that it takes so long
                        ... sweep.halving=3             the best third of each optimizer's settings goes on at each rung
  python main.py -m suite=quick optim=adan              an optimizer tuned on ten tasks, against recorded baselines
  python main.py --cfg job [overrides]                  show the whole configuration, run nothing
  python main.py config=outputs/.../config.yaml         repeat a run from its record
  python main.py evaluate=outputs/.../seed=0            test a run's best weights (weights=last: the last)
  python main.py task=cifar10 --check-data              what lies in data.root: files, checksums, counts; runs nothing
  torchrun --nproc_per_node=2 main.py [overrides]       one run on two GPUs

The same command again shows a finished run's result and resumes an interrupted one.
"""

COMMON = """\
Common keys: seed device epochs batch_size outputs data.root limit_train limit_val limit_test
             optim.lr clip_norm patience checkpoint.every log.every rerun deterministic threads
Hydra's own flags: --hydra-help
"""


def help_text(configs: Path) -> str:
    sections = [USAGE]
    for group, heading in HEADINGS.items():
        known = [*summaries(configs, group), *MORE_CHOICES.get(group, ())]
        width = max(len(name) for name, _ in known)
        lines = [f"  {name:<{width}}  {about}" for name, about in known]
        sections.append("\n".join([heading, *lines]) + "\n")
        if group == "optim":
            sections.append(packages_text())
    if plugins := plugin_summaries():
        sections.append("\n".join([PLUGINS, *(f"  {name}  {about}".rstrip() for name, about in plugins)]) + "\n")
    return "\n".join([*sections, COMMON])


def packages_text() -> str:
    """The installed packages of optimizers, none of which is imported."""
    versions = {name: version for name in PACKAGES if (version := installed_version(name))}
    missing = [package.distribution for name, package in PACKAGES.items() if name not in versions]
    lines = [f"  {name} {version}: {PACKAGES[name].examples}" for name, version in versions.items()]
    if missing:
        lines.append(f"  not installed: pip install {' '.join(missing)}")
    return "\n".join([PACKAGE_OPTIMIZERS, *lines]) + "\n"


def summaries(configs: Path, group: str) -> list[tuple[str, str]]:
    """(choice, its one line) of a group, by name."""
    folder = configs / group
    files = folder.rglob("*.yaml") if group == "experiment" else folder.glob("*.yaml")
    return sorted((file.relative_to(folder).with_suffix("").as_posix(), first_line(file)) for file in files)


def first_line(file: Path) -> str:
    """The first comment of a file that is not a Hydra directive."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not re.match(r"#\s*@package", line):
            return line.lstrip("# ").strip()
    return ""
