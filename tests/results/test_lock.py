from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

from results.lock import FolderInUse, FolderLock, locked
from results.run_folder import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from results.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_a_folder_has_one_holder_whose_death_releases_it(tmp_path, holder):
    with pytest.raises(FolderInUse):
        FolderLock(tmp_path).acquire()
    with pytest.raises(FolderInUse):
        RunFolder(tmp_path).open()
    holder.kill()  # as by kill -9: nothing is cleaned up
    holder.wait()
    with locked(tmp_path), pytest.raises(FolderInUse):
        FolderLock(tmp_path).acquire()
    FolderLock(tmp_path).acquire()


def test_waiting_for_a_lock_ends_when_it_is_released(tmp_path):
    command = [sys.executable, "-c", HOLD.replace("600", "0.5"), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        with pytest.raises(FolderInUse):
            FolderLock(tmp_path).acquire()
        with locked(tmp_path, wait=True):
            pass


def test_opening_removes_half_written_files_and_keeps_others(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    folder.write_json("status.json", {"status": "running"})
    folder.close()
    for name in ("status.json.tmp", "checkpoints/last.pt.tmp"):
        (folder.path / name).write_text("half")
    folder.open()
    assert not list(folder.path.rglob("*.tmp"))
    (folder.path / "notes.txt").write_text("mine")
    folder.clear()
    assert (folder.path / "notes.txt").exists() and not (folder.path / "status.json").exists()
    folder.close()
