"""Ctrl-C and SIGTERM at random moments, to the command alone, to its process group or to every process: nothing is
lost, and nothing but a line is said.

Of each kind of command every signal goes once to each of the receivers; SIGNAL_MOMENTS=200 in the environment tries
that many of all kinds together instead of 24.
"""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, write_images
from runs import read_results, run_folders
from small_sweeps import metrics, statuses, table

MOMENTS = int(os.environ.get("SIGNAL_MOMENTS", 24))  # of all kinds together
SIGNALS = list(itertools.product((signal.SIGINT, signal.SIGTERM), ("one", "group", "all")))
STACKED_RTOL = 1e-3  # of losses: stacks that were divided otherwise sum in another order; training amplifies it
SMALL = ["logger=[]", "threads=1", "log.progress=plain"]
SWEEP = [*SMALL, "-m", "optim=sgd,adam", "seed=0,1", "limit_train=400", "epochs=20"]
KINDS = {
    "run": [*SMALL, "epochs=150", "limit_train=400"],
    "loader workers": [
        *(*SMALL, "data=imagefolder", "data.path=IMAGES", "data.image_size=32", "data.num_workers=2", "model=cnn_bn"),
        *("optim=adam", "epochs=4", "batch_size=8"),
    ],
    "local": [*SWEEP, "hydra/launcher=local", "hydra.launcher.n_jobs=2"],
    "stacked": [*SWEEP, "hydra/launcher=stacked", "hydra.launcher.form=vmap"],
}


class Command:
    """A command in a folder of its own, in a process group of its own."""

    def __init__(self, words, folder):
        self.words, self.folder = words, folder
        folder.mkdir()

    def start(self):
        command = [sys.executable, str(ROOT / "main.py"), *self.words]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self):
        process = self.start()
        printed, _ = process.communicate(timeout=120)
        assert process.returncode == 0, printed

    def signal_at(self, moment, number, receivers):
        """Start, signal at the moment, wait; return the exit code and what was printed."""
        process = self.start()
        time.sleep(moment)
        started = descendants(process.pid)
        for pid in [process.pid] if receivers == "one" else started:
            try:
                os.killpg(pid, number) if receivers == "group" and pid == process.pid else os.kill(pid, number)
            except ProcessLookupError:
                pass
            if receivers == "group":
                break
        printed, _ = process.communicate(timeout=60)
        end = time.monotonic() + 20
        while any(map(is_alive, started)):
            assert time.monotonic() < end, "processes are left"
            time.sleep(0.05)
        return process.returncode, printed


def descendants(pid):
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True).stdout
    parents = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found = [pid]
    for each in found:
        found += [child for child, parent in parents if parent == each]
    return found


def is_alive(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return state != "" and not state.startswith("Z")


def results(kind, folder):
    """What must not depend on the signals."""
    if kind in ("run", "loader workers"):
        (run,) = run_folders(folder)
        return read_results(run)
    if kind == "local":
        return metrics(folder), table(folder)
    return {run: [json.loads(line)["loss"] for line in rows.splitlines()] for run, rows in metrics(folder).items()}


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * MOMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_signals_at_random_moments_lose_nothing(kind, tmp_path):
    write_images(tmp_path / "images")
    words = [word.replace("IMAGES", str(tmp_path / "images")) for word in KINDS[kind]]
    whole, command = Command(words, tmp_path / "whole"), Command(words, tmp_path / "signalled")
    begin = time.monotonic()
    whole.finish()
    seconds, expected = time.monotonic() - begin, results(kind, whole.folder)
    if kind == "stacked":
        expected = {run: pytest.approx(losses, rel=STACKED_RTOL) for run, losses in expected.items()}
    draw = random.Random(kind)
    for number, receivers in itertools.islice(itertools.cycle(SIGNALS), MOMENTS // len(KINDS)):
        moment = draw.uniform(0, draw.choice([0.3, seconds, seconds]))
        code, printed = command.signal_at(moment, number, receivers)
        what = f"{number.name} to {receivers} after {moment:.2f} s: exit code {code}\n{printed}"
        print(what)
        if "init_import_site" in printed:  # Python itself was starting
            continue
        assert code in (0, 128 + number, -number), what
        assert "Traceback" not in printed and "failed" not in printed, what
        assert {status["status"] for status in statuses(command.folder).values()} <= {"interrupted", "done"}, what
        if code == 0:  # the moment came too late
            assert results(kind, command.folder) == expected, what
            shutil.rmtree(command.folder / "outputs")
    command.finish()
    assert results(kind, command.folder) == expected
