"""Optuna's pruners in a search: hydra.sweeper.pruner=hyperband, median or wilcoxon.

The trials of a batch train in stages. After each, the values of all of them are reported to the study, and the pruner
is asked about one after another, in their order: neither the launcher nor interruptions change what it sees. Runs of a
pruned trial keep their checkpoints and have the status "stopped".

hyperband, median    the value of an epoch is the mean over the seeds of the best validation metric up to it. All epochs
                     are reported; the pruner is asked after epochs 1, 3, 9, 27, ..., where Hyperband has its rungs
wilcoxon             the value of a seed is its run's best validation metric; the pruner is asked after each seed and
                     compares the seeds in pairs with those of the best trial
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial

from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.sweep.halving import has_reached, value_at
from runner.sweep.plan import Job

REDUCTION_FACTOR = 3  # of Hyperband, as in its paper and in Optuna


@dataclass(frozen=True)
class Stage:
    """What the trials of a batch do before the pruner is asked.

    epoch: from 1, to which they train; None: to their ends. seeds: how many of each trial's runs; None: all.
    """

    epoch: int | None = None
    seeds: int | None = None

    @property
    def is_last(self) -> bool:
        return self == Stage()


def stages_of(pruner: str | None, epochs: int, seeds: int) -> list[Stage]:
    """The stages of a trial with so many epochs and seeds; ConfigError where the pruner could never be asked."""
    stages = []
    if pruner == "wilcoxon":
        stages = [Stage(seeds=number) for number in range(1, seeds)]
        if not stages:
            raise ConfigError("hydra.sweeper.pruner=wilcoxon compares seeds in pairs; give several, as seed=0,1,2,3,4")
    elif pruner:
        epoch = 1
        while epoch < epochs:
            stages.append(Stage(epoch=epoch))
            epoch *= REDUCTION_FACTOR
        if not stages:
            raise ConfigError(f"hydra.sweeper.pruner={pruner} stops trials after an epoch; give epochs=2 or more")
    return [*stages, Stage()]


def make_pruner(name: str | None, epochs: int) -> optuna.pruners.BasePruner:
    """Optuna's pruner, with its defaults. epochs: the most that a trial has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "hyperband":
            return optuna.pruners.HyperbandPruner(1, epochs, REDUCTION_FACTOR)
        if name == "median":
            return optuna.pruners.MedianPruner()
        return optuna.pruners.WilcoxonPruner() if name == "wilcoxon" else optuna.pruners.NopPruner()


def stage_jobs(jobs: Sequence[Job], stage: Stage, pruner: str) -> list[Job]:
    """The jobs of a trial that have to train in a stage."""
    chosen = jobs[: stage.seeds]
    return [
        job.paused_at(epoch_of(job.checked_config, stage), pruner)
        for job in chosen
        if not has_reached(job, epoch_of(job.checked_config, stage))
    ]


def epoch_of(config: Config, stage: Stage) -> int:
    """The epoch to which a run trains in a stage, counted as the run does."""
    settings = config.settings
    return settings.epochs if stage.epoch is None else min(settings.first_epoch + stage.epoch, settings.epochs)


def values_of(jobs: Sequence[Job], stage: Stage, pruner: str) -> dict[int, float]:
    """The intermediate values of a trial after a stage, by their steps: epochs from 1, or positions of seeds from 0."""
    if pruner == "wilcoxon":
        found = {i: value_at(job, job.checked_config.settings.epochs) for i, job in enumerate(jobs[: stage.seeds])}
        return {i: value for i, value in found.items() if value is not None}
    first, last = jobs[0].checked_config.settings.first_epoch, epoch_of(jobs[0].checked_config, stage)
    means = {}
    for epoch in range(first + 1, last + 1):
        values = [value for job in jobs if (value := value_at(job, epoch)) is not None]
        if len(values) == len(jobs):
            means[epoch - first] = statistics.fmean(values)
    return means


def report(study: optuna.Study, number: int, values: dict[int, float]) -> optuna.Trial:
    """Report values that the study does not have yet; return the trial of this number."""
    frozen = frozen_trial(study, number)
    trial = optuna.Trial(study, frozen._trial_id)
    for step, value in values.items():
        if step not in frozen.intermediate_values:
            trial.report(value, step)
    return trial


def is_pruned(trial: optuna.Trial, values: dict[int, float]) -> bool:
    """The pruner's answer; no for a trial that an interrupted command has already taken further than these values."""
    last = frozen_trial(trial.study, trial.number).last_step
    if not values or last is None or last > max(values):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of values that the best trial lacks, such as one from before
        return trial.should_prune()


def frozen_trial(study: optuna.Study, number: int) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[number]
