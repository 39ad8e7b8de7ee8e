"""The optimizer's share of the time: its step alone is timed, the rest is estimated, and resumed runs keep it."""

import json
import sys

import pytest
import torch

import runner.train.step_timer
from runner.cli.main import main
from runner.train.progress import Progress
from runner.train.step_timer import StepTimer


class Time:
    """A clock that stands still unless told to go on."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    clock = Time()
    monkeypatch.setattr(runner.train.step_timer, "time", clock)
    return clock


def steps(clock, time, *seconds):
    for each in seconds:
        time.now += 100  # before the step: not counted
        with clock:
            time.now += each


def test_a_cpus_steps_are_all_timed_but_the_first(time):
    clock = StepTimer(torch.device("cpu"))
    steps(clock, time, 50, 1, 2)
    assert clock.read() == (3, 2)
    assert clock.read() == (0, 0)
    steps(clock, time, 4)
    assert clock.read() == (4, 1)


class Event:
    """A CUDA event on a device whose clock is the test's."""

    time = None

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self, stream):
        self.at = self.time.now

    def elapsed_time(self, end):
        return 1000 * (end.at - self.at)


def test_a_cuda_devices_tenth_steps_stand_for_ten(time, monkeypatch):
    monkeypatch.setattr(Event, "time", time)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    clock = StepTimer(torch.device("cuda"))
    steps(clock, time, *range(25))
    assert clock.read() == (10 * (9 + 19), 20)


def test_a_device_without_a_clock_is_not_timed(time):
    clock = StepTimer(torch.device("mps"))
    steps(clock, time, 1, 1, 1)
    assert clock.read() == (0, 0)


def test_the_estimate_is_of_all_steps_and_absent_where_most_were_not_timed():
    progress = Progress(step=10)
    assert progress.optimizer_s() is None
    progress.add_timed(0.8, 4)
    assert progress.optimizer_s() is None
    progress.add_timed(0.6, 3)
    assert progress.optimizer_s() == pytest.approx(2.0)
    assert Progress.from_state(progress.state_dict()).optimizer_s() == progress.optimizer_s()
    old = {key: value for key, value in progress.state_dict().items() if not key.startswith("timed")}
    assert Progress.from_state(old).optimizer_s() is None  # a checkpoint from before this was measured


@pytest.mark.parametrize("words", [[], ["track=true", "log.every=2"], ["accumulate=2", "clip_norm=1"]])
def test_a_run_records_the_optimizers_seconds_as_a_part_of_trainings(words, tmp_path, monkeypatch):
    found = status(tmp_path, monkeypatch, "epochs=3", *words)
    assert 0 < found["seconds"]["optimizer"] <= 1.1 * found["seconds"]["train"]  # estimated for the first step


@pytest.mark.gpu
@pytest.mark.parametrize("switch", ["cuda_graphs=false", "cuda_graphs=true"])
def test_a_cuda_run_records_the_optimizers_seconds(switch, tmp_path, monkeypatch):
    found = status(tmp_path, monkeypatch, "device=cuda", "epochs=20", switch)
    assert 0 < found["seconds"]["optimizer"] < found["seconds"]["train"]


def status(place, monkeypatch, *words):
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    assert main(["limit_train=200", "batch_size=20", "logger=[]", "log.progress=none", *words]) == 0
    (file,) = place.rglob("status.json")
    return json.loads(file.read_text())
