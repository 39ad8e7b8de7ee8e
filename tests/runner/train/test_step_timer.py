"""The optimizer's share of the time: its steps alone are timed, the rest is estimated, and resumed runs keep it."""

import pytest
import torch
from runs import read_status

from runner.train.progress import Progress
from runner.train.step_timer import StepTimer


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def take_steps(timer, clock, *seconds):
    for each in seconds:
        clock.now += 100  # before the step: not counted
        with timer:
            clock.now += each


def test_all_steps_on_a_cpu_are_timed_but_the_first():
    clock = Clock()
    timer = StepTimer(torch.device("cpu"), clock)
    take_steps(timer, clock, 50, 1, 2)
    assert timer.read() == (3, 2)
    assert timer.read() == (0, 0)
    take_steps(timer, clock, 4)
    assert timer.read() == (4, 1)


def test_every_tenth_step_on_a_cuda_device_stands_for_ten(monkeypatch):
    clock = Clock()

    class Event:
        """A CUDA event on a device whose clock is the test's."""

        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            self.at = clock.now

        def elapsed_time(self, end):
            return 1000 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    timer = StepTimer(torch.device("cuda"))
    take_steps(timer, clock, *range(25))
    assert timer.read() == (10 * (9 + 19), 20)


def test_other_devices_are_not_timed():
    clock = Clock()
    timer = StepTimer(torch.device("mps"), clock)
    take_steps(timer, clock, 1, 1, 1)
    assert timer.read() == (0, 0)


def test_the_estimate_is_of_all_steps_and_absent_where_most_were_not_timed():
    progress = Progress(step=10)
    assert progress.optimizer_s() is None
    progress.add_optimizer_time(0.8, 4)
    assert progress.optimizer_s() is None
    progress.add_optimizer_time(0.6, 3)
    assert progress.optimizer_s() == pytest.approx(2.0)
    resumed = Progress()
    resumed.load_state_dict(progress.state_dict())
    assert resumed.optimizer_s() == progress.optimizer_s()


SMALL = ["limit_train=200", "batch_size=20"]


@pytest.mark.parametrize("words", [[], ["track=true", "log.every=2"], ["accumulate=2", "clip_norm=1"]])
def test_seconds_of_the_optimizer_are_a_part_of_trainings(words, run):
    seconds = read_status(run(*SMALL, "epochs=3", *words).folder)["seconds"]
    assert 0 < seconds["optimizer"] <= 1.1 * seconds["train"]  # estimated for the first step


@pytest.mark.gpu
@pytest.mark.parametrize("switch", ["cuda_graphs=false", "cuda_graphs=true"])
def test_seconds_of_the_optimizer_on_cuda_are_a_part_of_trainings(switch, run):
    seconds = read_status(run(*SMALL, "device=cuda", "epochs=20", switch).folder)["seconds"]
    assert 0 < seconds["optimizer"] < seconds["train"]
