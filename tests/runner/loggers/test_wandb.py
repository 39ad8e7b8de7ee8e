"""What Weights & Biases gets of a run."""

import importlib.machinery
import json
import sys
import types

import processes
import pytest
from runs import read_rows, run_interrupted

SMALL = ["epochs=2", "limit_train=300", "batch_size=16", "limit_val=50", "limit_test=50", "log.every=3"]


@pytest.fixture
def wandb(monkeypatch):
    """A module in its place that records its calls."""

    class Run:
        starting_step = 0

        def __init__(self, **arguments):
            self.arguments, self.logged, self.summary, self.code, self.defined = arguments, [], {}, None, []

        def define_metric(self, *names, **options):
            self.defined.append((names, options))

        def log(self, points, step):
            self.logged.append((step, points))

        def finish(self, exit_code):
            self.code = exit_code

    module = types.ModuleType("wandb")
    module.__spec__ = importlib.machinery.ModuleSpec("wandb", None, origin="here")
    module.runs = []
    module.Settings = lambda **options: options
    module.init = lambda **arguments: module.runs.append(Run(**arguments)) or module.runs[-1]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setenv("WANDB_SILENT", "true")
    return module


def test_wandb_gets_each_row_once_also_from_a_resumed_run(wandb, run, tmp_path):
    words = [*SMALL, "logger=[wandb]"]
    assert run_interrupted(*words, f"outputs={tmp_path}", after=12) == 130
    assert wandb.runs[0].logged
    folder = run(*words, outputs=tmp_path).folder
    assert run(*words, "optim.lr=1e17").code == 0
    first, second, diverged = wandb.runs
    rows = read_rows(folder)
    logged = first.logged + second.logged
    assert [step for step, _ in logged] == list(range(len(rows)))
    assert [points["step"] for _, points in logged] == [row["step"] for row in rows]
    assert logged[-1][1]["test/acc"] == rows[-1]["acc"]
    assert first.arguments["id"] == second.arguments["id"] != diverged.arguments["id"]
    assert (first.code, second.code, diverged.code) == (130, 0, 0)
    assert [run.summary["status"] for run in wandb.runs] == ["interrupted", "done", "diverged"]
    arguments = first.arguments
    assert (arguments["project"], arguments["name"], arguments["resume"]) == ("optrun", "aggmo,lr=0.1 seed=0", "allow")
    assert arguments["config"]["optim"]["lr"] == 0.1 and arguments["dir"].endswith("seed=0")
    assert arguments["group"] != diverged.arguments["group"]
    assert first.defined == [(("*",), {"step_metric": "step"})]


@pytest.mark.slow
def test_wandb_itself_writes_runs_offline(tmp_path):
    """Three runs open at the same time, by the real package."""
    pytest.importorskip("wandb")
    words = ["-m", *SMALL, "epochs=2", "logger=[wandb]", "seed=0,1,2", "hydra/launcher=stacked"]
    assert processes.run([*words, "hydra.launcher.form=vmap"], tmp_path, WANDB_MODE="offline") == 0
    for seed in (0, 1, 2):
        (folder,) = tmp_path.glob(f"outputs/digits/*/*/seed={seed}")
        assert "is disabled" not in (folder / "log.txt").read_text()
        (file,) = folder.glob("wandb/offline-run-*/*.wandb")
        content = file.read_bytes()
        for word in ("test/acc", "best/acc", "status", f"aggmo,lr=0.1 seed={seed}"):
            assert word.encode() in content
        state = json.loads((folder / "loggers.json").read_text())["wandb"]
        assert state["rows"] == len(read_rows(folder)) and state["id"] in file.name
