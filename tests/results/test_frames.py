"""results.load: every number of the folders in its cell."""

import math
import subprocess
import sys

import pytest
from conftest import ROOT
from run_folders import rows_of, write_run

import results


def test_runs_have_a_row_each_and_a_column_for_what_varies(tmp_path):
    write_run(
        tmp_path, "adam", 1, 0.5, optimizer="adam", lr=0.01, config={"optim.betas": [0.9, 0.999], "batch_size": 64}
    )
    write_run(tmp_path, "sgd", 0, 0.8, optimizer="sgd", config={"amp": "none"}, environment=False)
    write_run(tmp_path, "sgd,a", 0, 0.8, "diverged", "sgd", found={"best": None, "final": None, "seconds": None})
    adam, sgd, lost = (row for _, row in results.load(tmp_path).runs.iterrows())
    assert (adam.optimizer, adam.seed, adam.status, adam.metric, adam.val_best) == ("adam", 1, "done", "acc", 0.5)
    assert (adam.test, adam.test_final, adam.best_epoch, adam.epochs_done) == (0.25, 0.25, 1, 3)
    assert (adam.seconds, adam.seconds_eval, adam.seconds_total) == (3.0, 0.3, 4.0)
    assert (adam.device, adam.device_name, adam.commit[:4], adam.torch) == ("cpu", "A CPU", "0123", "2.15.0")
    assert adam["optim.lr"] == 0.01 and sgd["optim.lr"] == 0.1
    assert adam["batch_size"] == 64 and sgd["batch_size"] == 128
    assert not {"optim.name", "amp", "optim.betas", "epochs", "data.split"} & set(adam.index), "they don't vary"
    assert (
        math.isnan(lost.val_best) and math.isnan(lost.test) and math.isnan(lost.seconds) and lost.status == "diverged"
    )
    assert sgd.commit is None or sgd.commit != sgd.commit


def test_columns_of_lists_can_be_grouped(tmp_path):
    for betas in ([0, 0.9], [0, 0.9, 0.99]):
        write_run(tmp_path, f"aggmo{len(betas)}", config={"optim.betas": betas})
    assert sorted(results.load(tmp_path).runs.groupby("optim.betas").groups) == ["[0,0.9,0.99]", "[0,0.9]"]


def test_epochs_hold_loss_metric_lr_and_seconds(tmp_path):
    write_run(tmp_path, "adam", 0, 0.9, optimizer="adam", lr=0.01)
    write_run(tmp_path, "adam", 1, 0.3, optimizer="adam", lr=0.01, timings=[])
    epochs = results.load(tmp_path).epochs
    assert len(epochs) == 2 * 3 * 2
    (row,) = (row for _, row in epochs.query("seed == 0 and epoch == 2 and split == 'val'").iterrows())
    assert (row.optimizer, row.loss, row.lr, row.step, row.seconds) == ("adam", 0.5, 0.01, 2, 2.0)
    assert row.acc == pytest.approx(0.6)
    assert epochs[epochs.seed == 1].seconds.isna().all()
    assert epochs[epochs.split == "val"].groupby("seed").acc.max().tolist() == [0.9, 0.3]


def test_steps_hold_what_was_tracked(tmp_path):
    step = {"split": "train", "epoch": 1, "lr": 0.1, "per": "step"}
    rows = [{**step, "step": n, "loss": 1 / n, "weight_norm": 3.0 + n, "optimizer/zeta": 0.5} for n in (1, 2)]
    write_run(tmp_path, "momo", optimizer="momo", rows=[*rows, *rows_of(0.5)])
    write_run(tmp_path, "sgd", optimizer="sgd", rows=[{**step, "step": 1, "loss": 2.0}])
    frames = results.load(tmp_path)
    assert len(frames.steps) == 3 and "per" not in frames.steps
    momo = frames.steps[frames.steps.optimizer == "momo"]
    assert momo.weight_norm.tolist() == [4.0, 5.0] and momo["optimizer/zeta"].tolist() == [0.5, 0.5]
    assert frames.steps[frames.steps.optimizer == "sgd"].weight_norm.isna().all()
    assert set(frames.epochs.optimizer) == {"momo"}


def test_filters_and_skipped_folders(tmp_path):
    write_run(tmp_path, "sgd", optimizer="sgd")
    write_run(tmp_path, "adam", optimizer="adam")
    (write_run(tmp_path, "bad") / "config.yaml").write_text("task:\n  name: a: b\n")
    frames = results.load(tmp_path, where=["optim=adam"])
    assert set(frames.runs.optimizer) == set(frames.epochs.optimizer) == {"adam"}
    (reason,) = frames.skipped.reason
    assert reason.startswith("config.yaml is damaged (line 2: ")


def test_no_runs_are_empty_frames_with_their_columns(tmp_path):
    runs, epochs, steps, skipped = results.load(tmp_path)
    assert len(runs) == len(epochs) == len(steps) == len(skipped) == 0
    assert {"optimizer", "val_best", "seconds"} <= set(runs) and {"split", "loss", "seconds"} <= set(epochs)
    write_run(tmp_path, status="running", rows=[])
    frames = results.load(tmp_path)
    assert len(frames.runs) == 1 and len(frames.epochs) == 0


def test_reading_imports_no_pandas_and_nothing_that_trains():
    code = "import sys, report.callbacks, results.frames, report.warnings, results.find; "
    code += "bad = {'pandas', 'matplotlib', 'scipy', 'torch', 'runner'} & set(sys.modules); assert not bad, bad"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
