"""hydra/sweeper=optuna: what is searched, what the study is told, and that kills neither lose nor repeat a trial."""

import csv
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

optuna = pytest.importorskip("optuna")

from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: E402
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from results.run_folder import RunFolder  # noqa: E402
from runner.cli.main import main  # noqa: E402
from runner.sweep import attempt  # noqa: E402
from runner.sweep.search_space import read_search_space  # noqa: E402

QUICK = ["task=digits", "epochs=1", "limit_train=128", "batch_size=64", "logger=[]", "threads=1"]
SEARCH = ["-m", "hydra/sweeper=optuna", *QUICK, "optim=adam", "optim.lr=tag(log,interval(1e-4,1))"]


def parsed(*words):
    return read_search_space(words, OverridesParser.create())


@pytest.mark.parametrize(
    "word, expected",
    [
        ("interval(0.1,2)", FloatDistribution(0.1, 2)),
        ("tag(log,interval(1e-4,1))", FloatDistribution(1e-4, 1, log=True)),
        ("int(interval(8,256))", IntDistribution(8, 256)),
        ("int(tag(log,interval(8,256)))", IntDistribution(8, 256, log=True)),
        ("range(2,6)", IntDistribution(2, 5)),
        ("range(0,10,3)", IntDistribution(0, 9, step=3)),
        ("range(5,1,-2)", IntDistribution(3, 5, step=2)),
        ("range(0.1,0.5,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("tag(log,range(1,9))", IntDistribution(1, 8, log=True)),
        ("0.1,0.2", CategoricalDistribution(("0.1", "0.2"))),
        ("choice([0,0.9],[0,0.9,0.99])", CategoricalDistribution(("[0,0.9]", "[0,0.9,0.99]"))),
    ],
)
def test_hydras_sweeps_as_distributions(word, expected):
    (axis,) = parsed(f"++x={word}", "y=1").axes
    assert axis.distribution() == expected and axis.name == "x"


def test_seeds_are_repeated_and_not_searched():
    space = parsed("++seed=0,1", "++x=1,2", "z=3")
    assert space.runs({"x": "2"}) == [["z=3", "++x=2", "++seed=0"], ["z=3", "++x=2", "++seed=1"]]


def test_steps_are_written_without_rounding_errors():
    (axis,) = parsed("x=range(0.1,0.5,0.1)").axes
    assert axis.word(0.1 + 0.2) == "x=0.3"


@pytest.mark.parametrize(
    "words, message",
    [
        (["optim.lr=0.1"], "nothing to search"),
        (["optim.lr=interval(1,0)"], "optim.lr: `low <= high`"),
        (["optim.lr=tag(log,interval(0,1))"], "optim.lr: `low > 0`"),
        (["optim.lr=tag(lag,interval(0,1))"], "tag lag is unknown"),
        (["optim.lr=tag(log,choice(1,2))"], "tag log is for intervals"),
        (["optim.lr=interval(-1,1)"], "optim.lr=-1.0 is not in [0, inf)"),
        (["optim=adam,sgd", "optim.beta=interval(0,1)"], "optim.beta is not a key"),
        (["batch_size=interval(8,64)"], "is not a whole number"),
        (["seed=interval(0,1)", "optim.lr=1,2"], "seed is not searched"),
        (["optim.lr=1,2", "hydra.sweeper.n_trials=0"], "n_trials=0"),
        (["optim.lr=1,2", "hydra.sweeper.sampler=gp"], "sampler=gp is unknown"),
        (["optim.lr=1,2", "hydra.sweeper.trials=3"], "hydra.sweeper.trials is not a key"),
        (["optim.lr=1,2", "sweep=momentum"], "sweep= names a grid"),
    ],
)
def test_what_can_not_be_searched_is_one_message(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["-m", "hydra/sweeper=optuna", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_without_optuna_the_message_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["-m", "hydra/sweeper=optuna", "optim.lr=interval(0.1,1)"]) == 2
    assert "pip install 'optuna" in capsys.readouterr().err


def trials(cwd, states=None):
    (file,) = cwd.glob("outputs/sweeps/*/study.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    (name,) = (summary.study_name for summary in optuna.get_all_study_summaries(storage))
    found = optuna.load_study(storage=storage, study_name=name).get_trials()
    storage.remove_session()
    storage.engine.dispose()
    return [trial for trial in found if states is None or trial.state in states]


def rows(cwd):
    (file,) = cwd.glob("outputs/sweeps/*/sweep.csv")
    with open(file) as text:
        return list(csv.DictReader(text))


def results(found):
    return [(trial.params, trial.value, trial.state) for trial in found]


def at_once(config):
    """In place of a training: accuracy is highest at lr=0.01, and 1e6 diverges; a seed adds its hundredth."""
    folder = RunFolder(config.run_path)
    (folder.path / "checkpoints").mkdir(parents=True)
    acc = math.exp(-(math.log10(config.optim.lr / 0.01) ** 2)) + config.settings.seed / 100
    row = {"epoch": 1, "loss": 1 - acc, "acc": acc}
    ending = {"diverged": {"epoch": 1, "step": 1, "what": "loss inf"}} if config.optim.lr > 1e5 else {"test_last": row}
    status = "diverged" if config.optim.lr > 1e5 else "done"
    folder.write_json("status.json", {"status": status, "best": row, "final": row, "test": row, **ending})
    return 0, ""


@pytest.fixture
def quick(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(attempt, "attempt", at_once)
    return monkeypatch


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of 14 trials, of one command; the last four are drawn by what the first ten have shown."""
    cwd = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(attempt, "attempt", at_once)
        assert main([*SEARCH, "hydra.sweeper.n_trials=14"]) == 0
    return cwd


def test_a_trial_is_an_ordinary_run_and_its_value_the_best_validation_metric(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*SEARCH, "hydra.sweeper.n_trials=1"]) == 0
    found = trials(tmp_path)
    assert [trial.state for trial in found] == [TrialState.COMPLETE]
    for trial, row in zip(found, rows(tmp_path), strict=True):
        assert float(row["optim.lr"]) == trial.params["optim.lr"] and 1e-4 <= trial.params["optim.lr"] <= 1
        assert float(row["best_acc"]) == trial.value
        assert (tmp_path / row["folder"] / "metrics.jsonl").exists()


def test_the_search_finds_the_best(undisturbed):
    assert len({trial.params["optim.lr"] for trial in trials(undisturbed)}) == 14
    assert max(trial.value for trial in trials(undisturbed)) > 0.95


def test_the_same_command_shows_the_result(quick, capsys, undisturbed):
    quick.chdir(undisturbed)
    quick.setattr(attempt, "attempt", None)
    assert main([*SEARCH, "hydra.sweeper.n_trials=14"]) == 0
    shown = capsys.readouterr().out
    best = max(trials(undisturbed), key=lambda trial: trial.value)
    assert "14 of 14 trials are done" in shown and "[14/14]" not in shown
    assert f"optim.lr={best.params['optim.lr']}\n" in shown


class Killed(BaseException):
    """Ends the program where it stands."""


@pytest.mark.parametrize("place", [pytest.param(0, marks=pytest.mark.slow), 11])
def test_a_kill_in_a_run_or_between_draws_changes_nothing(tmp_path, quick, undisturbed, place):
    count = [0]

    def killed_at_place(config):
        count[0] += 1
        if count[0] == place + 1:
            raise Killed
        return at_once(config)

    with quick.context() as patch, pytest.raises(Killed):
        patch.setattr(attempt, "attempt", killed_at_place)
        main([*SEARCH, "hydra.sweeper.n_trials=14"])
    assert len(trials(tmp_path, [TrialState.RUNNING])) == 1
    with quick.context() as patch, pytest.raises(Killed):  # the next trial is begun, and nothing drawn for it
        patch.setattr(optuna.trial.Trial, "_suggest", lambda *args: (_ for _ in ()).throw(Killed()))
        main([*SEARCH, "hydra.sweeper.n_trials=14"])
    assert main([*SEARCH, "hydra.sweeper.n_trials=14"]) == 0
    assert len(trials(tmp_path, [TrialState.FAIL])) == 1  # the one without parameters
    assert results(trials(tmp_path, [TrialState.COMPLETE])) == results(trials(undisturbed))
    assert len(rows(tmp_path)) == 14


def test_a_failed_trial_is_told_and_tried_again_by_the_next_command(tmp_path, quick, capsys):
    with quick.context() as patch:
        patch.setattr(attempt, "attempt", lambda config: (1, "out of luck"))
        assert main([*SEARCH, "hydra.sweeper.n_trials=2"]) == 1
    assert "failed: out of luck" in capsys.readouterr().out
    assert len(trials(tmp_path, [TrialState.FAIL])) == 2
    assert main([*SEARCH, "hydra.sweeper.n_trials=2"]) == 0
    failed, done = trials(tmp_path, [TrialState.FAIL]), trials(tmp_path, [TrialState.COMPLETE])
    assert [trial.params for trial in failed] == [trial.params for trial in done]
    assert main([*SEARCH, "hydra.sweeper.n_trials=2"]) == 0
    assert len(trials(tmp_path)) == 4 and len(rows(tmp_path)) == 2


def test_a_diverged_trial_is_pruned_and_the_seeds_are_averaged(tmp_path, quick, capsys):
    words = ["-m", "hydra/sweeper=optuna", *QUICK, "optim=sgd", "optim.lr=0.1,1e6", "seed=0,1"]
    assert main([*words, "hydra.sweeper.n_trials=4", "hydra.sweeper.sampler=random"]) == 0
    found = {trial.params["optim.lr"]: trial for trial in trials(tmp_path)}
    diverged = found["1000000.0"]
    assert (diverged.state, diverged.value) == (TrialState.PRUNED, None)
    assert found["0.1"].value == pytest.approx(math.exp(-1) + 0.005)
    assert ": diverged\n" in capsys.readouterr().out


def test_samplers_avoid_what_diverged():
    """Why a diverged trial is told as pruned: the sampler then draws its neighbourhood less often."""
    near = {}
    for state in (TrialState.PRUNED, TrialState.FAIL):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
        axis = {"x": FloatDistribution(0, 1)}
        for i in range(40):
            x = (i + 0.5) / 40
            value, end = (x, TrialState.COMPLETE) if x < 0.3 else (None, state)
            study.add_trial(optuna.create_trial(params={"x": x}, distributions=axis, value=value, state=end))
        near[state] = sum(study.ask(axis).params["x"] > 0.3 for _ in range(50))
    assert near[TrialState.PRUNED] < near[TrialState.FAIL]


def test_the_direction_is_the_tasks(tmp_path, quick):
    quick.setattr(attempt, "attempt", lambda config: (1, "no matter"))
    words = ["-m", "hydra/sweeper=optuna", "task=rosenbrock", "optim.lr=interval(1e-4,1e-3)", "epochs=1"]
    assert main([*words, "logger=[]", "hydra.sweeper.n_trials=1"]) == 1
    (file,) = tmp_path.glob("outputs/sweeps/*/study.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    (summary,) = optuna.get_all_study_summaries(storage)
    storage.remove_session()
    storage.engine.dispose()
    assert summary.direction == optuna.study.StudyDirection.MINIMIZE


def test_only_one_command_works_on_a_study(undisturbed, monkeypatch, capsys):
    from runner.sweep.study import held

    monkeypatch.chdir(undisturbed)
    (folder,) = Path("outputs/sweeps").iterdir()
    with held(folder):
        assert main([*SEARCH, "hydra.sweeper.n_trials=14"]) == 2
    assert "another process is at work on this study" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=local", "hydra.launcher.n_jobs=2"]])
def test_kills_at_random_moments_change_nothing(tmp_path, launcher):
    program = [sys.executable, str(ROOT / "main.py"), *SEARCH, *launcher, "hydra.sweeper.n_trials=8", "epochs=10"]
    moments, kills = random.Random(0), 0
    ends = {}
    for name in ("killed", "undisturbed"):
        cwd = tmp_path / name
        cwd.mkdir()
        while True:
            process = subprocess.Popen(program, cwd=cwd, stdout=subprocess.DEVNULL, start_new_session=True)
            try:
                assert process.wait(300 if name == "undisturbed" or kills > 8 else moments.uniform(2, 6)) == 0
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += (cwd / "outputs").exists()
        done = trials(cwd, [TrialState.COMPLETE, TrialState.PRUNED])
        assert not trials(cwd, [TrialState.RUNNING])
        ends[name] = (results(done), (cwd / "outputs/sweeps").glob("*/sweep.csv").__next__().read_text())
    assert kills > 0 and len(ends["killed"][0]) == 8
    assert ends["killed"] == ends["undisturbed"]
