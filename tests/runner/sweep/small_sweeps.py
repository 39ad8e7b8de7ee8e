"""Small sweeps by main() in this process, and what they have written."""

import csv
import importlib.util
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from runner.callbacks import NO_CALLBACKS
from runner.cli.main import main

SMALL = ["epochs=2", "limit_train=64", "limit_val=50", "limit_test=50", "logger=[]", "threads=1"]

PLUGINS = {"joblib": "hydra_joblib_launcher", "submitit_local": "hydra_submitit_launcher", "ray": "hydra_ray_launcher"}


def skip_unless_installed(launcher):
    if launcher in PLUGINS and importlib.util.find_spec("hydra_plugins." + PLUGINS[launcher]) is None:
        pytest.skip(f"{PLUGINS[launcher]} is not installed")


class SmallSweep:
    """sweep(*words) runs `main.py -m` with small runs and returns its exit code and console; below `folder` are the
    results."""

    def __init__(self, folder, monkeypatch, capsys):
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["main.py"])
        self.folder, self.capsys = folder, capsys

    def __call__(self, *words, callbacks=NO_CALLBACKS):
        code = main(["-m", *SMALL, *words], callbacks)
        console = self.capsys.readouterr()
        return code, console.out + console.err

    def stopped(self, *words, after_epochs=1):
        """The same, stopped by SIGTERM once a run has finished `after_epochs`."""
        thread = threading.Thread(target=send_sigterm, args=(self.folder, after_epochs))
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # should the sweep have ended before
        thread.start()
        try:
            return self(*words)
        finally:
            thread.join()
            signal.signal(signal.SIGTERM, before)

    def table(self):
        return table(self.folder)


def send_sigterm(folder, after_epochs):
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        if any(content["epochs_done"] >= after_epochs for content in statuses(folder).values()):
            return os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)


def table(folder):
    """The rows of the only sweep.csv below a folder."""
    (file,) = folder.glob("**/sweeps/*/sweep.csv")
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


def runs(folder):
    """The runs' folders by their paths relative to `folder`; os.walk does not mind folders that vanish meanwhile."""
    found = sorted(Path(place) for place, _, files in os.walk(folder) if "status.json" in files)
    return {path.relative_to(folder): path for path in found}


def statuses(folder):
    return {name: json.loads((run / "status.json").read_text()) for name, run in runs(folder).items()}


def metrics(folder):
    """The bytes of each run's metrics.jsonl."""
    return {name: (run / "metrics.jsonl").read_bytes() for name, run in runs(folder).items()}


def epoch_rows(run):
    """The rows of metrics.jsonl that are not of single steps."""
    rows = map(json.loads, Path(run, "metrics.jsonl").read_text().splitlines())
    return [row for row in rows if row.get("per") != "step"]
