"""hydra/sweeper=optuna: search for the settings with the best validation metric, by ask and tell.

A trial is one run, or one for each seed, in ordinary folders. The study lies in study.db of the sweep's folder, so
that the same command goes on. Trials are asked for in batches, with random numbers that belong to their place in the
study, and a batch's results are told together: neither interruptions nor the order in which parallel runs end change
what is tried.

A diverged trial is told as pruned: Optuna's samplers take it as worse than every complete trial and so learn to keep
away, without a made-up value that would bend their model; failed trials teach them nothing. A failed trial is tried
again when the command is repeated.
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

from results.paths import SWEEP_TABLE
from results.signature import digest
from results.status import FINISHED
from runner.callbacks import Callbacks
from runner.config.errors import ConfigError
from runner.config.schema import Config
from runner.config.validate import validate
from runner.sweep.composer import Composer
from runner.sweep.local import places
from runner.sweep.main import launch, outputs_of
from runner.sweep.plan import RESUME, TODO, Job, plan
from runner.sweep.search_space import SearchSpace, read_search_space
from runner.sweep.study import exclusive, open_study
from runner.sweep.table import Row, SweepTable, row_of
from runner.train.output import print_line
from runner.train.seeding import stream_seed
from runner.train.signals import STOPPED_BY_SIGNAL

UNLIMITED = 8  # trials at a time of launchers that set no limit


@dataclass(frozen=True)
class Search:
    """n_trials: in all, those of earlier commands included. seed: of the sampler. sampler: tpe or random.

    batch: trials at a time; None: as many as the launcher runs at a time.
    """

    n_trials: int = 20
    seed: int = 0
    sampler: str = "tpe"
    batch: int | None = None

    def __post_init__(self) -> None:
        for key, least in (("n_trials", 1), ("seed", 0), ("batch", 1)):
            value = getattr(self, key)
            if not (isinstance(value, int) and value >= least) and not (key == "batch" and value is None):
                raise ConfigError(f"hydra.sweeper.{key}={value} is not a whole number of at least {least}")
        if self.sampler not in ("tpe", "random"):
            raise ConfigError(f"hydra.sweeper.sampler={self.sampler} is unknown; The choices are random, tpe")


def tune(words: Sequence[str], loader: Any, master: Any, launcher: Any, search: Search, callbacks: Callbacks) -> int:
    """Run the trials that are missing, show what was found, and return the exit code."""
    try:
        import optuna
    except ImportError:
        raise ConfigError("hydra/sweeper=optuna needs Optuna: pip install 'optuna>=5,<6'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    composer = Composer(loader, master)
    space = read_search_space(words, composer.parser)
    configs = [validate(composer(probe)) for probe in space.probes()]
    text = (
        f"{configs[0].signature} {space.axes} {space.seeds or configs[0].settings.seed} {search.sampler} {search.seed}"
    )
    name = digest(text)
    folder = outputs_of([Job(0, (), TODO, configs[0])]) / "sweeps" / name
    with exclusive(folder), open_study(folder / "study.db", configs[0].task.better) as study:
        return OptunaSearch(study, space, composer, search, folder, callbacks).run(launcher, configs[0])


@dataclass(frozen=True)
class Trial:
    """again: it failed in an earlier command."""

    number: int
    params: dict[str, Any]
    again: bool = False


class OptunaSearch:
    """One command's work on a study."""

    def __init__(
        self, study: Any, space: SearchSpace, composer: Composer, search: Search, folder: Path, callbacks: Callbacks
    ) -> None:
        self.callbacks = callbacks
        self.study, self.space, self.composer, self.search, self.folder = study, space, composer, search, folder
        self.distributions = {axis.name: axis.distribution() for axis in space.axes}
        self.jobs: dict[int, list[Job]] = {}
        self.settled, self.failed = 0, 0  # trials with a result; without one after this command's try
        self.ends: dict[Path, Row] = {}  # of this command's runs, by their folders

    def run(self, launcher: Any, config: Config) -> int:
        waiting = self.resume()
        print_line(f"{self.settled} of {self.search.n_trials} trials are done; {self.folder / 'study.db'}")
        batch = self.search.batch or at_a_time(launcher, config, len(self.space.seeds))
        while trials := self.fill(waiting, batch):
            code, waiting = self.try_out(trials, launcher), []
            if code > STOPPED_BY_SIGNAL:
                self.show()
                return code
        self.show()
        return int(self.failed > 0)

    def resume(self) -> list[Trial]:
        """Note the trials of earlier commands; return those to run: begun ones, and failed ones once more."""
        from optuna.trial import TrialState

        waiting = []
        known = [trial for trial in self.study.get_trials() if trial.params.keys() == self.distributions.keys()]
        for trial in self.study.get_trials():
            if trial.state == TrialState.RUNNING and trial not in known:  # killed between two draws: nothing has run
                self.study.tell(trial.number, state=TrialState.FAIL)
        alive = [trial.params for trial in known if trial.state != TrialState.FAIL]
        for trial in known:
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
                self.settled += 1
            elif trial.state == TrialState.RUNNING or trial.params not in alive:
                waiting.append(Trial(trial.number, trial.params, trial.state == TrialState.FAIL))
            else:
                continue  # failed, and had a result later
            self.plan(trial.number, trial.params)
        return waiting

    def fill(self, waiting: list[Trial], batch: int) -> list[Trial]:
        """The trials to run next: those that wait, and new ones up to the end of a batch."""
        trials = list(waiting)
        while (count := self.settled + self.failed + len(trials)) < self.search.n_trials:
            if trials and count % batch == 0:
                break
            trials.append(self.ask(count))
        return trials

    def ask(self, place: int) -> Trial:
        """A new trial, the `place`-th of the study."""
        import optuna

        seed = stream_seed(self.search.seed, "trial", place) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            samplers = optuna.samplers
            tpe = self.search.sampler == "tpe"
            # constant_liar: the others of a batch count as bad for the time being, so that they are not tried twice
            self.study.sampler = (
                samplers.TPESampler(seed=seed, constant_liar=True) if tpe else samplers.RandomSampler(seed=seed)
            )
            asked = self.study.ask(self.distributions)
        self.plan(asked.number, asked.params)
        return Trial(asked.number, asked.params)

    def plan(self, number: int, params: dict[str, Any]) -> None:
        jobs = plan(self.space.runs(params), self.composer)
        self.jobs[number] = [dataclasses.replace(job, number=number * len(jobs) + job.number) for job in jobs]

    def try_out(self, trials: Sequence[Trial], launcher: Any) -> int:
        """Run a batch and tell its results; return 128 + the signal that stopped it, else 0."""
        jobs = {job.folder: job for trial in trials for job in self.jobs[trial.number] if job.config}
        left = [job for job in jobs.values() if job.state in (TODO, RESUME)]
        table = self.table()
        code = launch(left, launcher, table, self.callbacks) if left else 0
        self.ends.update({job.folder: table.rows[job.number] for job in left})
        for trial in trials:
            rows = [self.end(job) for job in self.jobs[trial.number]]
            if code <= STOPPED_BY_SIGNAL or all(row["status"] in FINISHED for row in rows):
                self.report_trial(trial, rows)
        return code

    def end(self, job: Job) -> Row:
        if job.config is None:
            return {"status": "failed", "error": job.error}
        return self.ends.get(job.folder) or row_of(job)

    def report_trial(self, trial: Trial, rows: Sequence[Row]) -> None:
        """Tell the study, and the reader, what came of a trial."""
        from optuna.trial import TrialState, create_trial

        state, value, result = outcome(rows)
        if not trial.again:
            self.study.tell(trial.number, value, TrialState[state])
        elif state != "FAIL":
            told = create_trial(
                state=TrialState[state], params=trial.params, distributions=self.distributions, value=value
            )
            self.study.add_trial(told)
        self.failed += state == "FAIL"
        self.settled += state != "FAIL"
        settings = " ".join(f"{key}={show(value)}" for key, value in trial.params.items())
        print_line(f"[{self.settled + self.failed}/{self.search.n_trials}] trial {trial.number}: {settings}: {result}")

    def table(self) -> SweepTable:
        """Of all runs so far. It keeps silent: a line tells of a trial."""
        jobs = [job for number in sorted(self.jobs) for job in self.jobs[number]]
        table = SweepTable(jobs, self.folder.parents[1], lambda line: None, self.folder.name)
        table.rows.update({job.number: self.ends[job.folder] for job in table.jobs if job.folder in self.ends})
        return table

    def show(self) -> None:
        """The table of all runs, and the best trial with the command that repeats it."""
        table = self.table()
        table.write()
        print_line(f"\n{table.table()}")
        with contextlib.suppress(ValueError):  # no trial has a result
            best = self.study.best_trial
            words = [word.lstrip("+") for word in self.space.runs(best.params)[0]]
            print_line(f"\nbest: trial {best.number}, validation {best.value:.4f}:\npython main.py {shlex.join(words)}")
        print_line(str(self.folder / SWEEP_TABLE))


def outcome(rows: Sequence[Row]) -> tuple[str, float | None, str]:
    """A trial's state in Optuna's words, its value, and both in ours; rows: of its runs."""
    ends = {row["status"] for row in rows}
    if ends == {"done"}:
        metric = rows[0]["metric"]
        value = sum(row[f"best_{metric}"] for row in rows) / len(rows)
        mean = f", mean of {len(rows)}" if len(rows) > 1 else ""
        return "COMPLETE", value, f"validation {metric} {value:.4f}{mean}"
    if ends <= set(FINISHED):
        return "PRUNED", None, "diverged"
    (failed, *_) = [row for row in rows if row["status"] not in FINISHED]
    return "FAIL", None, f"failed: {failed['error'] or 'see ' + failed['folder'] + '/log.txt'}"


def at_a_time(launcher: Any, config: Config, seeds: int) -> int:
    """How many trials a launcher runs at a time."""
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher

    if isinstance(launcher, BasicLauncher):
        return 1
    if type(launcher).__name__ == "Local":
        settings = config.settings
        runs = len(places(launcher.n_jobs, launcher.jobs_per_gpu, settings.device, settings.threads))
    elif type(launcher).__name__ == "JoblibLauncher":
        from joblib import effective_n_jobs

        runs = effective_n_jobs(launcher.joblib["n_jobs"])
    else:
        return UNLIMITED
    return max(1, runs // max(1, seeds))


def show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
