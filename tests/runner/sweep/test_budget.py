"""--budget: what is left out for how much time, and that the same command always leaves out the same."""

import json
import shutil

import pytest
import torch
from runs import configure
from small_sweeps import SmallSweep, metrics

from runner.cli.durations import parse_duration
from runner.config.errors import ConfigError
from runner.sweep.budget import decide
from runner.sweep.plan import DONE, TODO, Job
from runner.sweep.run_cost import CostMeter, RunCost, cost_kind


def jobs(*cases):
    """Jobs of 10 epochs, from (learning rate, seed, ...) each."""
    words = [[f"optim.lr={lr}", f"seed={seed}", "epochs=10", *more] for lr, seed, *more in cases]
    return [Job(i, (), TODO, configure(*each)) for i, each in enumerate(words)]


def cost(config):
    """21 s a run of 10 epochs at lr 0.1, ten times as much at lr 1."""
    return RunCost(1.0, 2.0) if config.optim.lr == 0.1 else RunCost(10.0, 20.0)


@pytest.fixture(scope="module")
def even():
    """Two settings with three seeds: 3 (21 + 210) = 693 s, one after another."""
    return jobs(*((lr, seed) for lr in (0.1, 1) for seed in (5, 3, 8)))


@pytest.mark.parametrize(
    ("at_a_time", "budget_s", "seeds", "epochs", "seconds"),
    [
        (1, 693, None, None, 693),
        (1, 692, [5, 3], None, 462),
        (1, 461, [5], None, 231),
        (1, 230, [5], 9, 209),
        (1, 33, [5], 1, 33),
        (2, 346, [5, 3], None, 231),  # half of 462
        (2, 230, [5], None, 210),  # one run alone takes that long
    ],
)
def test_first_fewer_seeds_then_fewer_epochs(at_a_time, budget_s, seeds, epochs, seconds, even):
    decision = decide(even, cost, at_a_time, budget_s)
    assert (decision.seeds, decision.epochs) == (seeds, epochs)
    assert decision.shrunken_s == pytest.approx(seconds)
    words = [f"seed={','.join(map(str, seeds))}"] if seeds else []
    assert decision.overrides == words + ([f"epochs={epochs}"] if epochs else [])


def test_what_is_refused(even):
    with pytest.raises(ConfigError, match="2 settings .* 33 s, more than 32 s; .* 12 min"):
        decide(even, cost, 1, 32)
    warmup = jobs((0.1, 0, "optim/lr_schedule=linear", "optim.lr_schedule.warmup=5"))
    assert decide(warmup, cost, 1, 15).epochs == 7
    with pytest.raises(ConfigError, match="11 s, with fewer epochs .*optim.lr_schedule.warmup"):
        decide(warmup, cost, 1, 5)


def test_no_setting_gets_more_seeds_and_what_is_done_costs_nothing(even):
    uneven = jobs((0.1, 0), (0.1, 1), (0.1, 2), (1, 0))
    assert decide(uneven, cost, 1, 272).seeds == [0]
    done = [Job(job.number, (), DONE if job.number else TODO, job.config) for job in even]
    assert decide(done, cost, 1, 21).overrides == []


def test_times_have_a_unit():
    assert [parse_duration(text, "--budget") for text in ("90s", "1.5min", "2h", "1d")] == [90, 90, 7200, 86400]
    for text in ("", "2", "h", "-1h", "0h", "1e3s", "2 h", "inf", "1w"):
        with pytest.raises(ConfigError, match="--budget.*s, min, h or d"):
            parse_duration(text, "--budget")


def test_runs_of_one_method_and_network_are_timed_once():
    words = ["limit_train=300", "limit_val=20", "limit_test=20"]
    config, threads = configure(*words), torch.get_num_threads()
    meter = CostMeter(threads=1)
    measured = meter(config)
    assert measured.epoch_s > 0 and measured.fixed_s > 0 and torch.get_num_threads() == threads
    assert meter(configure(*words, "optim.lr=1", "seed=7", "epochs=3")) is measured
    assert cost_kind(configure(*words, "optim=adam")) != cost_kind(config)


def test_the_decision_is_recorded_and_followed_and_can_be_written_out(tmp_path, monkeypatch, capsys):
    sweep = SmallSweep(tmp_path, monkeypatch, capsys)
    words = ["seed=0,1", "optim=sgd"]
    sweep(*words)
    expected = metrics(tmp_path)
    shutil.rmtree(tmp_path / "outputs")
    code, console = sweep(*words, "--budget", "1d")
    assert code == 0 and "nothing is left out" in console and "2 runs: 2 to do" in console
    assert metrics(tmp_path) == expected, "timing some steps changes no result"
    (file,) = tmp_path.glob("outputs/sweeps/*/budget.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "seeds": [1], "epochs": 1}))
    code, console = sweep(*words, "--budget=1d")
    assert code == 0 and "seeds: 1 of 2, epochs: 1 of 2" in console and "1 run: 1 to do" in console
    code, console = sweep("optim=sgd", "seed=1", "epochs=1")
    assert code == 0 and "1 run: 1 done" in console
    code, console = sweep(*words, "epochs=3", "--budget=1e-9s")
    assert code == 2 and console.startswith("error: --budget 1e-9s")
