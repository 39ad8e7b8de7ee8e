"""Sweeps: planned as a whole, never doing work twice, one run's failure leaving the others alone."""

import csv
import json
import shutil
import sys

import pytest

from runner.cli.main import main
from runner.config.compose import compose
from runner.config.errors import ConfigError
from runner.sweep.plan import DONE, REFUSED, REPEATED, RESUME, TODO, plan, summary

SMALL = ["epochs=2", "limit_train=64", "limit_val=50", "limit_test=50", "logger=[]", "threads=1"]


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """sweep(*words) -> (exit code, what was said): `main.py -m` with small runs, in one folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["main.py"])

    def go(*words):
        code = main(["-m", *SMALL, *words])
        return code, capsys.readouterr()

    return go


def table(folder):
    (file,) = folder.glob("outputs/sweeps/*/sweep.csv")
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


def composed(overrides):
    return compose(*overrides)


def test_states_of_a_plan(sweep, tmp_path):
    sweep("seed=0,1")
    folders = {path.name: path for path in tmp_path.glob("outputs/digits/aggmo/*/seed=*")}
    status = json.loads((folders["seed=1"] / "status.json").read_text())
    (folders["seed=1"] / "status.json").write_text(json.dumps({**status, "status": "interrupted"}))
    words = [f"++{word}" for word in SMALL]
    runs = [[*words, "++seed=0"], [*words, "++seed=1"], [*words, "++seed=2"], [*words, "++seed=2"], ["++optim.lrr=1"]]
    jobs = plan(runs, composed)
    assert [job.state for job in jobs] == [DONE, RESUME, TODO, REPEATED, REFUSED]
    assert summary(jobs).splitlines()[:2] == [
        "5 runs: 1 done, 1 to resume, 1 to do, 1 repeated, 1 refused",
        "refused: 1 run with optim.lrr=1: " + jobs[4].error,
    ]


def test_a_repeated_sweep_runs_nothing_and_its_table_is_the_same(sweep, tmp_path):
    code, said = sweep("optim=sgd,adam", "seed=0,1")
    assert code == 0 and "4 runs: 4 to do" in said.out and "[4/4]" in said.out
    (file,) = tmp_path.glob("outputs/sweeps/*/sweep.csv")
    first, rows = file.read_bytes(), [path.read_bytes() for path in sorted(tmp_path.rglob("metrics.jsonl"))]
    code, said = sweep("optim=sgd,adam", "seed=0,1")
    assert code == 0 and "4 runs: 4 done" in said.out and "[1/" not in said.out
    assert file.read_bytes() == first
    assert rows == [path.read_bytes() for path in sorted(tmp_path.rglob("metrics.jsonl"))]


def test_an_extended_sweep_runs_what_is_new(sweep):
    sweep("seed=0,1")
    _, said = sweep("seed=0,1,2")
    assert "3 runs: 2 done, 1 to do" in said.out and "[1/1]" in said.out


def test_the_table_holds_what_varies_and_the_results(sweep, tmp_path):
    sweep("optim=sgd,adam", "optim.lr=0.01,0.1")
    rows = table(tmp_path)
    assert [(row["optim.name"], row["optim.lr"]) for row in rows] == [
        *(("sgd", "0.01"), ("sgd", "0.1"), ("adam", "0.01"), ("adam", "0.1"))
    ]
    for row in rows:
        status = json.loads((tmp_path / row["folder"] / "status.json").read_text())
        assert row["status"] == "done" and row["epochs"] == "2" and row["error"] == ""
        assert float(row["test_acc"]) == status["test"]["acc"] and float(row["best_acc"]) == status["best"]["acc"]
    assert "optim.eps" not in rows[0] and "seconds" not in rows[0]


def test_a_sweep_ends_with_its_best_settings(sweep, tmp_path):
    _, said = sweep("optim=sgd", "optim.lr=1e-9,0.1", "seed=0,1")
    _, _, end = said.out.partition("digits, the best setting of each optimizer on validation:\n")
    heads, _, found = ([cell.strip() for cell in line.strip("|").split("|")] for line in end.splitlines()[:3])
    row = dict(zip(heads, found, strict=True))
    accs = [float(row["test_acc"]) for row in table(tmp_path) if row["optim.lr"] == "0.1"]
    assert (row["optimizer"], row["best setting"], row["n"], row["epochs"]) == ("sgd", "sgd,lr=0.1", "2", "2")
    assert float(row["test acc"].split()[0]) == pytest.approx(sum(accs) / 2, abs=0.05)
    assert 0 < float(row["optimizer %"].split()[0]) < 100 and row["diverged"] == "0 of 2"
    (picture,) = tmp_path.glob("outputs/sweeps/*/comparison_digits.png")
    assert picture.stat().st_size > 10_000


def test_keys_that_an_optimizer_lacks_are_refused_up_front_and_the_others_run(sweep, tmp_path):
    code, said = sweep("optim=sgd,momentum,adam", "optim.momentum=0.5,0.9")
    assert code == 1 and said.out.startswith("6 runs: 2 to do, 4 refused")
    for name in ("sgd", "adam"):
        assert f"refused: 2 runs with optim={name}: optim.momentum is not a key" in said.out
    assert "sweep=NAME" in said.out
    assert [row["optim.name"] for row in table(tmp_path)] == ["momentum", "momentum"]


def test_a_sweep_of_nothing_but_mistakes_starts_nothing(sweep, tmp_path):
    code, said = sweep("optim=sgd,adam", "optim.momentum=0.5")
    assert code == 2 and "error: no run of this sweep can be" in said.err
    assert not (tmp_path / "outputs").exists()


def test_grids_give_each_optimizer_its_own_keys(sweep, tmp_path):
    code, _ = sweep("sweep=momentum", "epochs=1", "optim.lr=0.01")
    assert code == 0
    found = [(row["optim.name"], row["optim.momentum"] or row["optim.k"]) for row in table(tmp_path)]
    expected = [(name, m) for name in ("momentum", "nesterov") for m in ("0.9", "0.99", "0.999")]
    assert found == [*expected, ("aggmo_exp", "2"), ("aggmo_exp", "3"), ("aggmo_exp", "4")]


def test_the_command_line_picks_from_a_grid(sweep, tmp_path):
    sweep("sweep=momentum", "epochs=1", "optim=nesterov", "optim.momentum=0.5", "seed=3,4")
    rows = table(tmp_path)
    assert [(row["optim.name"], row["seed"]) for row in rows] == [("nesterov", "3"), ("nesterov", "4")]
    assert all("momentum=0.5" in row["folder"] for row in rows)


def test_an_optimizer_without_a_grid_is_named(sweep):
    code, said = sweep("sweep=momentum", "optim=nesterov,adam")
    assert code == 2 and "optim=adam: sweep=momentum has no grid of it" in said.err


def test_unknown_grids_and_intervals_are_refused(sweep):
    code, said = sweep("sweep=momentm")
    assert code == 2 and "sweep=momentm is unknown; did you mean momentum?" in said.err
    code, said = sweep("optim.lr=interval(0,1)")
    assert code == 2 and "only lists and ranges can be swept" in said.err


def test_a_grid_without_m_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep=momentum"]) == 2
    assert "add -m" in capsys.readouterr().err


@pytest.mark.parametrize("launcher", ["basic", pytest.param("local", marks=pytest.mark.slow)])
def test_a_run_that_fails_leaves_the_others_alone_and_is_retried(launcher, sweep, tmp_path):
    """Where the folder of seed 1 should be lies a file: that run can't start."""
    sweep("seed=0", "epochs=1")
    (folder,) = tmp_path.glob("outputs/digits/aggmo/*")
    shutil.rmtree(tmp_path / "outputs" / "sweeps")
    shutil.rmtree(folder / "seed=0")
    (folder / "seed=1").write_text("in the way")
    code, said = sweep(f"hydra/launcher={launcher}", "epochs=1", "seed=0,1,2")
    assert code == 1
    assert [row["status"] for row in table(tmp_path)] == ["done", "failed", "done"]
    assert "can't write" in table(tmp_path)[1]["error"] and "seed=1: failed: outputs: can't write" in said.out
    (folder / "seed=1").unlink()
    code, said = sweep(f"hydra/launcher={launcher}", "epochs=1", "seed=0,1,2")
    assert code == 0 and "3 runs: 2 done, 1 to do" in said.out


def test_diverged_runs_are_results(sweep, tmp_path):
    code, said = sweep("optim=sgd", "optim.lr=0.1,1e30")
    assert code == 0 and [row["status"] for row in table(tmp_path)] == ["done", "diverged"]
    assert "loss" in table(tmp_path)[1]["error"] and "diverged" in said.out


def test_parallel_processes_compute_what_one_does_to_the_last_bit(sweep, tmp_path):
    sweep("optim=aggmo,adam", "seed=0,1")
    one = {path.parent: path.read_bytes() for path in tmp_path.rglob("metrics.jsonl")}
    shutil.rmtree(tmp_path / "outputs")
    code, _ = sweep("hydra/launcher=local", "hydra.launcher.n_jobs=2", "optim=aggmo,adam", "seed=0,1")
    assert code == 0 and len(one) == 4
    assert one == {path.parent: path.read_bytes() for path in tmp_path.rglob("metrics.jsonl")}


def test_a_killed_process_fails_its_run_only(sweep, tmp_path, monkeypatch):
    """The run whose folder is named by seed 1 is killed as soon as it has begun."""
    import os
    import signal

    from runner.sweep import local

    start = local.Process.__init__

    def start_and_kill(self, context, job, place):
        start(self, context, job, place)
        if job.config.settings.seed == 1:
            os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(local.Process, "__init__", start_and_kill)
    code, said = sweep("hydra/launcher=local", "hydra.launcher.n_jobs=2", "seed=0,1,2")
    assert code == 1 and "seed=1: failed: killed by signal 9" in said.out
    assert [row["status"] for row in table(tmp_path)] == ["done", "failed", "done"]


def test_composing_once_equals_composing_each():
    """The composer sets numbers on a copy of what Hydra composed for the same groups."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    from runner.config.compose import CONFIGS
    from runner.sweep.composer import Composer

    cases = [
        ["optim=adam", "++optim.lr=0.5", "++optim.betas=[0.5,0.9]", "++seed=3"],
        ["optim=adam", "++optim.lr=1e-3", "++data.normalize=false", "wrap=[lookahead,ema]", "++wrap.lookahead.k=2"],
        ["experiment=aggmo/autoencoder", "++optim.lr_schedule.lr_decay=0.3", "++limit_train=null"],
        ["++finetune.epochs=3", "++device='cpu'", "++outputs=a b"],
    ]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        loader = GlobalHydra.instance().hydra.config_loader
        master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
        composer = Composer(loader, master)
        found = [composer(case) for case in cases for _ in range(2)][::2]
    assert found == [compose(*case) for case in cases]


def test_what_can_not_be_composed_is_a_refusal_in_words():
    def fails(_):
        raise ConfigError("no such thing")

    (job,) = plan([["optim=nope"]], fails)
    assert job.state == REFUSED and job.error == "no such thing"
