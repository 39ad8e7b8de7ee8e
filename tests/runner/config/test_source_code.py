"""The code that decides a run belongs to its setting: which files, what counts as a change, and what is then said."""

import ast
import json
import subprocess
import sys
import time

import pytest
from conftest import ROOT, copy_project
from run_folders import write_run

from results.earlier_code import runs_by_other_code, summarise
from results.find import load_runs
from results.settings import settings
from results.signature import signature
from runner.config.registry import entries
from runner.config.source_code import modules_behind, read_module, source_digests, statements

SOURCE = '''"""Module."""
import math  # for pi


def area(r):
    """Of a circle.

    r: metres.
    """
    # the formula
    return "# no comment" * 0 or math.pi * r**2
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# the formula", "# the formula of Archimedes"),
        ('"""Of a circle.', '"""Of a disc.'),
        ("  # for pi", ""),
        ("    # the formula\n", "\n\n"),
        ('"""Module."""\n', ""),
    ],
)
def test_comments_docstrings_and_blank_lines_are_no_change(old, new):
    assert old in SOURCE and kept(SOURCE.replace(old, new)) == kept(SOURCE)


@pytest.mark.parametrize(("old", "new"), [("r**2", "r**3"), ("# no comment", "# none"), ("(r)", "(r=1)")])
def test_every_other_edit_is_one(old, new):
    assert old in SOURCE and kept(SOURCE.replace(old, new)) != kept(SOURCE)


def kept(source):
    return statements(source, ast.parse(source))


@pytest.mark.parametrize("group", ["optim", "wrap", "model", "task", "data"])
def test_every_choice_has_its_source(group):
    for name, entry in entries(group).items():
        path = f"{entry.__module__.replace('.', '/')}.py"
        assert path in source_digests([entry]), name


def test_what_a_rule_shares_with_others_belongs_to_it():
    files = set(source_digests([entries("optim")["adamp"]]))
    assert {"optim/rules/adamp.py", "optim/rules/projection.py", "optim/rules/adam.py"} <= files
    assert "optim/rules/momo.py" not in files and "optim/backends.py" not in files
    assert set(source_digests([entries("data")["mnist"]])) >= {"data/mnist.py", "data/idx.py"}
    assert "data.samples" not in modules_behind(entries("data")["mnist"])
    assert read_module("torch") is None


def test_code_is_in_the_signature():
    config = {"optim": {"name": "sgd"}}
    assert len({signature(config, code) for code in ({}, {"a.py": "1"}, {"a.py": "2"})}) == 3


def test_earlier_runs_by_other_code_are_named_with_the_file_that_changed(tmp_path):
    rule, task = {"optim/rules/aggmo.py": "00000001"}, {"tasks/classification.py": "00000009"}
    old = write_run(tmp_path, status="interrupted", signature="0" * 8, environment={"code": {**rule, **task}})
    new = write_run(tmp_path, signature="1" * 8, environment={"code": {"optim/rules/aggmo.py": "00000002", **task}})
    write_run(tmp_path, signature="2" * 8, epochs=9, environment={"code": {}})  # another configuration
    run = next(run for run in load_runs(tmp_path) if run.folder == new)
    (earlier,) = runs_by_other_code(new, run.config, run.code)
    assert earlier.run.folder == old and earlier.changed == ("optim/rules/aggmo.py",)
    assert "optim/rules/aggmo.py" in str(earlier) and "interrupted" in str(earlier) and str(old) in str(earlier)
    assert summarise([earlier, earlier]).startswith("1 ") and summarise([]) == ""


PACKAGES = ("configs", "data", "models", "optim", "report", "results", "runner", "tasks", "scripts", "hydra_plugins")
SMALL = ["optim=adam", "epochs=1", "limit_train=100", "limit_val=50", "limit_test=50", "logger=[]"]


@pytest.mark.slow
def test_an_edited_rule_is_another_setting(tmp_path):
    """An author runs seed 0, edits the update, and runs seeds 0 and 1: nothing mixes the versions."""
    project = copy_project(tmp_path / "project", PACKAGES, [f"# main.py\n{(ROOT / 'main.py').read_text()}"])
    rule = project / "optim" / "rules" / "adam.py"

    def call(*words):
        return subprocess.run(
            [sys.executable, *words], cwd=project, capture_output=True, text=True, check=True, timeout=300
        ).stdout

    call("main.py", *SMALL, "seed=0")
    (before,) = load_runs(project / "outputs")
    assert before.environment["sources"]["optim/rules/adam.py"] == rule.read_text()  # the copy is no git checkout

    rule.write_text(f"# a comment\n{rule.read_text()}")
    assert "This run is finished" in call("main.py", *SMALL, "seed=0")

    update = "ratio_(m, denominator(v, h, ctx, self.eps_inside_sqrt))"
    assert rule.read_text().count(update) == 1
    rule.write_text(rule.read_text().replace(update, f"{update}.mul_(0.5)"))
    shown = call("main.py", *SMALL, "seed=0")
    assert "optim/rules/adam.py" in shown and str(before.folder.relative_to(project)) in shown
    assert "1 done, 1 to do" in call("main.py", "-m", *SMALL, "seed=0,1")

    runs = load_runs(project / "outputs")
    assert sorted((run.seed, run.signature == before.signature) for run in runs) == [(0, False), (0, True), (1, False)]
    assert len({json.dumps(run.rows) for run in runs}) == 3
    assert len(settings(runs)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "joblib"])
def test_an_edit_while_a_sweep_runs_ends_its_later_runs(tmp_path, launcher):
    """A process that starts late would run the new code under the old signature."""
    project = copy_project(tmp_path / "project", PACKAGES, [f"# main.py\n{(ROOT / 'main.py').read_text()}"])
    model = project / "models" / "mlp.py"
    words = ["-m", *SMALL, "seed=0,1", f"hydra/launcher={launcher}", "hydra.launcher.n_jobs=1", "epochs=40"]
    sweep = subprocess.Popen(
        [sys.executable, "main.py", *words], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 120
    while not list(project.glob("outputs/*/*/*/seed=0/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.01)
    model.write_text(model.read_text() + "\nEDITED = True\n")
    printed, _ = sweep.communicate(timeout=300)
    assert sweep.returncode == 1 and "models/mlp.py was edited" in printed
    (run,) = load_runs(project / "outputs")
    assert (run.seed, run.ending) == (0, "done")
