"""Commands that share runs: one does what the other is not at, waits for the rest, and both end with one table."""

import threading
import time
from contextlib import closing

import processes
import pytest
from runs import configure, read_status
from small_sweeps import SMALL, SmallSweep, runs, table

from results.run_folder import RunFolder

LAUNCHERS = {
    "basic": [],
    "local": ["hydra/launcher=local", "hydra.launcher.n_jobs=2"],
    "stacked": ["hydra/launcher=stacked", "hydra.launcher.form=vmap"],
}


@pytest.mark.parametrize("launcher", ["basic", "stacked"])
def test_a_run_that_another_process_leaves_unfinished_is_done_here(launcher, tmp_path, monkeypatch, capsys):
    sweep = SmallSweep(tmp_path, monkeypatch, capsys)
    first, second = (configure(*SMALL, f"seed={seed}").run_path for seed in (0, 1))
    other = RunFolder(tmp_path / first)
    other.open()

    def leave():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (tmp_path / second / "status.json").exists():
            time.sleep(0.01)
        time.sleep(0.3)  # the sweep finds the folder locked before and after its other run
        other.close()

    thread = threading.Thread(target=leave)
    with closing(other):
        thread.start()
        code, console = sweep(*LAUNCHERS[launcher], "seed=0,1")
        thread.join()
    assert code == 0 and [row["status"] for row in sweep.table()] == ["done", "done"], console
    assert f"1 run is in progress in another process, such as {first}" in console and "failed" not in console


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_that_is_started_twice_and_one_of_its_runs_alone(launcher, tmp_path):
    words = [*SMALL, "epochs=30", *LAUNCHERS[launcher]]
    sweeps = ["-m", *words, "optim=sgd,adam", "seed=0,1"]
    alone = processes.start([*SMALL, "epochs=30", "optim=adam", "seed=1"], tmp_path, "alone.txt")
    started = [processes.start(sweeps, tmp_path, f"{i}.txt") for i in range(2)]
    for process in started:
        process.join(120)
    printed = [processes.printed(tmp_path, f"{i}.txt") for i in range(2)]
    assert [process.exitcode for process in started] == [0, 0], printed
    alone.join(60)
    assert alone.exitcode in (0, 2), processes.printed(tmp_path, "alone.txt")  # done, shown, or refused as in progress
    assert len(runs(tmp_path)) == 4 and {row["status"] for row in table(tmp_path)} == {"done"}
    assert all(read_status(run)["epochs_done"] == 30 for run in runs(tmp_path).values())
    tables = [text[text.rindex("run    ") :].split("\n\n")[0] for text in printed]
    assert tables[0] == tables[1] and not any("failed" in text or "Traceback" in text for text in printed)
