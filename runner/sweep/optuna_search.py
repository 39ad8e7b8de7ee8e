"""hydra/sweeper=optuna: a search for the settings with the best validation metric.

A trial is one run, or one for each seed, in ordinary folders. The study lies in study.db of the sweep's folder, so
that the same command resumes it. Trials are drawn in batches, each with random numbers that depend on its position in
the study only, and the results of a batch enter the study together: neither interruptions nor the order in which
parallel runs end change what is tried.

With a pruner (pruning.py), the trials of a batch train in stages, and those that it stops are recorded as pruned.

A diverged trial is recorded as pruned, too: Optuna's samplers take it as worse than every complete trial and so learn
to avoid its surroundings, without an invented value that would distort their model; they ignore failed trials. A failed
trial is tried again by the next command.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from results.paths import SWEEP_TABLE
from results.signature import digest
from results.status import FINISHED, STOPPED
from results.values import format_metric
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.config.validate import validate
from runner.sweep.composer import Composer
from runner.sweep.launch import check_launcher, launch, runs_at_a_time
from runner.sweep.plan import RESUME, TODO, Job, common_outputs, plan_jobs
from runner.sweep.pruning import Stage, is_pruned, make_pruner, report, stage_jobs, stages_of, values_of
from runner.sweep.search_space import SearchSpace, read_search_space
from runner.sweep.settings import SearchSettings
from runner.sweep.study import exclusive_access, open_study
from runner.sweep.table import Row, SweepTable, failure_text, read_row
from runner.train.output import print_line
from runner.train.seeding import stream_seed
from runner.train.signals import STOPPED_BY_SIGNAL

Result = tuple[TrialState, float | None, str]  # of a trial: state, value and description


def run_search(
    overrides: Sequence[str],
    config_loader: Any,
    sweep_config: Any,
    launcher: Any,
    settings: SearchSettings,
    callbacks: Callbacks,
) -> int:
    """Run the trials that are missing, print the table and the best trial, and return the exit code.

    For the other arguments see runner.sweep.main.run_sweep.
    """
    check_launcher(launcher)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    composer = Composer(config_loader, sweep_config)
    space = read_search_space(overrides, composer.parser)
    config, *_ = probes = [validate(composer(probe)) for probe in space.probes()]
    epochs = max(probe.settings.epochs_to_train for probe in probes)
    stages = stages_of(settings.pruner, epochs, max(1, len(space.seeds)))
    if settings.pruner and config.settings.rerun:
        raise ConfigError("rerun=true would start every run anew at each stage of a pruner; leave one of them out")
    seeds = space.seeds or config.settings.seed
    pruner = f" {settings.pruner}" if settings.pruner else ""
    name = digest(f"{config.signature} {space.parameters} {seeds} {settings.sampler} {settings.seed}{pruner}")
    folder = common_outputs([config]) / "sweeps" / name
    runs = runs_at_a_time(launcher, config.settings)
    batch = settings.batch or max(1, runs // max(1, len(space.seeds)))
    with exclusive_access(folder), open_study(folder / "study.db", config.task.better) as study:
        study.pruner = make_pruner(settings.pruner, epochs)
        return OptunaSearch(study, space, composer, settings, folder, callbacks, stages).run(launcher, batch)


@dataclass(frozen=True)
class Trial:
    """A trial of the study. is_retry: it failed in an earlier command."""

    number: int
    params: dict[str, Any]
    is_retry: bool = False


class OptunaSearch:
    """The part of a search that one command does."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        composer: Composer,
        settings: SearchSettings,
        folder: Path,
        callbacks: Callbacks,
        stages: Sequence[Stage] = (Stage(),),
    ) -> None:
        self.study, self.space, self.composer, self.settings = study, space, composer, settings
        self.folder, self.callbacks, self.stages = folder, callbacks, stages
        self.distributions = space.distributions()
        self.jobs: dict[int, list[Job]] = {}  # by the trials' numbers
        self.num_finished, self.num_failed = 0, 0  # trials with a result; trials that failed in this command
        self.rows: dict[Path, Row] = {}  # of the runs of this command, by their folders

    def run(self, launcher: Any, batch: int) -> int:
        pending = self.resume()
        print_line(f"{self.num_finished} of {self.settings.n_trials} trials are done; {self.folder / 'study.db'}")
        while trials := self.next_trials(pending, batch):
            pending = []
            code = self.run_trials(trials, launcher)
            if code > STOPPED_BY_SIGNAL:
                self.print_results()
                return code
        self.print_results()
        return int(self.num_failed > 0)

    def resume(self) -> list[Trial]:
        """Count the trials of earlier commands; return those to run: interrupted ones, and failed ones once more."""
        trials = self.study.get_trials()
        complete = [trial for trial in trials if trial.params.keys() == self.distributions.keys()]
        for trial in trials:
            if trial.state == TrialState.RUNNING and trial not in complete:  # killed while its parameters were drawn
                self.study.tell(trial.number, state=TrialState.FAIL)
        not_failed = [trial.params for trial in complete if trial.state != TrialState.FAIL]
        pending = []
        for trial in complete:
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
                self.num_finished += 1
            elif trial.state == TrialState.RUNNING or trial.params not in not_failed:
                pending.append(Trial(trial.number, trial.params, trial.state == TrialState.FAIL))
            else:
                continue  # it failed, and its retry did not
            self.plan(trial.number, trial.params)
        return pending

    def next_trials(self, pending: list[Trial], batch: int) -> list[Trial]:
        """The trials to run next: the pending ones, and new ones up to the end of a batch."""
        trials = list(pending)
        while (count := self.num_finished + self.num_failed + len(trials)) < self.settings.n_trials:
            if trials and count % batch == 0:
                break
            trials.append(self.draw_trial(count))
        return trials

    def draw_trial(self, position: int) -> Trial:
        """A new trial. position: 0-based, in the study."""
        seed = stream_seed(self.settings.seed, "trial", position) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.settings.sampler == "tpe":
                # constant_liar: the running trials of a batch count as bad ones, so that they are not tried twice
                self.study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
            else:
                self.study.sampler = optuna.samplers.RandomSampler(seed=seed)
            trial = self.study.ask(self.distributions)
        self.plan(trial.number, trial.params)
        return Trial(trial.number, trial.params)

    def plan(self, number: int, params: dict[str, Any]) -> None:
        jobs = plan_jobs(self.space.runs(params), self.composer)
        self.jobs[number] = [dataclasses.replace(job, number=number * len(jobs) + job.number) for job in jobs]

    def run_trials(self, trials: Sequence[Trial], launcher: Any) -> int:
        """Run a batch and record its results; return 128 + the signal that stopped it, else 0."""
        left = list(trials)
        for stage in self.stages:
            code = self.run_stage(left, stage, launcher)
            if code > STOPPED_BY_SIGNAL or stage.is_last:
                for trial in left:
                    rows = [self.row(job) for job in self.jobs[trial.number]]
                    if code <= STOPPED_BY_SIGNAL or all(row["status"] in FINISHED for row in rows):
                        self.record(trial, rows)
                return code
            left = self.prune(left, stage)
        raise AssertionError("the last stage returns")

    def run_stage(self, trials: Sequence[Trial], stage: Stage, launcher: Any) -> int:
        """Run what trials have to do in a stage; return 128 + the signal that stopped it, else 0."""
        jobs = {job.folder: job for trial in trials for job in self.jobs[trial.number] if job.config}
        remaining = [job for job in jobs.values() if job.state in (TODO, RESUME)]
        table = self.table()
        if pruner := self.settings.pruner:
            every = [stage_jobs(self.jobs[trial.number], stage, pruner) for trial in trials if self.is_valid(trial)]
            remaining = list({job.folder: job for jobs in every for job in jobs}.values())
            table.begin(remaining)
        code = launch(remaining, launcher, table, self.callbacks) if remaining else 0
        self.rows.update({job.folder: table.rows[job.number] for job in remaining})
        return code

    def is_valid(self, trial: Trial) -> bool:
        return all(job.config for job in self.jobs[trial.number])

    def prune(self, trials: Sequence[Trial], stage: Stage) -> list[Trial]:
        """Record the trials that a stage has ended, by a failed or diverged run or by the pruner; return the others.

        A trial that is tried again is not pruned: Optuna reports no values of a trial that has failed.
        """
        pruner, running, asked, left = self.settings.pruner or "", [], {}, []
        for trial in trials:
            jobs = self.jobs[trial.number][: stage.seeds]
            rows = [self.row(job) for job in jobs]
            if any(row["status"] not in ("done", STOPPED) for row in rows):
                self.record(trial, rows)
                continue
            running.append(trial)
            if not trial.is_retry and not (stage.seeds is None and all(row["status"] == "done" for row in rows)):
                values = values_of(jobs, stage, pruner)
                asked[trial.number] = report(self.study, trial.number, values), values
        for trial in running:  # all have reported
            if trial.number not in asked or not is_pruned(*asked[trial.number]):
                left.append(trial)
            else:
                at = f"epoch {stage.epoch}" if stage.epoch else f"seed {stage.seeds} of {len(self.space.seeds)}"
                self.record(trial, [], (TrialState.PRUNED, None, f"pruned after {at} by {pruner}"))
        return left

    def row(self, job: Job) -> Row:
        if job.config is None:
            return {"status": "failed", "error": job.error, "folder": ""}
        return self.rows.get(job.folder) or read_row(job)

    def record(self, trial: Trial, rows: Sequence[Row], pruned: Result | None = None) -> None:
        """Enter the result of a trial into the study, and print it. rows: of its runs. pruned: the result instead."""
        state, value, result = pruned or trial_result(rows)
        if (pruner := self.settings.pruner) and state == TrialState.COMPLETE and not trial.is_retry:
            report(self.study, trial.number, values_of(self.jobs[trial.number], Stage(), pruner))
        if not trial.is_retry:
            self.study.tell(trial.number, value, state)
        elif state != TrialState.FAIL:  # Optuna has no way to change a trial that has failed
            self.study.add_trial(
                create_trial(state=state, params=trial.params, distributions=self.distributions, value=value)
            )
        self.num_failed += state == TrialState.FAIL
        self.num_finished += state != TrialState.FAIL
        count = f"{self.num_finished + self.num_failed}/{self.settings.n_trials}"
        values = [
            f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in trial.params.items()
        ]
        print_line(f"[{count}] trial {trial.number}: {' '.join(values)}: {result}")

    def table(self) -> SweepTable:
        """The table of all runs so far; it prints no line for a run, as `record` prints one for each trial."""
        jobs = [job for number in sorted(self.jobs) for job in self.jobs[number]]
        table = SweepTable(jobs, self.folder, lambda line: None)
        table.rows.update({job.number: self.rows[job.folder] for job in table.jobs if job.folder in self.rows})
        return table

    def print_results(self) -> None:
        """The table of all runs, and the best trial with the command that repeats it."""
        table = self.table()
        table.write()
        print_line(f"\n{table.as_text()}")
        with contextlib.suppress(ValueError):  # no trial is complete
            best = self.study.best_trial
            overrides = [override.lstrip("+") for override in self.space.runs(best.params)[0]]
            command = f"python main.py {shlex.join(overrides)}"
            print_line(f"\nbest: trial {best.number}, validation {format_metric(best.value)}:\n{command}")
        print_line(str(self.folder / SWEEP_TABLE))


def trial_result(rows: Sequence[Row]) -> Result:
    """State, value and description of a trial with these runs; the value is the mean of the best validation metric."""
    statuses = {row["status"] for row in rows}
    if statuses == {"done"}:
        metric = rows[0]["metric"]
        value = sum(row[f"best_{metric}"] for row in rows) / len(rows)
        mean = f", mean of {len(rows)}" if len(rows) > 1 else ""
        return TrialState.COMPLETE, value, f"validation {metric} {format_metric(value)}{mean}"
    ended = (*FINISHED, STOPPED)
    if statuses <= set(ended):
        return TrialState.PRUNED, None, "diverged"
    failed = next(row for row in rows if row["status"] not in ended)
    return TrialState.FAIL, None, failure_text(failed)
