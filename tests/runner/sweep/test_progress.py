"""The line of a sweep in progress, from the status files of its runs."""

import json
import os
import re

import pytest
from runs import configure

from runner.sweep.plan import RESUME, TODO, Job
from runner.sweep.progress import describe_progress
from runner.sweep.table import SweepTable


def write(job, epochs, seconds, status="running"):
    job.folder.mkdir(parents=True, exist_ok=True)
    content = {"status": status, "metric": "acc", "better": "max", "epochs_done": epochs, "seconds": {"total": seconds}}
    (job.folder / "status.json").write_text(json.dumps(content))


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
    assert lines == [] and describe_progress(table) == "" and table.remaining_s() is None, (
        "nothing is known of how long it takes"
    )
    write(jobs[0], 4, 8.0)
    line = describe_progress(table)
    assert "0 of 3 runs ended" in line and "seed=0: epoch 4/10, 2 s an epoch, about 12 s to go" in line
    for _ in range(2):
        table.announce_duration()
    assert len(lines) == 1 and re.fullmatch(r"3 runs of 10 epochs: about \d+ s on .* \(1 at a time\)", lines.pop())
    assert table.remaining_s() == pytest.approx(2 * (6 + 10 + 2)), "the epochs before the kill are not to be done again"
    write(jobs[1], 0, 100.0)
    assert table.remaining_s() == pytest.approx(2 * (6 + 10 + 2) / 2), "a part of an epoch says nothing of its length"
    write(jobs[1], 2, 4.0)
    assert "(and 1 more)" in describe_progress(table) and table.remaining_s() == pytest.approx(2 * (6 + 8 + 2) / 2)
    write(jobs[1], 10, 20.0, "done")
    table.record_end(jobs[1], 0)
    assert table.remaining_s() == pytest.approx(2 * (6 + 2) / 2), "two at a time, though the next has not begun"
    lines.clear()
    write(jobs[0], 5, 10.0, "interrupted")
    table.record_end(jobs[0], 143)
    assert lines[0].endswith("interrupted"), "no time is left of a sweep that stops"
