"""hydra.sweeper.pruner: what Optuna's pruners see of the trials, and what becomes of those that they stop."""

import importlib.util

import pytest
from small_sweeps import SmallSweep, epoch_rows, metrics, runs, statuses

optuna = pytest.importorskip("optuna")

from optuna.trial import TrialState  # noqa: E402

from results.run import read_run  # noqa: E402
from runner.config.errors import ConfigError  # noqa: E402
from runner.sweep.pruning import Stage, stages_of  # noqa: E402

SEARCH = ["hydra/sweeper=optuna", "task=digits", "optim=adam", "optim.lr=tag(log,interval(1e-5,1))", "batch_size=16"]


def trials(folder):
    (file,) = folder.glob("outputs/sweeps/*/study.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    try:
        return optuna.load_study(storage=storage, study_name=file.parent.name).get_trials()
    finally:
        storage.remove_session()
        storage.engine.dispose()


def results(folder):
    return [(trial.params, trial.value, trial.state, trial.intermediate_values) for trial in trials(folder)]


def test_the_stages_of_a_trial():
    for pruner, epochs, seeds, expected in (
        (None, 30, 5, []),
        ("hyperband", 30, 1, [Stage(epoch=1), Stage(epoch=3), Stage(epoch=9), Stage(epoch=27)]),
        ("median", 9, 3, [Stage(epoch=1), Stage(epoch=3)]),
        ("wilcoxon", 9, 3, [Stage(seeds=1), Stage(seeds=2)]),
    ):
        assert stages_of(pruner, epochs, seeds) == [*expected, Stage()]
    for pruner, epochs, seeds, named in (("median", 1, 3, "epochs=2"), ("wilcoxon", 9, 1, "seed=0,1")):
        with pytest.raises(ConfigError, match=named):
            stages_of(pruner, epochs, seeds)


def best_so_far(run):
    found, best = [], 0.0
    for row in epoch_rows(run):
        if row["split"] == "val":
            best = max(best, row["acc"])
            found.append(best)
    return found


@pytest.mark.slow
def test_hyperband_sees_the_means_of_all_epochs_and_stops_all_seeds(tmp_path, monkeypatch, capsys):
    words = [*SEARCH, "seed=0,1", "epochs=4", "hydra.sweeper.pruner=hyperband", "hydra.sweeper.n_trials=9"]
    words += ["hydra.sweeper.batch=3"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    code, console = SmallSweep(whole, monkeypatch, capsys)(*words)
    assert code == 0 and "by hyperband" in console, console
    found = trials(whole)
    pruned = [trial for trial in found if trial.state == TrialState.PRUNED]
    assert pruned and {trial.state for trial in found} == {TrialState.PRUNED, TrialState.COMPLETE}
    ends = [status["stopped"] for status in statuses(whole).values() if status["status"] == "stopped"]
    assert len(ends) == 2 * len(pruned) and {end["by"] for end in ends} == {"hyperband"}
    assert {end["epoch"] for end in ends} <= {1, 3}
    for trial in found:
        lr = trial.params["optim.lr"]
        seeds = [best_so_far(run) for run in runs(whole).values() if read_run(run).config["optim"]["lr"] == lr]
        assert len(seeds) == 2
        means = dict(enumerate(map(lambda *each: sum(each) / 2, *seeds), 1))
        assert trial.intermediate_values == pytest.approx(means)
        assert len(means) == (4 if trial.state == TrialState.COMPLETE else trial.last_step)

    sweep = SmallSweep(stopped, monkeypatch, capsys)
    for after in (1, 3, 4):
        sweep.stopped(*words, after_epochs=after)
    assert sweep(*words)[0] == 0
    assert results(stopped) == results(whole) and metrics(stopped) == metrics(whole)
    before = metrics(stopped)
    assert sweep(*words)[0] == 0 and metrics(stopped) == before


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["median", "wilcoxon"])
def test_the_other_pruners(pruner, tmp_path, monkeypatch, capsys):
    if pruner == "wilcoxon" and importlib.util.find_spec("scipy") is None:
        pytest.skip("scipy is not installed")
    words = [*SEARCH, "epochs=2", f"hydra.sweeper.pruner={pruner}", "hydra.sweeper.n_trials=9"]
    seeds = ["seed=0,1,2,3,4"] if pruner == "wilcoxon" else []
    code, console = SmallSweep(tmp_path, monkeypatch, capsys)(*words, *seeds)
    assert code == 0 and f"by {pruner}" in console, console
    ends = [status["status"] for status in statuses(tmp_path).values()]
    pruned = [trial for trial in trials(tmp_path) if trial.state == TrialState.PRUNED]
    assert pruned
    if pruner == "median":
        assert ends.count("stopped") == len(pruned)
    else:
        assert all(2 <= len(trial.intermediate_values) < 5 for trial in pruned)  # by seeds, the others never began
        assert len(ends) == sum(len(trial.intermediate_values) for trial in trials(tmp_path))
