"""A run's folder is opened only where nothing stands in the way of its files; no link out of it is written through."""

import os
import shutil

import pytest

from results.run_folder import RunFolder

NAMES = ("log.txt", "status.json", "metrics.jsonl", "checkpoints/last.pt", "curves.png", ".lock", "x.tmp")


@pytest.fixture
def folder(tmp_path):
    """A run's folder with all files."""
    folder = tmp_path / "outputs" / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in NAMES:
        (folder / name).touch()
    return folder


def refusal(folder):
    """The error of opening a folder, which leaves its lock free."""
    opened = RunFolder(folder)
    with pytest.raises(ValueError) as error:
        opened.open()
    assert opened._lock is None
    return str(error.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind, make", [("folder", os.mkdir), ("pipe", getattr(os, "mkfifo", None))])
def test_what_is_no_file_is_named(folder, name, kind, make):
    if make is None:
        pytest.skip("no pipes in folders here")
    (folder / name).unlink()
    make(folder / name)
    message = refusal(folder)
    assert str(folder) in message and f"{name.rpartition('/')[2]} is a {kind}" in message
    assert (folder / "x.tmp").exists()
    shutil.rmtree(folder / name) if kind == "folder" else (folder / name).unlink()
    RunFolder(folder).open()


@pytest.mark.parametrize("name", [*NAMES, "checkpoints"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_out_of_the_folder_is_not_written_through(folder, tmp_path, name, exists):
    target = tmp_path / "precious"
    shutil.rmtree(folder / name) if name == "checkpoints" else (folder / name).unlink()
    if exists and name == "checkpoints":
        target.mkdir()
    elif exists:
        target.write_text("precious")
    (folder / name).symlink_to(target)
    assert f"{folder / name} is a link to {target}" in refusal(folder)
    assert target.exists() == exists
    assert os.listdir(target) == [] if target.is_dir() else not exists or target.read_text() == "precious"


def test_links_to_and_within_the_folder_are_followed(folder, tmp_path):
    shutil.move(tmp_path / "outputs", tmp_path / "disk")
    (tmp_path / "outputs").symlink_to(tmp_path / "disk")
    (folder / "curves.png").unlink()
    (folder / "curves.png").symlink_to("pictures.png")
    (folder / "mine").symlink_to(tmp_path)
    RunFolder(folder).open()
