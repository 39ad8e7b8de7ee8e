"""Records of runs: what they keep, that they are small, stable and free of paths, and what is refused."""

import json

import pytest
from conftest import ROOT
from run_folders import rows_of, write_run

from results.find import load_runs
from results.run_labels import code_of
from results.run_records import read_records, record_names, write_records
from scripts.record import main


def shown(run):
    """What reports and verdicts read of a run."""
    results = {key: run.status.get(key) for key in ("best", "final", "test", "test_last", "diverged", "steps_done")}
    curves = [run.curve(split, key) for split in ("train", "val") for key in ("loss", "acc", "lr")]
    named = (run.setting, run.signature, run.seed, run.optimizer, run.ending, code_of(run), run.environment["python"])
    return named, results, curves, run.settings["optim.lr"], run.settings["optim.lr_schedule.name"]


def test_a_record_has_what_reports_read_and_its_bytes_do_not_depend_on_the_order(tmp_path):
    names = [("aggmo,lr=0.1", "aggmo", 0.1), ("adam,lr=0.01", "adam", 0.01)]
    for setting, optimizer, lr in names:
        for seed in (0, 1):
            own = {"outputs": "/a place", "data.root": "/data", "logger": ["tensorboard"]}
            code = {"code": {f"optim/{optimizer}.py": "0a"}, "threads": 2, "host": "a machine"}
            write_run(
                tmp_path, setting, seed, 0.123456789 + seed, "done", optimizer, lr, 4, config=own, environment=code
            )
    write_run(tmp_path, "adam,lr=9", 0, 0.1, "diverged", "adam", 9.0)
    runs = load_runs(tmp_path / "digits")
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert write_records(one, "x", runs) == 5
    for part in (runs[3:], runs[:4], runs[:1]):  # piece by piece, the first twice
        assert write_records(two, "x", part) in (2, 5)
    text = one.read_text()
    assert one.read_bytes() == two.read_bytes() and len(text.splitlines()) == 6
    assert not [word for word in ("/a place", "/data", "tensorboard", "a machine", "outputs") if word in text]
    assert "0.123457" in text and "0.12345679" not in text  # six significant digits
    back = {(run.setting, run.seed): run for run in read_records(one)}
    for run in runs:
        mine, whole = shown(back[run.setting, run.seed]), shown(run)
        assert mine[0] == whole[0] and mine[3:] == whole[3:]
        for ours, curve in zip(mine[2], whole[2], strict=True):
            assert ours == pytest.approx(curve, rel=1e-5)
        for key, result in whole[1].items():
            same = pytest.approx(result, rel=1e-5) if isinstance(result, dict) and key != "diverged" else result
            assert mine[1][key] == same
    packed = tmp_path / "one.jsonl.gz"
    assert write_records(packed, "x", runs[2:]) == 3 and write_records(packed, "x", runs[:2]) == 5
    assert [shown(run) for run in load_runs(packed)] == [shown(run) for run in load_runs(one)]
    assert packed.stat().st_size < one.stat().st_size
    content = packed.read_bytes()
    for damaged in (content[:-20], b"no gzip", content[:40] + bytes(20) + content[60:]):
        packed.write_bytes(damaged)
        with pytest.raises(ValueError, match="one.jsonl.gz is damaged"):
            read_records(packed)
    assert [run.signature for run in load_runs(one)] == [run.signature for run in read_records(one)]


def test_many_epochs_are_thinned_and_steps_keep_what_epochs_do_not_have(tmp_path):
    steps = [
        {"split": "train", "epoch": 1, "step": s, "loss": 1 / s, "r": r, "per": "step"}
        for s, r in ((1, 2.0), (2, 5.0), (3, 4.0))
    ]
    write_run(tmp_path, epochs=1000, rows=[*steps, *rows_of(0.5, epochs=1000)])
    write_records(tmp_path / "x.jsonl", "x", load_runs(tmp_path / "digits"))
    (run,) = read_records(tmp_path / "x.jsonl")
    epochs = [row["epoch"] for row in run.rows if row["split"] == "val"]
    assert len(epochs) == 200 and epochs[-2:] == [995, 1000] and (tmp_path / "x.jsonl").stat().st_size < 12_000
    assert [(row["step"], row["r"]) for row in run.steps] == [(1, 5.0), (3, 4.0)]
    assert all("loss" not in row for row in run.steps)


def test_a_damaged_file_names_its_line(tmp_path):
    write_run(tmp_path)
    file = tmp_path / "x.jsonl"
    write_records(file, "x", load_runs(tmp_path / "digits"))
    first, run = file.read_text().splitlines()
    line = json.loads(run)
    cases = {
        "{": "damaged",
        json.dumps({**line, "status": {"status": "odd", "metric": "acc", "better": "max"}}): "status=odd",
        json.dumps({key: value for key, value in line.items() if key != "seed"}): "'seed' is missing",
        json.dumps({**line, "epochs": {"val": {"epoch": 3, "step": 1, "acc": [1, 2]}}}): "val.acc has no number",
        json.dumps({**line, "epochs": {"val": {"epoch": 10**9, "step": 1}}}): "at most 200",
        json.dumps({**line, "steps": [{"epoch": 1, "step": 1, "r": "far"}]}): "a row has no numbers",
        json.dumps({**line, "environment": 7}): "out of range",
    }
    for text, message in cases.items():
        file.write_text(f"{first}\n{text}\n")
        with pytest.raises(ValueError, match=f"x.jsonl, line 2: .*{message}"):
            read_records(file)


def test_the_command_records_runs_of_the_experiment_and_names_others(tmp_path, capsys):
    places = ("--experiment", "momo/mnist_mlp", "--to", str(tmp_path / "records"))
    mnist = {"data.name": "mnist", "data.val_fraction": 0.1, "data.split": "test", "model.hidden": [100, 100]}
    write_run(tmp_path / "out", task="mnist", seed=0, config=mnist)
    write_run(tmp_path / "out", task="mnist", seed=1, config=mnist, status="interrupted")
    write_run(tmp_path / "out", "other", task="mnist", config={**mnist, "model.hidden": [64]})
    write_run(tmp_path / "out", "other", task="digits")
    assert main([str(tmp_path / "out"), *places]) == 0
    said = capsys.readouterr()
    file = tmp_path / "records" / "momo" / "mnist_mlp.jsonl"
    assert "1 run, 1 of them now (1 done)" in said.out and len(read_records(file)) == 1
    for reason in ("not finished", "task.name=digits, not mnist", "model.hidden=[64], not [100,100]"):
        assert reason in said.err
    write_run(tmp_path / "more", task="mnist", seed=2, config=mnist)
    assert main([str(tmp_path / "more"), *places]) == 0 and len(read_records(file)) == 2
    assert main([str(tmp_path / "more"), *places, "--replace"]) == 0 and len(read_records(file)) == 1
    write_run(tmp_path / "path", task="mnist", config={**mnist, "model.weights": "/home/me/x.pt"})
    for words, message in (
        ([str(tmp_path / "path")], "model.weights=/home/me/x.pt is a path of this machine"),
        ([str(tmp_path / "out"), "status=interrupted"], "no finished run of experiment=momo/mnist_mlp"),
        (["--experiment", "momo/mnist", str(tmp_path / "out")], "momo/mnist is unknown; there are"),
    ):
        assert main([*places, *words]) == 2 and message in capsys.readouterr().err


def test_the_committed_records_can_be_read():
    folder = ROOT / "docs" / "results" / "records"
    assert all(read_records(folder / f"{name}.jsonl") for name in record_names())
