"""The program with each launcher of Hydra's that is installed: killed runs, workers and sweeps."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from small_sweeps import PLUGINS, skip_unless_installed, statuses

from runner.config.compose import compose
from runner.config.validate import validate

pytestmark = pytest.mark.slow

#: A network whose training steps take their time until a file exists: runs then last for as long as a test needs them,
#: on any machine, and cost nothing meanwhile.
GATED = """def gated(classes):
    import os
    import time

    from torch import nn

    class Gated(nn.Sequential):
        def forward(self, x):
            if self.training and not os.path.exists({gate!r}):
                time.sleep(0.2)
            return super().forward(x)

    return Gated(nn.Flatten(), nn.Linear(64, classes))
"""
LENGTH = ["epochs=60", "limit_train=640", "batch_size=64", "limit_val=50", "limit_test=50"]  # 600 steps
WORKERS = ("popen_loky", "submitit.core._submit", "ray::_run_job")  # in the command lines of the launchers' workers


@pytest.fixture(params=PLUGINS)
def launcher(request):
    skip_unless_installed(request.param)
    return request.param


class Sweep:
    """`python main.py -m hydra/launcher=...` in a folder of its own, and its processes. Runs wait for `open_gate`."""

    def __init__(self, folder, launcher, model, optimizers="sgd,adam,aggmo"):
        self.folder, self.run_words = folder, ["task=digits", f"model={model}", "logger=[]", *LENGTH]
        words = [f"hydra/launcher={launcher}", f"optim={optimizers}", *self.run_words]
        words += ["hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
        self.command = [sys.executable, str(ROOT / "main.py"), "-m", *words]

    def open_gate(self):
        (self.folder / "go").touch()

    def start(self):
        with open(self.folder / "console.txt", "w") as out:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=out, stderr=out, start_new_session=True
            )
        return self

    def end(self):
        """Wait; return the exit code and the console."""
        code = self.process.wait(200)
        return code, (self.folder / "console.txt").read_text()

    def descendants(self):
        """The command lines of all processes that the sweep has started, by their ids."""
        listed = subprocess.run(["ps", "-e", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        found = {self.process.pid: ""}
        for _ in range(6):  # generations
            found |= {int(pid): args for pid, parent, args in rows if int(parent) in found}
        return found

    def workers(self):
        return [pid for pid, args in self.descendants().items() if any(map(args.__contains__, WORKERS))]

    def training(self):
        """The runs that are training, by the names of their optimizers."""
        found = statuses(self.folder)
        running = [name for name, status in found.items() if status["status"] == "running"]
        return {name.parts[2].partition(",")[0]: self.folder / name for name in running}

    def process_of(self, run):
        """The process that has a file of the run's folder open."""
        for pid in self.descendants():
            for handle in Path(f"/proc/{pid}/fd").glob("*"):
                try:
                    if str(run) in os.readlink(handle):
                        return pid
                except OSError:
                    continue
        raise AssertionError(f"no process has {run} open")


def is_running(pid):
    """Whether a process runs that is none of ray's agents, which outlive a killed driver by a minute."""
    try:
        return "Agent" not in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def until(condition, seconds=180.0):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


@pytest.fixture
def sweep(tmp_path, launcher, write_plugin):
    """sweep(optimizers) -> a Sweep, of which nothing is left where the test fails."""
    sweeps = []

    def make(*optimizers):
        model = write_plugin(GATED.format(gate=str(tmp_path / "go")))
        sweeps.append(Sweep(tmp_path, launcher, model, *optimizers))
        return sweeps[-1]

    yield make
    for each in sweeps:
        if each.process.poll() is None:
            for pid in each.descendants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            each.process.wait()


def test_a_killed_run_and_one_that_raises_fail_by_name(tmp_path, sweep):
    sweep = sweep()
    sgd = tmp_path / validate(compose("optim=sgd", *sweep.run_words)).run_path
    obstacle = sgd / "timings.jsonl"
    obstacle.mkdir(parents=True)
    sweep.start()
    assert until(lambda: "adam" in sweep.training())
    os.kill(sweep.process_of(sweep.training()["adam"]), signal.SIGKILL)
    sweep.open_gate()
    code, console = sweep.end()
    assert code == 1, console
    assert "adam lr=0.001 seed=0: failed: killed by signal 9" in console
    assert "sgd lr=0.01 seed=0: failed: " in console and "timings.jsonl" in console
    assert "aggmo lr=0.1 seed=0: test acc" in console
    assert "3 runs: 3 to do" in console and "samples of digits" not in console  # workers print nothing

    obstacle.rmdir()
    code, console = sweep.start().end()
    assert code == 0, console
    assert "3 runs: 1 done, " in console
    assert not list(tmp_path.rglob("jobs.*"))


def test_killed_workers_lose_no_run(launcher, sweep):
    sweep = sweep().start()
    assert until(lambda: len(sweep.training()) >= 2)
    assert until(sweep.workers), sweep.descendants()  # a process that has just begun has no command line yet
    os.kill(sweep.workers()[0], signal.SIGKILL)
    sweep.open_gate()
    code, console = sweep.end()
    if launcher == "submitit_local":  # it reports the job that died, and does not start it again
        assert code == 1 and console.count(": failed: ") + console.count(": interrupted") == 1, console
        assert console.count(": test acc") == 2
        code, console = sweep.start().end()
    assert code == 0, console
    assert console.count(" done  ") == 3


def test_a_stopped_sweep_leaves_no_process_and_resumes(launcher, sweep):
    """Stopped by Ctrl-C, by SIGTERM and by SIGKILL, and started again after each."""
    names = ["sgd", "adam"] if launcher == "submitit_local" else ["sgd", "adam", "aggmo"]  # joblib's third run waits
    sweep, console = sweep(",".join(names)), ""
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        sweep.start()
        assert until(lambda: len(sweep.training()) == 2), (number, sweep.training())
        processes = sweep.descendants()
        if number == signal.SIGINT:
            os.killpg(sweep.process.pid, number)  # as a terminal does
        else:
            sweep.process.send_signal(number)
        code, console = sweep.end()
        assert code == expected, console
        assert until(lambda started=tuple(processes): not any(map(is_running, started)), 60), number
        assert ("to resume" in console) == (number != signal.SIGINT), console
    sweep.open_gate()
    code, console = sweep.start().end()
    assert code == 0, console
    assert "to resume" in console and console.count(" done  ") == len(names)
