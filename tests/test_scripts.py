"""scripts/run and scripts/test: the set-up of .venv, on a copy of the scripts with a main.py of the test's own.

Most tests put a stand-in for pip, and a `venv` that leaves pip out, on PYTHONPATH: they are about what the
scripts do around an installation, and the stand-in can record, fail and hang at will. One test uses the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Reports how it was started; with `wait` it says that it is there and waits for a signal.
MAIN = """
import json, os, signal, sys
def held(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
print(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "prefix": sys.prefix, "lock": held(9)}), flush=True)
if sys.argv[1:] == ["wait"]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
    print("waiting", flush=True)
    signal.pause()
sys.exit(7 if sys.argv[1:] == ["exit"] else 0)
"""

# `python -m venv --without-pip` takes a twentieth of the time. -I hides this stand-in from the real one.
FAKE_VENV = """
import subprocess, sys
sys.exit(subprocess.call([sys.executable, "-I", "-m", "venv", "--without-pip", *sys.argv[1:]]))
"""

# FAKE_PIP says what it does: nothing, fail before or after it changed site-packages, or hang after that.
FAKE_PIP = """
import os, sys, sysconfig, time
here = os.environ["FAKE_PIP_FOLDER"]
with open(os.path.join(here, "calls"), "a") as calls:
    print(*sys.argv[1:], file=calls)
does = os.environ.get("FAKE_PIP", "")
if "touch" in does:
    open(os.path.join(sysconfig.get_path("purelib"), f"half-made-{os.getpid()}"), "w").close()
if "hang" in does:
    open(os.path.join(here, "hanging"), "w").close()
    time.sleep(60)
if "fail" in does:
    print("ERROR: no such version of thing")
    sys.exit(3)
"""


def default_signals() -> None:
    """Signals that our own starter had us ignore (nohup, a job of a script) would be ignored there too."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Project:
    """A copy of the scripts in a folder of its own, whose path has a space."""

    def __init__(self, folder: Path):
        self.root = folder / "a project"
        self.fakes = folder / "fakes"
        (self.root / "scripts").mkdir(parents=True)
        for name in ("run", "test", "setup.sh"):
            shutil.copy(ROOT / "scripts" / name, self.root / "scripts")
        (self.root / "main.py").write_text(MAIN)
        self.require("thing==1")
        (self.root / "requirements-dev.txt").write_text("-r requirements.txt\n")
        for name, code in (("venv", FAKE_VENV), ("pip", FAKE_PIP)):
            (self.fakes / name).mkdir(parents=True)
            (self.fakes / name / "__init__.py").touch()
            (self.fakes / name / "__main__.py").write_text(code)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_") and k != "VIRTUAL_ENV"}
        self.env |= {
            "PYTHON": sys.executable,
            "PYTHONPATH": str(self.fakes),
            "FAKE_PIP_FOLDER": str(self.fakes),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.started: list[subprocess.Popen[str]] = []

    def require(self, text: str) -> None:
        (self.root / "requirements.txt").write_text(text + "\n")

    def start(self, *args: str, script: str | Path = "scripts/run", cwd: Path | None = None, **env: str):
        process = subprocess.Popen(
            [str(self.root / script), *args],
            cwd=cwd or self.root,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        )
        self.started.append(process)
        return process

    def run(self, *args: str, script: str | Path = "scripts/run", cwd: Path | None = None, **env: str):
        process = self.start(*args, script=script, cwd=cwd, **env)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def good_run(self, *args: str, **kwargs) -> dict:
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start_hanging(self) -> subprocess.Popen[str]:
        """Starts a run, and returns once its pip has begun to change .venv."""
        process = self.start(FAKE_PIP="touch hang")
        wait_for(self.fakes / "hanging")
        (self.fakes / "hanging").unlink()
        return process

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def pip_calls(self) -> int:
        calls = self.fakes / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    @property
    def half_made(self) -> list[Path]:
        return list(self.venv.glob("lib/python*/site-packages/half-made-*"))


def wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not appear")


def processes_in(folder: Path) -> list[int]:
    """The processes started from the .venv in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")[0]
                if command == b".venv/bin/python" and Path(os.readlink(entry / "cwd")) == folder:
                    found.append(int(entry.name))
            except OSError:
                pass  # it has ended, or is another user's
    return found


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    yield project
    for process in project.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    if sys.platform == "linux":
        for pid in processes_in(project.root):
            os.kill(pid, signal.SIGKILL)


def test_first_run_sets_up_and_second_does_not(project):
    first = project.run("a=1")
    assert first.returncode == 0, first.stderr
    assert "Setting up .venv" in first.stderr
    assert json.loads(first.stdout)["prefix"] == str(project.venv)
    assert project.pip_calls == 1

    second = project.run("a=2")
    assert json.loads(second.stdout)["args"] == ["a=2"]
    assert second.stderr == ""
    assert project.pip_calls == 1


def test_arguments_reach_main_as_they_are(project):
    args = ["wrap=[a,b]", "name='it''s'", 'x="two words"', "", "a b", "*", "$HOME", "`id`", "\\", "-m", "--", "é\n"]
    assert project.good_run(*args)["args"] == args


def test_exit_code_is_mains(project):
    assert project.run("exit").returncode == 7


def test_main_is_the_process_itself_and_gets_signals(project):
    process = project.start("wait")
    assert process.stdout.readline().startswith("{")
    assert process.stdout.readline() == "waiting\n"
    process.terminate()
    assert process.wait(60) == 42


def test_main_does_not_hold_the_lock(project):
    assert project.good_run()["lock"] is False


def test_called_from_elsewhere_and_through_links(project, tmp_path):
    links = tmp_path / "some links"
    links.mkdir()
    (links / "go").symlink_to(project.root / "scripts" / "run")
    (links / "scripts").symlink_to(project.root / "scripts")
    for script in (links / "go", links / "scripts" / "run"):
        assert project.good_run(script=script, cwd=tmp_path)["cwd"] == str(project.root)
    relative = subprocess.run(["scripts/run"], cwd=links, env=project.env, capture_output=True, text=True)
    assert json.loads(relative.stdout)["cwd"] == str(project.root)
    assert project.pip_calls == 1


def test_changed_requirements_are_installed_into_the_same_venv(project):
    project.good_run()
    kept = project.venv / "kept"
    kept.touch()
    project.require("thing==2")
    assert "up to date" in project.run().stderr
    assert project.pip_calls == 2
    assert kept.exists()
    project.good_run()
    assert project.pip_calls == 2


def test_the_test_requirements_come_on_top(project):
    # pytest is a stand-in too: one that says what it was asked.
    (project.fakes / "pytest.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))")
    project.good_run()
    asked = json.loads(project.run("-k", "a or b", script="scripts/test").stdout)
    assert asked == ["-n", "2", "--dist", "worksteal", "-k", "a or b"]
    calls = (project.fakes / "calls").read_text().splitlines()
    assert [call.count("-r ") for call in calls] == [1, 2]

    project.good_run()
    project.run(script="scripts/test")
    assert project.pip_calls == 2

    project.require("thing==2")  # a test run must see to these as well, though a run did already
    project.good_run()
    project.run(script="scripts/test")
    project.run(script="scripts/test")
    assert project.pip_calls == 4


def test_test_requirements_first_are_enough_for_a_run(project):
    (project.fakes / "pytest.py").touch()
    assert project.run(script="scripts/test").returncode == 0
    project.good_run()
    assert project.pip_calls == 1


def test_failed_first_installation_leaves_no_venv(project):
    failed = project.run(FAKE_PIP="touch fail")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "ERROR: no such version of thing" in failed.stderr
    assert "pip could not install requirements.txt" in failed.stderr
    assert sorted(p.name for p in project.root.glob(".venv*")) == [".venv.lock"]
    project.good_run()


def test_failed_update_that_changed_nothing_keeps_the_venv(project):
    project.good_run()
    project.require("thing==2")
    failed = project.run(FAKE_PIP="fail")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "not updated: .venv is as it was" in failed.stderr

    project.require("thing==1")
    project.good_run()
    assert project.pip_calls == 2  # what it held is still good
    project.require("thing==2")
    project.good_run()
    assert project.pip_calls == 3


def test_update_that_failed_half_way_is_not_trusted(project):
    project.good_run()
    project.require("thing==2")
    failed = project.run(FAKE_PIP="touch fail")
    assert failed.returncode == 1
    assert "makes it anew" in failed.stderr
    assert project.half_made

    project.require("thing==1")  # not even for what it held before
    assert "starting anew" in project.run().stderr
    assert not project.half_made


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_interrupted_installation_ends_pip_and_leaves_no_venv(project, number, code):
    process = project.start_hanging()
    process.send_signal(number)  # to the script alone: it has to pass it on
    assert process.wait(60) == code
    assert not project.venv.exists()
    if sys.platform == "linux":
        assert processes_in(project.root) == []
    project.good_run()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the stand-in for pip in /proc")
def test_killed_installation_is_made_anew(project):
    process = project.start_hanging()
    process.kill()
    process.wait()
    assert project.half_made

    # pip lives on, and holds the lock: the next call must not touch .venv before it has ended.
    after = project.start()
    assert "waiting for it" in after.stderr.readline()
    (pip,) = processes_in(project.root)
    os.kill(pip, signal.SIGKILL)
    out, err = after.communicate(timeout=60)
    assert after.returncode == 0, err
    assert "cut off; starting anew" in err
    assert not project.half_made


def test_second_of_two_calls_waits_and_installs_nothing(project):
    first = project.start_hanging()
    second = project.start()
    assert "waiting for it" in second.stderr.readline()
    first.terminate()
    first.wait(60)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err  # the first left nothing, so this one did it all
    assert project.pip_calls == 2

    project.require("thing==2")
    both = [project.start(), project.start()]
    assert [p.wait(60) for p in both] == [0, 0]
    assert project.pip_calls == 3


def test_a_venv_of_the_users_own_is_left_alone(project):
    project.venv.mkdir()
    (project.venv / "mine").touch()
    refused = project.run()
    assert refused.returncode == 1
    assert "did not make" in refused.stderr
    assert (project.venv / "mine").exists()
    assert project.pip_calls == 0


def test_a_venv_whose_python_is_gone_is_made_anew(project):
    project.good_run()
    (project.venv / "bin" / "python").unlink()
    assert "starting anew" in project.run().stderr
    project.good_run()
    assert project.pip_calls == 2


def fake_python(folder: Path, version: str, real: str = "/nowhere/python") -> str:
    """An interpreter that says it is of another version, and can do nothing else."""
    path = folder / f"python{version}"
    path.write_text(f"#!/bin/sh\necho '{version.replace('.', ' ')} {real}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("version", ["3.10", "2.7"])
def test_old_python_is_refused(project, tmp_path, version):
    refused = project.run(PYTHON=fake_python(tmp_path, version))
    assert refused.returncode == 1
    assert f"Python 3.11 to 3.13 is needed, and '{tmp_path}/python{version}' is {version}" in refused.stderr
    assert not project.venv.exists()


def test_newer_python_is_warned_of(project, tmp_path):
    done = project.run(PYTHON=fake_python(tmp_path, "3.99", os.path.realpath(sys.executable)))
    assert done.returncode == 0, done.stderr
    assert "warning: this is tested with Python 3.11 to 3.13" in done.stderr


def test_missing_python_is_said(project):
    refused = project.run(PYTHON="no-such-python")
    assert refused.returncode == 1
    assert "cannot start 'no-such-python'" in refused.stderr


def test_missing_venv_module_is_said(project):
    (project.fakes / "ensurepip.py").write_text("raise ImportError")
    refused = project.run()
    assert refused.returncode == 1
    assert "sudo apt install python3" in refused.stderr
    assert not project.venv.exists()


def test_without_PYTHON_the_venv_keeps_its_own(project, tmp_path):
    project.good_run()
    old = tmp_path / "bin"
    old.mkdir()
    Path(fake_python(old, "3.10")).rename(old / "python3")
    del project.env["PYTHON"]
    project.env["PATH"] = f"{old}:{project.env['PATH']}"
    project.good_run()
    project.require("thing==2")
    project.good_run()
    assert project.pip_calls == 2

    project.env["PATH"] = f"{project.venv}/bin:{project.env['PATH']}"  # activated
    (project.venv / ".unfinished").touch()
    project.good_run()
    assert project.pip_calls == 3


def wheel(folder: Path, version: str) -> None:
    """The least that pip takes for a package `thing`."""
    info = f"thing-{version}.dist-info"
    with zipfile.ZipFile(folder / f"thing-{version}-py3-none-any.whl", "w") as file:
        file.writestr("thing.py", f"VERSION = {version!r}\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"thing.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def test_with_the_real_venv_and_pip(project):
    del project.env["PYTHONPATH"]
    wheels = project.root / "wheels"
    wheels.mkdir()
    wheel(wheels, "1.0")
    wheel(wheels, "2.0")
    (project.root / "main.py").write_text("import thing; print(thing.VERSION)")

    project.require("--no-index\n--find-links wheels\nthing==1.0")
    done = project.run()
    assert done.stdout == "1.0\n", done.stderr
    project.require("--no-index\n--find-links wheels\nthing==2.0")
    assert project.run().stdout == "2.0\n"

    project.require("--no-index\n--find-links wheels\nthing==3.0")
    failed = project.run()
    assert failed.returncode == 1
    assert "No matching distribution found for thing==3.0" in failed.stderr
    assert "not updated: .venv is as it was" in failed.stderr
    project.require("--no-index\n--find-links wheels\nthing==2.0")
    again = project.run()
    assert (again.stdout, again.stderr) == ("2.0\n", "")
