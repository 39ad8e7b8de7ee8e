"""The line of a sweep in progress, from the status files of its runs."""

import json
import os
import re

import pytest
from runs import configure

from runner.sweep.plan import RESUME, TODO, Job
from runner.sweep.progress import describe_progress
from runner.sweep.remaining_time import RemainingTime
from runner.sweep.table import SweepTable


def write(job, epochs, seconds, status="running"):
    job.folder.mkdir(parents=True, exist_ok=True)
    content = {"status": status, "metric": "acc", "better": "max", "epochs_done": epochs, "seconds": {"total": seconds}}
    (job.folder / "status.json").write_text(json.dumps(content))


def seconds_left(table):
    return table.remaining().seconds


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Three runs of 10 epochs; the last has trained 8 of them before, a second each, and was killed."""
    monkeypatch.chdir(tmp_path)
    made = [Job(i, (), RESUME if i == 2 else TODO, configure("epochs=10", f"seed={i}")) for i in range(3)]
    write(made[2], 8, 8.0)
    os.utime(made[2].folder / "status.json", (0, 0))
    return made


def test_epochs_and_remaining_time_of_a_run_and_of_the_sweep(jobs, tmp_path):
    lines = []
    table = SweepTable(jobs, tmp_path / "sweeps" / "sweep", lines.append)
    table.announce_duration()
    assert lines == [] and describe_progress(table) == "" and table.remaining() is None, (
        "nothing is known of how long it takes"
    )
    write(jobs[0], 4, 8.0)
    line = describe_progress(table)
    assert "0 of 3 runs ended" in line and "seed=0: epoch 4/10, 2 s an epoch, about 12 s to go" in line
    for _ in range(2):
        table.announce_duration()
    assert len(lines) == 1 and re.fullmatch(r"3 runs of 10 epochs: about \d+ s on .* \(1 at a time\)", lines.pop())
    assert seconds_left(table) == pytest.approx(2 * (6 + 10 + 2)), "the epochs before the kill are not to be done again"
    write(jobs[1], 0, 100.0)
    assert seconds_left(table) == pytest.approx(2 * (6 + 10 + 2) / 2), "a part of an epoch says nothing of its length"
    write(jobs[1], 2, 4.0)
    assert "(and 1 more)" in describe_progress(table) and seconds_left(table) == pytest.approx(2 * (6 + 8 + 2) / 2)
    write(jobs[1], 10, 20.0, "done")
    table.record_end(jobs[1], 0)
    assert seconds_left(table) == pytest.approx(2 * (6 + 2) / 2), "two at a time, though the next has not begun"
    lines.clear()
    write(jobs[0], 5, 10.0, "interrupted")
    table.record_end(jobs[0], 143)
    assert lines[0].endswith("interrupted"), "no time is left of a sweep that stops"


def test_runs_of_several_tasks_are_estimated_each_by_its_own(tmp_path, monkeypatch):
    """A valley's epoch takes milliseconds, an autoencoder's seconds: their mean is of no use for either."""
    monkeypatch.chdir(tmp_path)
    words = [["task=rosenbrock", "epochs=40"], ["task=rosenbrock", "epochs=40"], ["task=autoencoder", "epochs=8"]] * 2
    made = [Job(i, (), TODO, configure(*each, f"seed={i}")) for i, each in enumerate(words)]
    lines = []
    table = SweepTable(made, tmp_path / "sweeps" / "sweep", lines.append)
    write(made[0], 40, 4.0, "done")
    table.record_end(made[0], 0)
    assert table.remaining() == RemainingTime(pytest.approx(0.1 * 3 * 40), True) and lines[0].endswith(
        "; more than 12 s to go"
    )
    assert len(lines) == 1, "how long all take is not known yet"
    write(made[2], 2, 10.0)
    assert table.remaining() == RemainingTime(pytest.approx(0.1 * 3 * 40 + 5.0 * (6 + 8)))
    assert describe_progress(table).endswith("sweep: about 82 s to go")
    table.announce_duration()
    assert "6 runs of 8 to 40 epochs: about" in lines[1]
    for job in (made[2], made[5]):
        write(job, 8, 40.0, "done")
        table.record_end(job, 0)
    assert table.remaining() == RemainingTime(pytest.approx(0.1 * 3 * 40)), "the slow ones have ended"


def test_the_time_left_of_a_stage_counts_what_ran_before_it_and_what_comes_after(jobs, tmp_path):
    """As in a suite, whose second stage trains longer on the tasks that the first has tried."""
    other = [Job(i, (), TODO, configure("task=rosenbrock", "epochs=40", f"seed={i}")) for i in (3, 4)]
    lines = []
    table = SweepTable([*jobs, *other], tmp_path / "sweeps" / "sweep", lines.append)
    table.begin([jobs[0], other[0]])
    table.to_come = [other[0].config] * 3
    write(other[0], 40, 4.0, "done")
    table.record_end(other[0], 0)
    assert table.remaining() == RemainingTime(pytest.approx(10 * 1.0 + 3 * 4.0)), "an epoch of the killed run took 1 s"
    assert re.fullmatch(r"2 runs of 10 to 40 epochs, then 3 more: about \d+ s on .*", lines[0])
    write(jobs[0], 5, 10.0)
    assert table.remaining() == RemainingTime(pytest.approx(5 * 2.0 + 3 * 4.0)), "those of now say more"
    write(jobs[0], 10, 20.0, "done")
    table.record_end(jobs[0], 0)
    table.to_come = []
    table.begin([other[1]])
    assert table.remaining() is None, "nothing of it has trained, on a machine that may be another by now"
    write(other[1], 10, 2.0)
    assert table.remaining() == RemainingTime(pytest.approx(0.2 * 30))
