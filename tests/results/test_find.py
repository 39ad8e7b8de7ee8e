"""Runs are found wherever they lie, each once, whole or not; what is passed over is named."""

import os
import shutil
import time
from pathlib import Path

import pytest
from run_folders import changed, rows_of, write_lines, write_run

from results.find import find, skipped_lines
from results.find import load_runs as load
from results.metrics import read_rows
from results.run import read_config
from results.signature import signature

NAN_TEXT = '{"status": "done", "metric": "acc", "best": {"acc": NaN}, "final": {"acc": 1}, "test": {"acc": 1}}'


def reasons(found):
    return {entry.folder.name: entry.reason for entry in found.skipped}


def test_the_fields_of_a_run(tmp_path):
    write_run(tmp_path, "adam,lr=0.3,lookahead", 2, 0.8, optimizer="adam", lr=0.3, config={"wrap.lookahead": {"k": 5}})
    (run,) = load(tmp_path)
    assert (run.task, run.optimizer, run.setting, run.seed) == ("digits", "adam+lookahead", "adam,lr=0.3,lookahead", 2)
    assert (run.ending, run.metric, run.signature) == ("done", "acc", run.folder.parent.name)
    assert run.curve("val", "acc") == pytest.approx([0.8 / 3, 1.6 / 3, 0.8]) and len(run.curve("train", "loss")) == 3
    assert [row["train_s"] for row in run.timings] == [1, 2, 3]
    assert run.environment["packages"]["torch"] == "2.15.0"
    assert run.settings["optim.lr"] == 0.3 and run.settings["wrap.lookahead.k"] == 5


@pytest.mark.parametrize("below", ["", "digits", "digits/aggmo", "digits/aggmo/{sig}", "digits/aggmo/{sig}/seed=0"])
def test_any_folder_of_runs_will_do(tmp_path, below, monkeypatch):
    folder = write_run(tmp_path)
    (run,) = load(tmp_path / below.format(sig=folder.parent.name))
    assert run.folder == folder and run.setting == "aggmo"
    monkeypatch.chdir(run.folder)
    (here,) = load(".")
    assert (here.setting, here.signature) == (run.setting, run.signature)
    (here,) = load("status.json")
    assert here.setting == run.setting


def test_several_folders_and_a_run_reached_twice(tmp_path):
    first = write_run(tmp_path / "a", seed=0)
    write_run(tmp_path / "b", seed=1)
    (tmp_path / "b" / "link").symlink_to(tmp_path / "a")
    (tmp_path / "b" / "circle").symlink_to(tmp_path / "b")
    found = find(tmp_path / "a", tmp_path / "b", first, tmp_path)
    assert [run.seed for run in found.runs] == [0, 1] and not found.skipped
    assert len(load(tmp_path / "b")) == 2, "links are followed"
    with pytest.raises(FileNotFoundError, match="nowhere is not there"):
        load(tmp_path / "nowhere")


def test_a_sweeps_folder_stands_for_its_runs(tmp_path, monkeypatch):
    outputs = tmp_path / "place" / "outputs"
    ran, _ = write_run(outputs, seed=0), write_run(outputs, seed=1)
    sweep = outputs / "sweeps" / "0a1b2c3d"
    sweep.mkdir(parents=True)
    gone = ran.with_name("seed=9").relative_to(tmp_path / "place")
    lines = ["run,status,folder", f"0,done,{ran.relative_to(tmp_path / 'place')}", f"1,to do,{gone}"]
    (sweep / "sweep.csv").write_text("\n".join(lines) + "\n")
    for root in (sweep, sweep.parent, sweep / "sweep.csv"):
        found = find(root)
        assert [run.folder for run in found.runs] == [ran]
        assert "not there" in reasons(found)["seed=9"]
    assert len(find(outputs).runs) == 2 and not find(outputs).skipped
    outputs.rename(tmp_path / "moved")
    (run,) = find(tmp_path / "moved" / "sweeps" / "0a1b2c3d").runs
    assert run.folder == tmp_path / "moved" / ran.relative_to(outputs)


def test_a_runs_folder_holds_no_other_runs(tmp_path):
    inside = write_run(tmp_path) / "checkpoints"
    inside.mkdir()
    (inside / "config.yaml").write_text("{}")
    found = find(tmp_path)
    assert len(found.runs) == 1 and not found.skipped


def test_of_copies_the_newer_stays_and_that_is_said(tmp_path):
    old = write_run(tmp_path / "a", acc=0.1, environment={"time": "2026-01-01T10:00:00+00:00"})
    new = write_run(tmp_path / "b", acc=0.2, environment={"time": "2026-01-01T11:30:00+02:00"})  # 9:30 of the old's
    os.utime(new / "status.json", (time.time() + 99,) * 2)  # copied later, run earlier
    other = write_run(tmp_path / "b", acc=0.3, seed=1)
    found = find(tmp_path)
    assert {run.folder for run in found.runs} == {old, other}
    assert [entry.folder for entry in found.skipped] == [new]
    assert f"the same configuration and seed as {old}, which is newer" in skipped_lines(found.skipped)[0]


def test_a_run_that_was_moved_keeps_its_signature(tmp_path):
    folder = write_run(tmp_path / "a", "adam,lr=0.3", optimizer="adam", lr=0.3, signature="placeholder")
    named = signature(load(tmp_path)[0].config, {})
    home = folder.parent.with_name(named)
    folder.parent.rename(home)
    shutil.copytree(home / "seed=0", tmp_path / "b" / "mine")
    (moved,) = load(tmp_path / "b")
    assert moved.signature == named and moved.setting == "adam,lr=0.3"
    assert len(load(tmp_path)) == 1, "known as a copy"


def test_a_recorded_configuration_has_the_signature_of_its_folder():
    from omegaconf import OmegaConf

    from runner.config.compose import compose
    from runner.config.validate import validate

    config = validate(compose("optim=adam", "wrap=[lookahead,gradient_noise]", "data.root=/elsewhere"))
    recorded = read_config(OmegaConf.to_yaml(OmegaConf.create(config.plain)))
    assert signature(recorded, config.code) == config.run_path.parent.name


def test_passed_over_folders_are_named_with_the_reason(tmp_path):
    damaged = {
        "no_config": ("config.yaml", None, "no config.yaml"),
        "no_status": ("status.json", None, "no status.json"),
        "bad_yaml": ("config.yaml", "task:\n  name: a: b\n", "config.yaml is damaged (line 2: "),
        "bytes": ("config.yaml", b"\xff\xfe\x00", "config.yaml is damaged (no text)"),
        "bad_status": ("status.json", '{"status": "do', "status.json is damaged"),
        "empty_status": ("status.json", "", "status.json is damaged"),
        "list": ("config.yaml", "[1, 2]", "config.yaml: [1,2] is no mapping"),
        "foreign": ("config.yaml", "optim: adam\nseed: 1\n", "config.yaml: optim=adam is one value"),
        "foreign_status": ("status.json", '{"state": "ok"}', "status.json: status is missing"),
        "no_number": ("status.json", NAN_TEXT, "status.json is damaged (NaN is no number"),
        "no_result": (
            "status.json",
            '{"status": "done", "metric": "acc", "better": "max", "best": {"acc": 1}}',
            "acc in final and test",
        ),
    }
    write_run(tmp_path)
    for name, (file, content, _) in damaged.items():
        folder = write_run(tmp_path / "raw").rename(tmp_path / name)
        shutil.rmtree(tmp_path / "raw")
        (folder / file).unlink()
        if content is not None:
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(folder, (0, 0))
    found = find(tmp_path)
    assert len(found.runs) == 1
    assert reasons(found).keys() == damaged.keys()
    for name, (_, _, reason) in damaged.items():
        assert reason in reasons(found)[name]
    lines = skipped_lines(found.skipped, most=3)
    assert len(lines) == 4 and lines[-1] == "and 8 more"


def test_unfinished_runs_are_read_as_far_as_they_are(tmp_path):
    running = write_run(tmp_path, seed=0, status="running", found={"best": None, "final": None}, environment=False)
    write_run(tmp_path, seed=1, status="interrupted", found={"something": "new"}, config={"future.key": 1})
    write_run(tmp_path, seed=2, status="failed", rows=[])
    (running / "timings.jsonl").unlink()
    with open(running / "metrics.jsonl", "a") as file:
        file.write('{"split": "val", "epo')
    runs = sorted(load(tmp_path), key=lambda run: run.seed)
    assert [run.ending for run in runs] == ["running", "interrupted", "failed"]
    assert len(runs[0].rows) == 8 and runs[0].timings == [] and runs[0].environment == {}
    assert runs[2].rows == [] and runs[2].curve("val", "acc") == []


def test_rows_that_are_none_are_left_out(tmp_path):
    file = tmp_path / "metrics.jsonl"
    good = rows_of(0.5)
    write_lines(file, good)
    whole = file.read_bytes()
    file.write_bytes(whole[:400] + b"\n\0\0\0\n[1]\n{}\n\n" + whole)
    rows = read_rows(file)
    assert rows[-len(good) :] == good and all("epoch" in row for row in rows)
    file.write_bytes(b"")
    assert read_rows(file) == [] == read_rows(tmp_path / "none")


def test_a_status_that_is_being_rewritten_is_read_again(tmp_path, monkeypatch):
    folder = write_run(tmp_path)
    whole = (folder / "status.json").read_text()
    (folder / "status.json").write_text("")
    monkeypatch.setattr(time, "sleep", lambda _: (folder / "status.json").write_text(whole))
    assert len(load(tmp_path)) == 1


def test_configurations_that_differ_in_the_seed_are_told_apart():
    text = "task:\n  name: a\n  seed: 7\noptim: {{name: b, lr: 0.1}}\nseed: {}\nepochs: 3\n"
    assert [read_config(text.format(seed))["seed"] for seed in (0, 12, 0)] == [0, 12, 0]
    assert read_config(text.format(3))["task"]["seed"] == 7


def test_files_that_the_runs_do_not_need_are_not_read(tmp_path, monkeypatch):
    write_run(tmp_path)
    opened, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (opened.append(self.name), read_bytes(self))[1])
    (run,) = load(tmp_path)
    assert "metrics.jsonl" not in opened and "environment.json" not in opened
    assert run.rows is run.rows and opened.count("metrics.jsonl") == 1


def test_small_numbers_in_hand_written_folders_stay_numbers(tmp_path):
    write_run(tmp_path, lr=1e-05, config={"optim.eps": -1.5e-08})
    (run,) = load(tmp_path)
    assert run.config["optim"]["lr"] == 1e-05 and run.config["optim"]["eps"] == -1.5e-08


def test_changed_leaves_the_original_alone():
    content = {"a": {"b": 1}}
    assert changed(content, {"a.b": 2, "c.d": 3}) == {"a": {"b": 2}, "c": {"d": 3}} and content == {"a": {"b": 1}}
