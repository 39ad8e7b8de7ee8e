"""The best setting is chosen on validation, and the tables tell what it cost and what became of the rest."""

import json

import pytest
from run_folders import write_run

from report.tables.best import best_table, every_table
from results.find import load_runs as load
from results.settings import settings


def write_comparison(root):
    for seed, acc in enumerate((0.8, 0.9, 1.0)):
        write_run(root, "adam", seed, acc, optimizer="adam", lr=0.001)
        write_run(root, "adam,lr=0.01", seed, 0.95 if seed == 1 else 0.4, optimizer="adam", lr=0.01)
    write_run(root, "adam,lr=9", 0, 1.0, optimizer="adam", lr=9)
    write_run(root, "adam,lr=9", 1, 1.0, "diverged", optimizer="adam", lr=9)
    write_run(root, "sgd", 0, 0.5, "diverged", optimizer="sgd")


def cells(table, row):
    return dict(zip(table.columns, table.rows[row], strict=True))


def tried(root):
    return settings(load(root))


def test_a_row_an_optimizer_at_its_best_setting(tmp_path):
    write_comparison(tmp_path)
    table = best_table(tried(tmp_path))
    assert table.title == "digits: best settings" and len(table.rows) == 2
    assert cells(table, 0) == {
        **{"optimizer": "adam", "best setting": "adam", "n": "3", "epochs": "3", "diverged": "1 of 3"},
        **{"validation acc": "0.90 ± 0.10", "test acc": "0.450 ± 0.050", "s/epoch": "1 ± 0", "optimizer %": "-"},
    }


def test_an_optimizer_that_never_finished_is_not_passed_over(tmp_path):
    write_comparison(tmp_path)
    row = cells(best_table(tried(tmp_path)), 1)
    assert (row["optimizer"], row["best setting"], row["diverged"]) == ("sgd", "none finished", "1 of 1")
    assert row["n"] == row["validation acc"] == row["test acc"] == "-"


def test_the_optimizers_share_is_of_the_seconds_of_training(tmp_path):
    for seed, own in enumerate((0.3, 0.6, None)):
        seconds = {"train": 3.0, "eval": 1.0, "total": 9.0, "optimizer": own}
        write_run(tmp_path, "adam", seed, optimizer="adam", found={"seconds": seconds})
    assert cells(best_table(tried(tmp_path)), 0)["optimizer %"] == "15.0 ± 7.1"  # of the two that could tell


def test_fractions_in_percent(tmp_path):
    write_comparison(tmp_path)
    assert cells(best_table(tried(tmp_path), percent=True), 0)["test acc (%)"] == "45.0 ± 5.0"
    write_run(tmp_path / "other", "sgd", 0, 5.0, task="autoencoder", metric="mse", better="min")
    assert cells(best_table(tried(tmp_path / "other"), percent=True), 0)["validation mse"] == "5.000"


def test_every_setting_has_a_row_the_best_first_and_the_broken_last(tmp_path):
    write_comparison(tmp_path)
    write_run(tmp_path, "adam,lr=0.1", 0, 0.2, "running", optimizer="adam", lr=0.1)
    table = every_table(tried(tmp_path))
    assert [row[1] for row in table.rows] == ["adam", "adam,lr=0.01", "adam,lr=0.1", "adam,lr=9", "sgd"]
    assert [row[2] for row in table.rows] == ["3 done", "3 done", "1 running", "1 done, 1 diverged", "1 diverged"]
    assert cells(table, 3)["validation acc"] == "1.000" and cells(table, 4)["validation acc"] == "-"
    assert not any("test" in column for column in table.columns)


def test_smaller_is_better_where_the_run_says_so(tmp_path):
    for setting, mse in (("sgd", 3.0), ("sgd,lr=1", 2.0)):
        write_run(tmp_path, setting, 0, mse, metric="mse", better="min", optimizer="sgd")
    assert cells(best_table(tried(tmp_path)), 0)["best setting"] == "sgd,lr=1"
    assert [row[1] for row in every_table(tried(tmp_path)).rows] == ["sgd,lr=1", "sgd"]


def test_settings_of_one_name_are_told_apart(tmp_path):
    write_run(tmp_path, "sgd", 0, 0.5, optimizer="sgd", signature="aaaaaaaa")
    write_run(tmp_path, "sgd", 0, 0.7, optimizer="sgd", epochs=5, signature="bbbbbbbb")
    assert cells(best_table(tried(tmp_path)), 0)["best setting"] == "sgd (bbbbbbbb)"


def test_old_runs_without_seconds_and_half_written_ones(tmp_path):
    folder = write_run(tmp_path, "sgd", 0, 0.5, optimizer="sgd")
    content = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({k: v for k, v in content.items() if k != "seconds"}))
    assert cells(best_table(tried(tmp_path)), 0)["s/epoch"] == "-"
    nothing_yet = {"best": None, "final": None, "epochs_done": 0}
    write_run(tmp_path, "adam", 0, 0.5, "running", optimizer="adam", found=nothing_yet)
    assert cells(every_table(tried(tmp_path)), 0)["validation acc"] == "-"


def test_a_table_is_of_one_task(tmp_path):
    write_run(tmp_path, "sgd", 0, 0.5)
    write_run(tmp_path, "sgd", 0, 0.5, task="mnist")
    with pytest.raises(ValueError, match="a table holds runs of one task, not of digits, mnist"):
        best_table(tried(tmp_path))
    with pytest.raises(ValueError, match="not of none"):
        every_table([])
