"""What can't be found out of a run's environment is a line, and the run goes on."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from results.records import check_environment, read_environment
from runner.train import environment
from runner.train.environment import CommandError, command_output, git_state

TINY = ["task=digits", "epochs=1", "limit_train=20", "limit_val=20", "limit_test=20", "model.hidden=[8]"]
#: scripts in place of git, and what the line must hold; None: the state is recorded
GITS = {
    "missing": (None, "No such file"),
    "a broken repository": ("echo 'fatal: bad object HEAD' >&2; exit 128", "fatal: bad object HEAD"),
    "another user's": ("printf 'fatal: detected dubious\\nownership' >&2; exit 128", "detected dubious"),
    "hanging": ("sleep 60 & wait", "took more than 0.5 s"),
    "huge": ("yes abcdefghijklmnopqrstuvwxyz", None),
    "no UTF-8": ('[ "$3" = rev-parse ] && echo 0123 || printf "a\\377\\000\\033b\\n"', None),
    "no number": ("exit 0", None),
    "a failing diff": ('[ "$3" = rev-parse ] && echo 0123 || exit 1', "uncommitted changes: git failed"),
}


@pytest.fixture
def git(tmp_path, monkeypatch):
    """git(script) puts a script in git's place."""
    if sys.platform == "win32":
        pytest.skip("no scripts without endings there")
    commands, path = tmp_path / "bin", os.environ["PATH"]
    commands.mkdir()
    monkeypatch.setattr(environment, "TIMEOUT_S", 0.5)
    (ROOT / ".git").exists() or monkeypatch.setattr(environment, "PROJECT", tmp_path) or (tmp_path / ".git").mkdir()

    def replace(script):
        if script is not None:
            (commands / "git").write_text(f"#!/bin/sh\n{script}\n")
            (commands / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(commands) if script is None else f"{commands}{os.pathsep}{path}")
        git_state.cache_clear()

    yield replace
    git_state.cache_clear()


@pytest.mark.parametrize(("script", "fact"), GITS.values(), ids=GITS)
def test_no_state_of_git_is_a_line(git, script, fact):
    git(script)
    problems = []
    found = json.loads(json.dumps(environment.environment("cpu", 1, {}, problems.append)))
    assert check_environment(found) == found and found["packages"]["torch"] and found["time"]
    if fact is None:
        assert problems == [] and len(found["git"]["diff"]) <= environment.MAX_DIFF_LENGTH
    else:
        (line,) = problems
        assert line.startswith("not recorded: git (") and fact in line and "\n" not in line
        assert not found["git"] or found["git"]["dirty"] is None


def test_a_run_without_a_state_of_git_is_done(git, run):
    git("exit 3")
    result = run(*TINY)
    assert result.code == 0 and result.out.count("not recorded: git (git failed with exit code 3)") == 1
    assert read_environment(result.folder)["git"] is None


def test_values_that_cannot_be_found_out_are_lines(git, monkeypatch):
    git("exit 0")
    problems = []
    monkeypatch.setenv("PATH", "")
    found = environment.environment("cuda:99", 1, {"no/such/file.py": "0"}, problems.append)
    assert found["device_name"] is None and found["sources"] == {} and found["driver"] is None
    assert {line.partition(" (")[0] for line in problems} >= {"not recorded: the device's name", "not recorded: git"}


def test_output_of_a_command_that_fails_or_is_missing():
    assert command_output(sys.executable, "-c", "print('é')").strip()
    for command in (("no-such-command",), (sys.executable, "-c", "raise SystemExit(3)")):
        with pytest.raises(CommandError, match=r"no-such-command: No such file|exit code 3"):
            command_output(*command)


# --- no terminal ------------------------------------------------------------------------------------------------------

STREAMS = {
    "closed": ("{} >&- 2>&- <&-", {}),
    "full": ("{} >/dev/full 2>/dev/full", {}),
    "a pipe that ends": ("{} 2>&1 | head -c 1; exit ${{PIPESTATUS[0]}}", {}),
    "ASCII, no width": ("{}", {"PYTHONIOENCODING": "ascii:strict", "COLUMNS": "0", "LINES": "0", "TERM": "dumb"}),
    "the C locale": ("{}", {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TERM": ""}),
}


def shell(command, cwd, variables):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "0", **variables}
    done = subprocess.run(["bash", "-c", command], cwd=cwd, env=environment, capture_output=True, timeout=300)
    return done.returncode, (done.stdout + done.stderr).decode()


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(("form", "variables"), STREAMS.values(), ids=STREAMS)
def test_no_terminal_makes_a_run_fail(tmp_path, form, variables):
    words = " ".join(f"'{word}'" for word in [*TINY, "log.progress=bar", "logger=[]"])
    place = tmp_path / "é"
    place.mkdir()
    code, printed = shell(form.format(f"{sys.executable} {ROOT / 'main.py'} {words}"), place, variables)
    assert code == 0 and "Traceback" not in printed and "Exception" not in printed, printed
    (status,) = place.rglob("status.json")
    assert json.loads(status.read_text())["status"] == "done"
    files = [file for file in status.parent.rglob("*") if file.name in ("log.txt", "config.yaml", "metrics.jsonl")]
    assert len(files) == 3 and all(b"epoch" in file.read_bytes() for file in files)
    report = f"{sys.executable} {ROOT / 'scripts' / 'report.py'} outputs --formats png"
    code, printed = shell(form.format(report), place, variables)
    assert code == 0 and "Traceback" not in printed and "Exception" not in printed, printed
