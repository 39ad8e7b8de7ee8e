"""The best setting is chosen on validation, and the tables tell what it cost and what became of the rest."""

import json
import re

import pytest
from run_folders import write_run

from report.tables.best import best_table, every_table
from results.find import load_runs as load
from results.settings import settings, usual_seeds


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
        **{"best setting": "adam lr=0.001", "n": "3", "epochs": "3", "diverged": "1 of 3", "optimizer %": "-"},
        **{"val acc, best epoch": "0.90 ± 0.10", "test acc": "0.450 ± 0.050", "s/epoch": "1 ± 0"},
    }


def test_an_optimizer_that_never_finished_is_not_passed_over(tmp_path):
    write_comparison(tmp_path)
    row = cells(best_table(tried(tmp_path)), 1)
    assert (row["best setting"], row["diverged"]) == ("sgd (none finished)", "1 of 1")
    assert row["n"] == row["val acc, best epoch"] == row["test acc"] == "-"


def test_the_optimizers_share_is_of_the_seconds_of_training(tmp_path):
    for seed, own in enumerate((0.3, 0.6, None)):
        seconds = {"train": 3.0, "eval": 1.0, "total": 9.0, "optimizer": own}
        write_run(tmp_path, "adam", seed, optimizer="adam", found={"seconds": seconds})
    assert cells(best_table(tried(tmp_path)), 0)["optimizer %"] == "15.0 ± 7.1"  # of the two that could tell


def test_fractions_in_percent(tmp_path):
    write_comparison(tmp_path)
    assert cells(best_table(tried(tmp_path), percent=True), 0)["test acc (%)"] == "45.0 ± 5.0"
    write_run(tmp_path / "other", "sgd", 0, 5.0, task="autoencoder", metric="mse", better="min")
    assert cells(best_table(tried(tmp_path / "other"), percent=True), 0)["val mse, best epoch"] == "5.000"


def test_every_setting_has_a_row_the_best_first_and_the_broken_last(tmp_path):
    write_comparison(tmp_path)
    write_run(tmp_path, "adam,lr=0.1", 0, 0.2, "running", optimizer="adam", lr=0.1)
    table = every_table(tried(tmp_path))
    names = ["adam lr=0.001", "adam lr=0.01", "adam lr=0.1", "adam lr=9", "sgd lr=0.1"]
    assert [row[0] for row in table.rows] == names
    assert [row[1] for row in table.rows] == ["3 done", "3 done", "1 running", "1 done, 1 diverged", "1 diverged"]
    assert cells(table, 3)["val acc, best epoch"] == "1.000" and cells(table, 4)["val acc, last epoch"] == "-"
    assert not any("test" in column for column in table.columns)


def test_smaller_is_better_where_the_run_says_so(tmp_path):
    for lr, mse in ((0.1, 3.0), (1, 2.0)):
        write_run(tmp_path, "sgd", 0, mse, metric="mse", better="min", optimizer="sgd", lr=lr)
    assert cells(best_table(tried(tmp_path)), 0)["best setting"] == "sgd lr=1"
    assert [row[0] for row in every_table(tried(tmp_path)).rows] == ["sgd lr=1", "sgd lr=0.1"]


def test_the_best_setting_is_named_by_what_was_swept(tmp_path):
    for size, clip, acc in ((32, None, 0.5), (64, None, 0.7), (64, 1.0, 0.6)):
        write_run(tmp_path, "sgd", 0, acc, optimizer="sgd", config={"clip_norm": clip, "accumulate": size})
    assert cells(best_table(tried(tmp_path)), 0)["best setting"] == "sgd lr=0.1 clip_norm=null accumulate=64"


def test_a_setting_with_all_seeds_is_preferred(tmp_path):
    for lr, seeds, acc in ((0.1, 3, 0.5), (0.2, 3, 0.6), (0.3, 1, 0.9)):
        for seed in range(seeds):
            write_run(tmp_path, f"sgd{lr}", seed, acc, optimizer="sgd", lr=lr)
    assert cells(best_table(tried(tmp_path)), 0)["best setting"] == "sgd lr=0.2"
    assert [row[0] for row in every_table(tried(tmp_path)).rows] == [f"sgd lr={lr}" for lr in (0.2, 0.1, 0.3)]


@pytest.mark.parametrize(
    ("counts", "usual"),
    [([3, 3, 1], 3), ([1, 1, 1, 3], 3), ([10, 3, 3], 3), ([5, 5, 3], 5), ([1, 1, 2], 2), ([1], 1), ([2, 3, 4], 4)],
)
def test_the_usual_number_of_seeds(tmp_path, counts, usual):
    for lr, seeds in enumerate(counts, 1):
        for seed in range(seeds):
            write_run(tmp_path, f"sgd{lr}", seed, optimizer="sgd", lr=lr)
    assert usual_seeds(tried(tmp_path)) == usual


def test_runs_of_other_code_are_never_averaged_in_silence(tmp_path):
    for seed, (digits, acc) in enumerate((("aaaa", 0.5), ("aaaa", 0.5), ("bbbb", 0.9))):
        code = {"code": {"optim/rules/sgd.py": digits}}
        write_run(tmp_path, "sgd", seed, acc, optimizer="sgd", environment=code, signature="11111111")
    names = [row[0] for row in every_table(tried(tmp_path)).rows]
    assert len(set(names)) == 2 and all(re.fullmatch("sgd lr=0.1 code=[0-9a-f]{4}", name) for name in names)
    for seed, commit in enumerate("ab"):
        write_run(tmp_path / "old", "sgd", seed, optimizer="sgd", environment={"git.commit": 40 * commit})
    ((name, runs, *_),) = every_table(tried(tmp_path / "old")).rows
    assert (name, runs) == ("sgd lr=0.1 (2 versions of the code)", "2 done")


def test_settings_that_nothing_else_tells_apart_have_their_signatures(tmp_path):
    for signature in ("aaaaaaaa", "bbbbbbbb"):
        write_run(tmp_path, "sgd", 0, 0.5, optimizer="sgd", signature=signature)
    names = [row[0] for row in every_table(tried(tmp_path)).rows]
    assert names == ["sgd lr=0.1 signature=aaaaaaaa", "sgd lr=0.1 signature=bbbbbbbb"]


def test_old_runs_without_seconds_and_half_written_ones(tmp_path):
    folder = write_run(tmp_path, "sgd", 0, 0.5, optimizer="sgd")
    content = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({k: v for k, v in content.items() if k != "seconds"}))
    assert cells(best_table(tried(tmp_path)), 0)["s/epoch"] == "-"
    nothing_yet = {"best": None, "final": None, "epochs_done": 0}
    write_run(tmp_path, "adam", 0, 0.5, "running", optimizer="adam", found=nothing_yet)
    assert cells(every_table(tried(tmp_path)), 0)["val acc, best epoch"] == "-"


def test_a_table_is_of_one_task(tmp_path):
    write_run(tmp_path, "sgd", 0, 0.5)
    write_run(tmp_path, "sgd", 0, 0.5, task="mnist")
    with pytest.raises(ValueError, match="a table holds runs of one task, not of digits, mnist"):
        best_table(tried(tmp_path))
    with pytest.raises(ValueError, match="not of none"):
        every_table([])
