"""The learning rate's effect: every score where it belongs, diverged runs shown as such."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT
from test_comparison import write_run

from report.runs import load
from report.sensitivity import draw_sensitivity, one_score_a_seed, scores, sensitivity_table


def write_sweep(root):
    for lr, accs in {0.01: (0.5, 0.7), 0.1: (0.8, 0.9), 1.0: (0.3, None)}.items():
        for seed, acc in enumerate(accs):
            status = "done" if acc is not None else "diverged"
            folder = write_run(root, f"adam,lr={lr}", seed, acc or 0.0, status, "adam", lr)
            config = json.loads((folder / "config.yaml").read_text())
            (folder / "config.yaml").write_text(json.dumps({**config, "seed": seed, "data": {"split": "test"}}))
            found = json.loads((folder / "status.json").read_text())
            (folder / "status.json").write_text(json.dumps({**found, "final": {"acc": acc}}))
    return load(root)


def test_scores_are_the_last_epochs_by_rate_and_seed(tmp_path):
    runs = write_sweep(tmp_path)
    assert scores(runs) == {"adam": {0.01: [0.5, 0.7], 0.1: [0.8, 0.9], 1.0: [0.3]}}
    assert one_score_a_seed(runs) and not one_score_a_seed([*runs, runs[0]])
    assert scores(runs[:4]) == {}  # two rates are no curve
    text = sensitivity_table(scores(runs), runs)
    assert "| 0.01 | 0.6000 ± 0.1414 |" in text and "| 1 | 0.3000 |" in text and "2 seeds" in text
    assert "| 1 | diverged |" in sensitivity_table({"adam": {1.0: []}}, runs)


def test_the_figure_draws_means_and_range(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn, bands = [], []
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, **kwargs: drawn.append((x, y, kwargs["label"])))
    monkeypatch.setattr(Axes, "fill_between", lambda self, x, low, high, **_: bands.append((x, low, high)))
    monkeypatch.setattr(Axes, "legend", lambda self: None)
    runs = write_sweep(tmp_path)
    draw_sensitivity(scores(runs), runs, tmp_path / "sensitivity.png")
    assert drawn == [([0.01, 0.1, 1.0], pytest.approx([0.6, 0.85, 0.3]), "adam")]
    assert bands == [([0.01, 0.1, 1.0], [0.5, 0.8, 0.3], [0.7, 0.9, 0.3])]


def test_the_script_says_that_validation_was_the_test_set(tmp_path):
    write_sweep(tmp_path)
    command = [sys.executable, str(ROOT / "scripts" / "report.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Validation was the test set" in done.stdout and (tmp_path / "sensitivity.png").exists()
