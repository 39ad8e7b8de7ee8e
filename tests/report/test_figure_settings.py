"""Figures do not depend on the user's matplotlib settings: backend, style, fonts, TeX."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from run_folders import write_run

from report.callbacks import draw_run
from results.trajectory import Series, Trajectory, save_trajectory

DRAW = "import sys; from pathlib import Path; from report.callbacks import draw_run; draw_run(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run's curves.png, drawn without any settings of the user."""
    folder = write_run(tmp_path_factory.mktemp("plain"))
    subprocess.run([sys.executable, "-c", DRAW, str(folder)], cwd=ROOT, check=True)
    return (folder / "curves.png").read_bytes()


@pytest.mark.parametrize(
    "settings",
    [
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},  # of Jupyter and Colab
        {"MPLBACKEND": "no such backend"},
        {"matplotlibrc": "text.usetex: true"},
        {"matplotlibrc": "font.family: no such font\nsavefig.dpi: 10\naxes.facecolor: black\nlines.linewidth: 9"},
    ],
)
def test_the_users_settings_change_nothing(plain, tmp_path, settings):
    folder = write_run(tmp_path)
    environment = {**os.environ, **{key: value for key, value in settings.items() if key.isupper()}}
    if content := settings.get("matplotlibrc"):
        (tmp_path / "matplotlibrc").write_text(content)
        environment["MATPLOTLIBRC"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", DRAW, str(folder)], cwd=ROOT, check=True, env=environment)
    assert (folder / "curves.png").read_bytes() == plain


def test_a_picture_that_cannot_be_drawn_is_one_line_and_the_others_are_drawn(tmp_path):
    folder = write_run(tmp_path)
    trajectory = Trajectory([Series("norm", r"$\no_command$", 0.0)])
    save_trajectory(folder, trajectory)
    rows = folder / "metrics.jsonl"
    row = {"split": "train", "epoch": 1, "step": 1, "per": "step", "loss": 1.0, "acc": 0.5, "norm": 0.5}
    rows.write_text(f"{rows.read_text()}{json.dumps(row)}\n")
    (line,) = draw_run(folder).splitlines()
    assert line.startswith("trajectory.png was not drawn")
    assert (folder / "curves.png").exists()
