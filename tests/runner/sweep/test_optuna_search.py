"""hydra/sweeper=optuna: its trials are ordinary runs, and kills neither lose nor repeat one."""

import random
import threading
import time
from contextlib import contextmanager

import processes
import pytest
from small_sweeps import SmallSweep, metrics, statuses, table

optuna = pytest.importorskip("optuna")

from hydra.core.config_store import ConfigStore  # noqa: E402
from optuna.distributions import FloatDistribution  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from results.lock import locked  # noqa: E402
from runner.callbacks import Callbacks  # noqa: E402
from runner.sweep.study import exclusive_access  # noqa: E402

OPTUNA = ["hydra/sweeper=optuna", "epochs=1", "batch_size=64"]
SEARCH = [*OPTUNA, "optim=adam", "optim.lr=tag(log,interval(1e-4,1))"]
TRIALS = 12  # beyond the 10 that the sampler draws at random


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    return SmallSweep(tmp_path, monkeypatch, capsys)


@contextmanager
def open_study(folder):
    (file,) = folder.glob("outputs/sweeps/*/study.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    try:
        yield optuna.load_study(storage=storage, study_name=file.parent.name)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def trials(folder, *states):
    with open_study(folder) as study:
        return [trial for trial in study.get_trials() if not states or trial.state in states]


def results(found):
    return [(trial.params, trial.value, trial.state) for trial in found]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a search by one command."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        code, _ = SmallSweep(folder, patch, SilentCapture())(*SEARCH, f"hydra.sweeper.n_trials={TRIALS}")
    assert code == 0
    return folder


class SilentCapture:
    def readouterr(self):
        return self

    out = err = ""


def test_a_trial_is_an_ordinary_run_and_its_value_the_best_validation_metric(undisturbed):
    found = trials(undisturbed)
    assert {trial.state for trial in found} == {TrialState.COMPLETE} and len(metrics(undisturbed)) == TRIALS
    assert len({trial.params["optim.lr"] for trial in found}) == TRIALS
    for trial, row in zip(found, table(undisturbed), strict=True):
        assert float(row["optim.lr"]) == trial.params["optim.lr"] and 1e-4 <= trial.params["optim.lr"] <= 1
        assert float(row["best_acc"]) == trial.value


def test_the_same_command_shows_the_result(undisturbed, monkeypatch, capsys):
    rows = metrics(undisturbed)
    code, console = SmallSweep(undisturbed, monkeypatch, capsys)(*SEARCH, f"hydra.sweeper.n_trials={TRIALS}")
    best = max(trials(undisturbed), key=lambda trial: trial.value)
    assert code == 0 and f"{TRIALS} of {TRIALS} trials are done" in console and f"[{TRIALS}/" not in console
    assert f"optim.lr={best.params['optim.lr']}\n" in console and metrics(undisturbed) == rows


def test_only_one_command_works_on_a_study(tmp_path, capsys):
    entered, printed = threading.Event(), ""

    def command():
        with exclusive_access(tmp_path):
            entered.set()

    with locked(tmp_path):
        thread = threading.Thread(target=command)
        thread.start()
        while "\n" not in printed:
            printed += capsys.readouterr().out
        assert "Another process" in printed and str(tmp_path) in printed and not entered.is_set()
    thread.join(60)
    assert entered.is_set()


def test_the_name_and_the_study_are_ours_whatever_else_is_there(tmp_path, monkeypatch, capsys):
    """Another package has taken the name, as hydra-optuna-sweeper does; the folder's name means much in an address."""
    ConfigStore.instance().store("optuna", {"_target_": "hydra_plugins.other.Sweeper"}, group="hydra/sweeper")
    folder = tmp_path / "50%20? of #1"
    folder.mkdir()
    code, console = SmallSweep(folder, monkeypatch, capsys)(*SEARCH, "hydra.sweeper.n_trials=1")
    assert code == 0 and "[1/1] trial 0" in console, console
    assert list(folder.glob("outputs/sweeps/*/study.db")) and len(list(tmp_path.iterdir())) == 1


class Killed(BaseException):
    """Ends the program where it is."""


class KilledAtTheEnd:
    """For on_run_end: ends the program at the end of the run with this number."""

    def __init__(self, number):
        self.number, self.count = number, 0

    def __call__(self, run):
        self.count += 1
        if self.count == self.number:
            raise Killed


@pytest.mark.parametrize("number", [pytest.param(1, marks=pytest.mark.slow), TRIALS - 1])
def test_a_kill_in_a_run_or_while_a_trial_is_drawn_changes_nothing(sweep, tmp_path, undisturbed, number):
    search = [*SEARCH, f"hydra.sweeper.n_trials={TRIALS}"]
    with pytest.raises(Killed):
        sweep(*search, callbacks=Callbacks(on_run_end=KilledAtTheEnd(number)))
    assert len(trials(tmp_path, TrialState.RUNNING)) == 1
    with open_study(tmp_path) as study:
        study.ask()  # begun, and killed before a parameter was drawn
    assert sweep(*search)[0] == 0
    assert [trial.params for trial in trials(tmp_path, TrialState.FAIL)] == [{}]
    assert results(trials(tmp_path, TrialState.COMPLETE)) == results(trials(undisturbed))
    assert metrics(tmp_path) == metrics(undisturbed)


def fail(run):
    raise RuntimeError("no luck")


def test_a_failed_trial_is_recorded_and_tried_again_by_the_next_command(sweep, tmp_path):
    search = [*SEARCH, "hydra.sweeper.n_trials=2"]
    code, console = sweep(*search, callbacks=Callbacks(on_run_end=fail))
    assert code == 1 and console.count(": failed: RuntimeError: no luck; see ") == 2
    assert len(trials(tmp_path, TrialState.FAIL)) == 2
    assert sweep(*search)[0] == 0
    failed, complete = trials(tmp_path, TrialState.FAIL), trials(tmp_path, TrialState.COMPLETE)
    assert [trial.params for trial in failed] == [trial.params for trial in complete]
    assert sweep(*search)[0] == 0
    assert len(trials(tmp_path)) == 4 and len(table(tmp_path)) == 2


def test_a_diverged_trial_is_pruned_and_the_seeds_are_averaged(sweep, tmp_path):
    words = [*OPTUNA, "optim=sgd", "optim.lr=0.1,1e17", "seed=0,1"]
    code, console = sweep(*words, "hydra.sweeper.n_trials=4", "hydra.sweeper.sampler=random")
    found = {trial.params["optim.lr"]: trial for trial in trials(tmp_path)}
    assert code == 0 and (found["1e+17"].state, found["1e+17"].value) == (TrialState.PRUNED, None)
    accs = [status["best"]["acc"] for status in statuses(tmp_path).values() if status["status"] == "done"]
    assert len(accs) == 2 and found["0.1"].value == pytest.approx(sum(accs) / 2)
    assert ": diverged\n" in console


def test_samplers_avoid_what_diverged():
    """Why a diverged trial is recorded as pruned: the sampler then draws its surroundings less often."""
    near = {}
    for state in (TrialState.PRUNED, TrialState.FAIL):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
        space = {"x": FloatDistribution(0, 1)}
        for i in range(40):
            x = (i + 0.5) / 40
            value, end = (x, TrialState.COMPLETE) if x < 0.3 else (None, state)
            study.add_trial(optuna.create_trial(params={"x": x}, distributions=space, value=value, state=end))
        near[state] = sum(study.ask(space).params["x"] > 0.3 for _ in range(50))
    assert near[TrialState.PRUNED] < near[TrialState.FAIL]


def test_the_direction_is_the_tasks(sweep, tmp_path):
    words = ["task=rosenbrock", "optim=sgd", "optim.lr=interval(1e16,1e17)"]  # diverges at once
    assert sweep(*OPTUNA, *words, "hydra.sweeper.n_trials=1")[0] == 0
    with open_study(tmp_path) as study:
        assert study.direction == optuna.study.StudyDirection.MINIMIZE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "kills_to_do"), [([], 5), (["hydra/launcher=local", "hydra.launcher.n_jobs=2"], 3)]
)
def test_kills_at_random_moments_change_nothing(tmp_path, launcher, kills_to_do):
    words = [*SEARCH, *launcher, "task=digits", "epochs=10", "limit_train=128", "logger=[]", "threads=1"]
    words, folders = ["-m", *words, "hydra.sweeper.n_trials=8"], [tmp_path / "undisturbed", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    processes.run(["--help"], tmp_path)  # the first start also loads torch, which is not part of a search
    begin = time.monotonic()
    assert processes.run(words, folders[0]) == 0, processes.printed(folders[0])
    seconds, moments, kills = time.monotonic() - begin, random.Random(0), 0
    while kills < kills_to_do and processes.kill_after(seconds * moments.uniform(0.2, 0.6), words, folders[1]) != 0:
        kills += 1
    assert processes.run(words, folders[1]) == 0, processes.printed(folders[1])
    assert kills > 0
    ends = []
    for folder in folders:
        assert not trials(folder, TrialState.RUNNING)
        done = trials(folder, TrialState.COMPLETE, TrialState.PRUNED)
        (sweep_csv,) = folder.glob("outputs/sweeps/*/sweep.csv")
        ends.append((results(done), sweep_csv.read_text()))
    assert len(ends[0][0]) == 8
    assert ends[0] == ends[1]
