"""A target is reached at the first epoch that is good enough, and who never reaches it is not averaged away."""

import pytest
from run_folders import write_run

from report.tables.targets import Reached, common_target, reached, targets_table
from results.find import load_runs as load
from results.settings import best, settings


def write_curve(root, setting, seed, values, optimizer, metric="acc", better="max", status="done"):
    """A run whose validation metric takes these values, 10 steps and 2 seconds an epoch."""
    rows = [
        {
            "split": split,
            "epoch": e,
            "step": 10 * e,
            "loss": 1.0,
            metric: value if split == "val" else 9.0,
            "per": "epoch",
        }
        for e, value in enumerate(values, 1)
        for split in ("train", "val")
    ]
    timings = [{"epoch": e, "step": 10 * e, "train_s": 2.0 * e, "total_s": 3.0 * e} for e in range(1, len(values) + 1)]
    top = (max if better == "max" else min)(values)
    found = {"best": {"epoch": 1, "step": 10, "loss": 1.0, metric: top}}
    more = {"optimizer": optimizer, "metric": metric, "better": better, "epochs": len(values)}
    return write_run(root, setting, seed, values[-1], status, rows=rows, timings=timings, found=found, **more)


@pytest.fixture
def tried(tmp_path):
    for seed, fast in enumerate(([0.5, 0.9, 0.7], [0.2, 0.4, 0.9], [0.9, 0.9, 0.9])):
        write_curve(tmp_path, "adam", seed, fast, "adam")
    for seed, slow in enumerate(([0.1, 0.5, 0.6], [0.1, 0.2, 0.3], [0.2, 0.7, 0.3])):
        write_curve(tmp_path, "sgd", seed, slow, "sgd")
    return settings(load(tmp_path))


def row(table, optimizer):
    (found,) = [each for each in table.rows if each[0].startswith(f"{optimizer} ")]
    return dict(zip(table.columns, found, strict=True))


def test_the_first_epoch_that_is_good_enough_counts(tried):
    run = tried[0].runs[0]
    assert reached(run, 0.9) == Reached(epochs=2, steps=20, seconds=4.0)  # it falls below again
    assert reached(run, 0.5) == Reached(1, 10, 2.0) and reached(run, 0.91) is None


def test_all_reach_it(tried):
    found = row(targets_table(tried, 0.3), "adam")
    assert found["reached"] == "3 of 3" and found["epochs"] == "1.33 ± 0.58"
    assert found["steps"] == "13.3 ± 5.8" and found["seconds of training"] == "2.7 ± 1.2"


def test_means_of_those_that_reached_it_say_so(tried):
    table = targets_table(tried, 0.5)
    found = row(table, "sgd")
    assert (found["reached"], found["epochs"], found["seconds of training"]) == (
        "2 of 3",
        "2 ± 0 (2 of 3)",
        "4 ± 0 (2 of 3)",
    )
    assert "the mean of all is larger" in table.notes[-1]
    assert not any("the mean of all" in note for note in targets_table(tried, 0.3).notes)


def test_none_reaches_it(tried):
    found = row(targets_table(tried, 0.95), "sgd")
    assert (found["reached"], found["epochs"], found["steps"], found["seconds of training"]) == (
        "0 of 3",
        "-",
        "-",
        "-",
    )


def test_the_default_is_the_worst_best_mean(tried):
    chosen = [own[0] for own in best(tried).values()]
    assert common_target(chosen) == pytest.approx((0.6 + 0.3 + 0.7) / 3)
    table = targets_table(tried, percent=True)
    assert table.title == "digits: until validation acc (%) ≥ 53.33, the worst of the optimizers' best means"
    assert row(table, "sgd")["reached"] == "2 of 3" and row(table, "adam")["reached"] == "3 of 3"


def test_smaller_is_better_where_the_run_says_so(tmp_path):
    write_curve(tmp_path, "sgd", 0, [5.0, 3.0, 4.0], "sgd", "mse", "min")
    write_curve(tmp_path, "adam", 0, [9.0, 8.0, 2.0], "adam", "mse", "min")
    table = targets_table(settings(load(tmp_path)))
    assert "validation mse ≤ 3.000" in table.title
    assert row(table, "sgd")["epochs"] == "2" and row(table, "adam")["epochs"] == "3"


def test_without_the_timings_of_all_there_are_no_seconds(tmp_path):
    for seed in (0, 1):
        folder = write_curve(tmp_path, "sgd", seed, [0.5, 0.6], "sgd")
    (folder / "timings.jsonl").unlink()
    found = row(targets_table(settings(load(tmp_path))), "sgd")
    assert (found["steps"], found["seconds of training"]) == ("20 ± 0", "-")


def test_no_finished_setting_is_refused(tmp_path):
    write_curve(tmp_path, "sgd", 0, [0.5], "sgd", status="diverged")
    with pytest.raises(ValueError, match="no setting is finished"):
        targets_table(settings(load(tmp_path)))
