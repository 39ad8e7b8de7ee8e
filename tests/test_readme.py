"""What the README shows works as shown: its files added to a copy of the project, its refusals word for word."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, copy_project

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PACKAGES = ("configs", "data", "hydra_plugins", "models", "optim", "report", "runner", "tasks")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the README's new optimizer, model and task."""
    place = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "main.py", place)
    files = [block for kind, block in BLOCKS if kind in ("python", "yaml") and block.startswith("# ")]
    assert len(files) == 6
    return copy_project(place, PACKAGES, files)


def run(project, *argv):
    return subprocess.run([sys.executable, "main.py", *argv], cwd=project, capture_output=True, text=True)


def test_added_optimizer_model_and_task_work_together(project):
    done = run(project, "task=digits_hinge", "optim=signsgd", "optim.lr=0.001", "model=linear", "model.bias=false")
    assert done.returncode == 0, done.stderr
    error = float(re.search(r"test error ([\d.]+) with", done.stdout)[1])
    assert error < 0.15
    assert "linear with 640 parameters; signsgd" in done.stdout


def test_added_choices_are_listed_and_checked(project):
    text = run(project, "--help").stdout
    for line in ("signsgd ", "linear ", "digits_hinge "):
        assert f"  {line}" in text
    refused = run(project, "optim=signsgd", "optim.lr=-1")
    assert refused.returncode == 2 and "optim.lr=-1.0 is not in [0, inf)" in refused.stderr


def test_added_optimizer_is_there_from_python(project):
    code = "import torch, optim; p = torch.ones(2, requires_grad=True); p.sum().backward();"
    code += "optim.build(optim.configs()['signsgd'](lr=0.5), [p]).step(); assert p.tolist() == [0.5, 0.5]"
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True)


def test_refusals_are_quoted_word_for_word(project):
    (session,) = [block for kind, block in BLOCKS if block.startswith("$ python main.py")]
    for command, answer in re.findall(r"\$ python main.py (.*)\n(.*)\n", session):
        done = run(project, *shlex.split(command))
        assert done.stderr == answer + "\n" and done.returncode == 2


def test_commands_of_the_readme_compose():
    """Every `python main.py` line names choices and keys that exist."""
    from runner.cli.main import arguments
    from runner.config.compose import compose
    from runner.config.validate import validate

    lines = re.findall(r"^python main.py (?!--help)(.*)", README, re.MULTILINE)
    assert len(lines) >= 7
    for line in lines:
        skipped = ("--cfg", "job", "-m")
        words = [word for word in shlex.split(line, comments=True) if word not in skipped]
        words = [word for word in words if not word.startswith(("sweep=", "hydra")) and "interval(" not in word]
        single = [re.sub(r"^([\w./]+=)([^\[,]*),.*", r"\1\2", word) for word in words]
        validate(compose(*arguments(single)))


def test_choices_of_the_table_are_all_there_are():
    from runner.cli.help import summaries
    from runner.config.compose import CONFIGS

    for group in ("task", "data", "model", "optim", "optim/lr_schedule", "wrap"):
        (row,) = re.findall(rf"^\| `{group}` \|.*", README, re.MULTILINE)
        named = set(re.findall(r"`(\w+)`", row.split("|")[3])) - {"warmup"}
        assert named == {name for name, _ in summaries(CONFIGS, group)}
