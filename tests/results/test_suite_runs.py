"""A suite's manifest: written, joined with an earlier one's, and read with the runs that it names."""

import json

import pytest

from results.suite_runs import Manifest, SearchedRange, read_manifest, read_suite_runs, write_manifest

LR = SearchedRange(low=1e-4, high=1.0, scale="log")


def manifest(definition: str, optimizer: str, **runs: list[str]) -> Manifest:
    return Manifest(
        suite="quick", definitions=dict.fromkeys(runs, definition), spaces={optimizer: {"optim.lr": LR}}, runs=runs
    )


def test_a_later_command_adds_to_the_manifest(tmp_path):
    write_manifest(tmp_path, manifest("a", "adam", digits=["digits/adam/0/seed=0"]))
    joined = write_manifest(tmp_path, manifest("a", "sgd", digits=["digits/sgd/0/seed=0"], text=["t/sgd/0/seed=0"]))
    assert joined == read_manifest(tmp_path)
    assert joined.runs == {"digits": ["digits/adam/0/seed=0", "digits/sgd/0/seed=0"], "text": ["t/sgd/0/seed=0"]}
    assert joined.spaces == {"adam": {"optim.lr": LR}, "sgd": {"optim.lr": LR}}


def test_runs_of_a_task_that_has_changed_are_left_out(tmp_path):
    write_manifest(tmp_path, manifest("a", "adam", digits=["old"], text=["kept"]))
    later = manifest("b", "sgd", digits=["new"])
    assert write_manifest(tmp_path, later).runs == {"digits": ["new"], "text": ["kept"]}


def test_folders_that_are_not_there_are_named(tmp_path):
    folder = tmp_path / "suites" / "quick"
    write_manifest(folder, manifest("a", "adam", digits=["digits/adam/0/seed=0"]))
    found = read_suite_runs(folder)
    assert not found.runs and "digits/adam/0/seed=0" in found.missing[0]


def test_a_damaged_manifest_is_named_and_replaced(tmp_path):
    (tmp_path / "suite.json").write_text(json.dumps({"suite": "quick"}))
    with pytest.raises(ValueError, match="suite.json"):
        read_manifest(tmp_path)
    assert write_manifest(tmp_path, manifest("a", "adam")) == read_manifest(tmp_path)
