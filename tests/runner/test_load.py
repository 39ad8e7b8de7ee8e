"""A run loaded from its folder, in Python and by evaluate=FOLDER: the recorded results, exactly."""

import re

import pytest
import torch
from runs import read_rows

from runner.config.errors import ConfigError
from runner.load import load_run

SMALL = ["epochs=2", "limit_train=200", "limit_val=50", "limit_test=60", "optim=adam", "optim.lr=0.01"]


@pytest.mark.parametrize("word", ["wrap=[]", "wrap=[ema,lookahead]"])
@pytest.mark.parametrize("weights", ["best", "last"])
def test_loaded_weights_give_the_recorded_results(run, weights, word):
    folder = run(*SMALL, word, "model=cnn_bn").folder  # batch norm's statistics are those of the average
    files = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    before = torch.get_rng_state()
    loaded = load_run(folder, weights)
    (row,) = read_rows(folder, split="test", weights=weights)
    assert loaded.evaluate() == {key: row[key] for key in ("loss", "acc")}
    assert loaded.epoch == row["epoch"] and loaded.config.optim.name == "adam"
    assert len(loaded.samples.test) == 60 and loaded.metrics["split"].tolist().count("val") == 2
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == files, "nothing is written"
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluate_prints_validation_test_and_what_was_recorded(run, capsys):
    from runner.cli.main import main

    folder = run(*SMALL).folder
    (row,) = read_rows(folder, split="test", weights="last")
    assert main([f"evaluate={folder}", "weights=last", "device=cpu"]) == 0
    text = f"loss {row['loss']:.6g}, acc {row['acc']:.6g}"
    head, val, test = capsys.readouterr().out.splitlines()
    assert str(folder) in head and val.startswith("val ") and test == f"test  {text}  (recorded: {text})"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["weights=first"], "weights=first"),
        (["epochs=3"], "epochs"),
        (["-m"], "flags"),
        (["device=tpu"], "device=tpu"),
    ],
)
def test_evaluate_refuses_what_it_does_not_take(run, capsys, words, named):
    from runner.cli.main import main

    folder = run(*SMALL).folder
    assert main([f"evaluate={folder}", *words]) == 2
    assert re.fullmatch(rf"error: .*{named}.*\n", capsys.readouterr().err)


def test_a_folder_without_a_run_and_weights_of_another_run_are_named(run, tmp_path):
    with pytest.raises(ConfigError, match=r"holds no config\.yaml"):
        load_run(tmp_path)
    folder, other = run(*SMALL).folder, run(*SMALL, "model.hidden=[5]").folder
    (folder / "checkpoints" / "best.pt").write_bytes((other / "checkpoints" / "best.pt").read_bytes())
    with pytest.raises(ConfigError, match=r"best\.pt is not of this run"):
        load_run(folder)
    (folder / "checkpoints" / "last.pt").unlink()
    with pytest.raises(ConfigError, match=r"last\.pt is missing"):
        load_run(folder, "last")
