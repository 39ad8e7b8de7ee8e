"""Runs of folders and of records become the same trials, and cautions name what makes a comparison doubtful."""

from dataclasses import replace

import pytest
from run_folders import write_run

from optim.search_range import linear_range, log_range
from report.scores.cautions import cautions, decay_left
from report.scores.data import Task, Trial, best_settings, results_of, tried_settings
from report.scores.inputs import spanned_spaces, tasks_of, trials_of
from results.find import load_runs
from results.run_records import write_records

# --- runs as trials -----------------------------------------------------------------------------------------------


def write_sweep(root):
    for lr, best in ((0.1, 0.75), (1.0, 0.375)):
        for seed in (0, 1):
            write_run(root, f"aggmo,lr={lr}", seed, best + 0.1875 * seed, lr=lr, config={"optim.betas": [0.0, 0.9]})
    write_run(root, "aggmo,lr=9", 0, 0.375, "diverged", lr=9.0, config={"optim.betas": [0.0, 0.9]})
    write_run(root, "adam", 0, 3.0, "done", "adam", 0.01, 2, task="other", metric="mse", better="min")


def test_runs_and_their_records_are_the_same_trials(tmp_path):
    write_sweep(tmp_path / "runs")
    runs = load_runs(tmp_path / "runs")
    found = trials_of(runs)
    first = next(trial for trial in found if trial.seed == 1 and trial.numbers["optim.lr"] == 0.1)
    assert (first.task, first.optimizer, first.epochs, first.seconds) == ("digits", "aggmo", 3, 3.0)
    assert first.numbers == {"optim.lr": 0.1, "optim.betas[0]": 0.0, "optim.betas[1]": 0.9}
    assert first.values == pytest.approx({"best": 0.9375, "final": 0.9375, "test": 0.46875})
    assert [step for step, _ in first.curve] == [1, 2, 3] and first.curve[-1][1] == pytest.approx(0.9375)
    assert first.lrs == ((1, 0.1), (2, 0.1), (3, 0.1))
    (diverged,) = (trial for trial in found if trial.ending == "diverged")
    assert "test" not in diverged.values and diverged.numbers["optim.lr"] == 9
    write_records(tmp_path / "records.jsonl", "x", runs)
    recorded = {
        (trial.task, trial.setting, trial.seed): trial for trial in trials_of(load_runs(tmp_path / "records.jsonl"))
    }
    assert recorded == {(trial.task, trial.setting, trial.seed): trial for trial in found} and len(recorded) == 6


def test_scores_of_runs_from_folders(tmp_path):
    write_sweep(tmp_path)
    runs = load_runs(tmp_path)
    tasks, trials = tasks_of(runs), trials_of(runs)
    assert tasks == [Task("digits", "max"), Task("other", "min")]
    chosen = best_settings(tried_settings(tasks, trials))
    assert results_of(chosen)["digits"] == {"aggmo": pytest.approx({0: -0.375, 1: -0.46875})}
    assert results_of(chosen)["other"] == {"adam": {0: 1.5}}
    assert spanned_spaces(trials) == {"aggmo": {"optim.lr": log_range(0.1, 9)}, "adam": {}}
    assert [trial.task for trial in trials_of(runs, lambda run: f"my {run.task}")][:1] == ["my digits"]


# --- cautions -----------------------------------------------------------------------------------------------------


def trial(optimizer, lr, seed=0, best=0.5, **more):
    return Trial(
        "t", optimizer, f"lr={lr}", seed, {"optim.lr": lr}, {"best": best}, epochs=more.pop("epochs", 9), **more
    )


def cautions_of(trials, target=None, spaces=None):
    tried = tried_settings([Task("t", "min", target)], trials)
    return cautions(tried, best_settings(tried), spaces)


def test_an_equal_comparison_has_no_caution():
    trials = [trial(name, lr, best=abs(lr - 1) + 1) for name in ("a", "b") for lr in (0.5, 1.0, 2.0)]
    assert cautions_of(trials, spaces={"a": {"optim.lr": log_range(0.1, 10)}}) == []


def test_different_budgets():
    seeds = [trial("a", 1.0, seed, best=0.1) for seed in range(3)]
    other = [trial("b", 1.0, epochs=4, best=0.1), trial("b", 2.0, epochs=4)]
    settings, num_seeds, epochs = cautions_of([*seeds, *other])
    assert settings.startswith("t: ") and "1 (a), 2 (b)" in settings and "settings" in settings
    assert "seeds" in num_seeds and "1 (b), 3 (a)" in num_seeds
    assert "epochs" in epochs and "4 (b), 9 (a)" in epochs


def test_the_best_on_an_edge():
    trials = [trial("a", lr, best=1 / lr) for lr in (0.5, 1.0, 2.0)]
    (found,) = cautions_of(trials, spaces={"a": {"optim.lr": log_range(0.1, 10)}})
    assert found == (
        "a's best setting is at an edge of what was tried: optim.lr=2, the largest of 3 within 0.1 to 10, log (t)."
    )
    tried = tried_settings(
        [Task("t", "min"), Task("u", "min")], [*trials, *(replace(each, task="u") for each in trials)]
    )
    (found,) = cautions(tried, best_settings(tried), {"a": {"optim.lr": log_range(0.1, 10)}})
    assert found.endswith("log (t, u).") and found.count("optim.lr=2") == 1, (
        "tasks with the same edge are listed together"
    )
    assert cautions_of(trials[:1], spaces={"a": {"optim.lr": linear_range(0, 1)}}) == []  # not searched


def test_schedules_that_were_still_decaying():
    """Linear decay from 1 to 0.2 in 5 steps: at the target, step 3, half of the fall is left; a constant has none."""
    decayed = tuple((step, 1.2 - 0.2 * step) for step in range(1, 6))
    curve = tuple((step, 1.0 - 0.1 * step) for step in range(1, 6))
    trials = [trial("a", 1.0, lrs=decayed, curve=curve), trial("b", 1.0, lrs=((1, 1.0), (5, 1.0)), curve=curve)]
    (found,) = cautions_of(trials, target=0.7)
    assert "50% (a)" in found and "(b)" not in found and "decaying" in found
    assert cautions_of(trials, target=0.5) == [] == cautions_of(trials, target=0.1)
    warmup = [(1, 0.5), (2, 1.0), (3, 0.5), (4, 0.0)]
    assert [decay_left(warmup, step) for step in (1, 2, 3, 4, 9)] == [0.5, 1.0, 0.5, 0.0, 0.0]
    assert decay_left([], 3) == 0
