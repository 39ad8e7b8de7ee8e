"""scripts/run and scripts/test set up .venv. They run here on a copy of the scripts with a short main.py; a stand-in
for pip records how it is called and fails or waits when asked, and `venv` leaves the real pip out, which saves time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "a project/main.py": """
import json, os, sys
print(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "prefix": sys.prefix}))
sys.exit(7 if sys.argv[1:] == ["exit"] else 0)""",
    "a project/requirements.txt": "thing==1",
    "a project/requirements-dev.txt": "-r requirements.txt",
    "modules/venv.py": """
import subprocess, sys
if __name__ == "__main__":
    sys.exit(subprocess.call([sys.executable, "-Im", "venv", "--without-pip", sys.argv[1]]))""",
    "modules/pip.py": """
import os, sys, time
with open(os.environ["PIP_CALLS"], "a") as calls:
    print(*(word for word in sys.argv if word.startswith("-r")), file=calls)
if os.environ.get("PIP") == "wait": time.sleep(60)
if os.environ.get("PIP") == "fail": sys.exit("ERROR: no such version")""",
    "modules/pytest.py": "import sys; print(sys.argv[1:])",
}


class Project:
    def __init__(self, folder: Path) -> None:
        self.root, self.modules, self.calls = folder / "a project", folder / "modules", folder / "calls"
        self.venv, self.requirements = self.root / ".venv", self.root / "requirements.txt"
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        for name, text in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)

    def start(self, *args: str, script: str | Path = "scripts/run", **env: str) -> subprocess.Popen[str]:
        ours = {"PYTHON": sys.executable, "PYTHONPATH": str(self.modules), "PIP_CALLS": str(self.calls)}
        command, env, pipe = [str(self.root / script), *args], {**os.environ, **ours, **env}, subprocess.PIPE
        return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def run(self, *args: str, code: int = 0, **kwargs) -> tuple[str, str]:
        process = self.start(*args, **kwargs)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        return out, err

    def pip_calls(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_sets_up_once_and_passes_arguments_and_exit_code_on(project, tmp_path):
    args = ["wrap=[a,b]", "two words", "", "*", "$HOME", "-m"]
    (tmp_path / "link").symlink_to(project.root / "scripts" / "run")
    out, err = project.run(*args, script=tmp_path / "link")
    assert json.loads(out) == {"args": args, "cwd": str(project.root), "prefix": str(project.venv)}
    assert "requirements.txt" in err
    assert project.run("exit", code=7)[1] == ""
    assert project.pip_calls() == ["-rrequirements.txt"]


def test_tests_install_both_requirement_files(project):
    out, _ = project.run("-k", "a or b", script="scripts/test")
    assert out == f"{['-n', '2', '--dist', 'worksteal', '-k', 'a or b']}\n"
    project.run()
    assert project.pip_calls() == ["-rrequirements.txt -rrequirements-dev.txt"]


def test_changed_requirements_keep_venv_and_another_interpreter_replaces_it(project):
    project.run()
    (project.venv / "kept").touch()
    project.requirements.write_text("thing==2")
    project.run(PYTHON="")  # without PYTHON, .venv keeps its interpreter
    assert (project.venv / "kept").exists() and len(project.pip_calls()) == 2
    config = project.venv / "pyvenv.cfg"
    config.write_text(config.read_text().replace("executable = ", "executable = /another"))
    project.run()
    assert not (project.venv / "kept").exists() and len(project.pip_calls()) == 3


def test_failed_installation_is_repeated_also_for_the_former_requirements(project):
    project.run()
    project.requirements.write_text("thing==2")
    out, err = project.run(code=1, PIP="fail")
    assert out == "" and "ERROR: no such version" in err and "requirements.txt" in err.splitlines()[-1]
    project.requirements.write_text("thing==1")
    project.run()
    assert len(project.pip_calls()) == 3


def test_second_call_waits_for_the_first_and_repeats_what_was_interrupted(project):
    first = project.start(PIP="wait")
    while not project.pip_calls():
        time.sleep(0.01)
    second = project.start()
    assert not shutil.which("flock") or "waiting" in second.stderr.readline()
    os.killpg(first.pid, signal.SIGTERM)
    first.communicate(timeout=60)
    assert second.communicate(timeout=60)[0] and len(project.pip_calls()) == 2


def test_venv_of_the_user_is_left_alone(project):
    project.venv.mkdir()
    assert "mv .venv" in project.run(code=1)[1] and not any(project.venv.iterdir())


@pytest.mark.parametrize("set_up_before", [True, False])
@pytest.mark.parametrize("case, word", [("old", "3.10"), ("missing", "no-such"), ("no venv", "apt install")])
def test_interpreter_that_cannot_be_used_is_refused(project, case, word, set_up_before):
    if set_up_before:
        project.run()
    if case == "no venv":
        (project.modules / "ensurepip.py").write_text("raise ImportError")
    if case == "old":
        (project.modules / "sitecustomize.py").write_text("import sys; sys.version_info = (3, 10)")
    assert word in project.run(code=1, **({"PYTHON": "no-such-python"} if case == "missing" else {}))[1]
    assert project.venv.exists() == set_up_before
