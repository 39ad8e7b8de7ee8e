"""What the documents show works as shown: their files added to a copy of the project, their commands and refusals."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, copy_project

import optim
from runner.cli.main import main

README = (ROOT / "README.md").read_text()
CHOICES = (ROOT / "docs" / "choices.md").read_text()
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = ("configs", "data", "hydra_plugins", "models", "optim", "report", "results", "runner", "tasks")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the new optimizer, model and task of docs/extending.md."""
    place = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "main.py", place)
    files = re.findall(r"`([\w/]+\.(?:py|yaml))`:\n\n```\w+\n(.*?)```", EXTENDING, re.DOTALL)
    assert len(files) == 6
    return copy_project(place, PACKAGES, [f"# {path}\n{content}" for path, content in files])


def run(project, *argv):
    return subprocess.run([sys.executable, "main.py", *argv], cwd=project, capture_output=True, text=True)


def test_added_optimizer_model_and_task_work_together(project):
    words = ("logger=[]", "optim=signsgd", "optim.lr=0.001", "model=linear", "model.bias=false")
    done = run(project, "task=digits_hinge", *words)
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


def test_added_optimizer_is_there_from_python(project, load_module):
    rule = load_module(project / "optim" / "rules" / "signsgd.py", "optim.rules.signsgd")
    p = torch.ones(2, requires_grad=True)
    p.sum().backward()
    optim.build(rule.SignSGDConfig(lr=0.5), [p]).step()
    assert p.tolist() == [0.5, 0.5]


def test_refusals_are_quoted_word_for_word(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main.py"])
    (session,) = re.findall(r"```\n(\$ python main.py.*?)```", README, re.DOTALL)
    for command, answer in re.findall(r"\$ python main.py (.*)\n(.*)\n", session):
        assert main(shlex.split(command)) == 2
        assert capsys.readouterr().err == answer + "\n"


COMMAND = re.compile(r"^(?:\S*torchrun \S+ main.py|python main.py) (?!--help)(.*)", re.MULTILINE)
COMMANDS = [
    pytest.param(line, id=f"{path.name}: {line}")
    for path in DOCUMENTS
    for line in COMMAND.findall(path.read_text().replace("\\\n", " "))
]
NO_KEYS = ("sweep=", "sweep.", "hydra", "+hydra", "config=", "evaluate=", "weights=", "logger=", "-", "job", "branch.")


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_name_choices_and_keys_that_exist(line, write_plugin):
    """Of a swept key the first value is taken; Hydra's own keys are left out. mylion is the document's own."""
    from runner.cli.overrides import hydra_arguments
    from runner.config.compose import compose
    from runner.config.validate import validate

    if "mylion" in line:
        (text,) = re.findall(r"```python\n(import torch\n\n\nclass Lion.*?)```", EXTENDING, re.DOTALL)
        line = line.replace("mylion", write_plugin(text))
    line = re.sub(r"--budget \S+", "", line)
    words = [word for word in shlex.split(line, comments=True) if not word.startswith(NO_KEYS)]
    words = [re.sub(r"^([\w./]+=)(\[[^\]]*\]|[^\[,]*),.*", r"\1\2", word) for word in words]
    validate(compose(*hydra_arguments([word for word in words if not re.search(r"\(|FOLDER", word)])))


def test_the_documents_have_commands():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("group", ["task", "data", "model", "optim", "optim/lr_schedule", "wrap", "groups"])
def test_the_table_of_choices_is_complete(group):
    from runner.cli.help import summaries
    from runner.config.compose import CONFIGS

    (row,) = re.findall(rf"^\| `{group}` \|.*", CHOICES, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row.split("|")[3])) - {"warmup"}
    assert named == {name for name, _ in summaries(CONFIGS, group)}


def test_the_readme_counts_what_there_is():
    from runner.config.registry import entries

    kinds = {"optimizers": "optim", "wrappers": "wrap", "learning-rate schedules": "lr_schedule"}
    counts = re.findall(rf"(\d+) ({'|'.join(kinds)})", README.partition("\n## ")[0])
    assert sorted(counts) == sorted((str(len(entries(group))), kind) for kind, group in kinds.items())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert not [target for target in targets if not (path.parent / target).exists()]
    folders = "runner|results|report|optim|tasks|models|data|scripts|tests"
    files = re.findall(rf"`((?:{folders})/[\w/]+\.\w+)`(?!:\n)", path.read_text())
    assert not [file for file in files if not (ROOT / file).exists()]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.slow
def test_the_commands_of_the_branches_work(monkeypatch, tmp_path, capsys):
    from runner.cli.main import main

    text = (ROOT / "docs" / "schedules.md").read_text().split("## Cooldown branches")[1]
    block = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)[0].replace("\\\n", " ")
    stem, branches, report = [line for line in block.splitlines() if line.startswith("python ")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    assert main([*shlex.split(stem)[2:], "logger=[]"]) == 0
    (folder,) = tmp_path.glob("outputs/digits/adam,lr=0.003/*")
    words = shlex.split(branches.replace("FOLDER", str(folder.relative_to(tmp_path))))
    assert main([*words[2:], "logger=[]"]) == 0
    assert "9 runs: 9 to do" in capsys.readouterr().out
    done = subprocess.run([sys.executable, ROOT / shlex.split(report)[1], *shlex.split(report, comments=True)[2:]])
    assert done.returncode == 0 and (tmp_path / "outputs" / "digits" / "report" / "comparison.png").exists()
