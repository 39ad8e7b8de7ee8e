"""Published beside ours: whom a number is compared with, each verdict, and why some are not comparable."""

import pytest
from run_folders import write_run

from report.published.agreement import interval
from report.published.matching import curve
from report.published.panels import published_panels
from report.published.tables import published_sweep_table, published_table
from results.find import load_runs
from results.settings import settings

MNIST = {
    **{"data.name": "mnist", "data.augment": "none", "data.split": "test", "model.hidden": [100, 100]},
    **{"drop_last": True, "optim.weight_decay": 0.0},
}
AUTOENCODER = {
    **{"data.name": "mnist", "data.split": "first", "model.name": "autoencoder", "batch_size": 200},
    **{"optim.lr_schedule.name": "step", "optim.momentum": 0.99},
}
NNO = {
    **{"data.name": "cifar10", "data.augment": "none", "data.shuffle": True, "data.reshuffle": False},
    **{"model.name": "cnn_bn", "optim.lr_schedule.name": "plateau"},
}


def load(root):
    return settings(load_runs(root))


def adam(root, *accs, lr=0.001, status="done", config=None, found=None, epochs=10):
    """MoMo's Adam on MNIST: 97.75 ± 0.06 % at lr 0.001, close up to 0.2 points."""
    for seed, acc in enumerate(accs):
        own = {**MNIST, **(config or {})}
        write_run(root, f"adam,lr={lr}", seed, acc, status, "adam", lr, epochs, task="mnist", config=own, found=found)
    return load(root)


def momentum(root, *values, config=None, optimizer="momentum", setting="momentum"):
    """AggMo's CM on the autoencoder: validation 3.55 ± 0.15, close up to 5 %; test runs have half of `values`."""
    for seed, value in enumerate(values):
        own, better = {**AUTOENCODER, **(config or {})}, {"metric": "mse", "better": "min", "task": "autoencoder"}
        write_run(root, setting, seed, value, "done", optimizer, 0.1, 1000, config=own, **better, rows=[])
    return load(root)


def verdict(table, method="Adam", column="method"):
    (row,) = [row for row in table.rows if row[0] == method and (column == "method" or row[1].startswith(column))]
    return dict(zip(table.columns, row, strict=True))


def test_match_where_the_published_value_lies_in_our_interval(tmp_path):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, 0.9770, 0.9775, 0.9783)))
    assert row["published"] == "97.75 ± 0.06" and row["verdict"] == "match" and row["n"] == "3"
    assert row["ours, 95 % interval"] == "97.76 ± 0.16"  # t = 4.303, s = 0.0656, sqrt(3)


def test_close_where_the_means_differ_by_less_than_the_bound(tmp_path):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, 0.9790, 0.9791, 0.9790)))
    assert row["verdict"] == "close (better by 0.15 points)"


@pytest.mark.parametrize(("acc", "text"), [(0.9700, "worse by 0.74"), (0.9850, "better by 0.76")])
def test_miss_where_they_differ_by_more_in_either_direction(tmp_path, acc, text):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, acc, acc + 0.0001, acc + 0.0002)))
    assert row["verdict"] == f"miss ({text} points)"


def test_an_interval_that_is_too_wide_tells_nothing(tmp_path):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, 0.96, 0.98)))
    assert row["verdict"] == "not comparable (our interval, ±12.71, is too wide to decide)"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"data.name": "fashion_mnist"}, "data: fashion_mnist, not mnist"),
        ({"model.name": "cnn5"}, "model: cnn5, not mlp"),
        ({"model.hidden": [64]}, "model.hidden: [64], not [100,100]"),
        ({"data.split": "random"}, "data.split: random, not test"),
        ({"batch_size": 64}, "batch_size: 64, not 128"),
        ({"limit_train": 3000}, "limit_train: 3000, not all"),
        ({"limit_val": 10}, "limit_val: 10, not all"),
        ({"optim.lr_schedule.name": "cosine"}, "lr_schedule: cosine, not constant"),
        ({"optim.weight_decay": 0.1}, "weight_decay: 0.1, not 0"),
        ({"drop_last": False}, "drop_last: false, not true"),
        ({"task.mixup": 0.2}, "task.mixup: 0.2, not 0"),
    ],
)
def test_another_protocol_is_not_comparable_but_shown(tmp_path, config, reason):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, 0.9770, 0.9775, 0.9783, config=config)))
    assert row["verdict"] == f"not comparable ({reason})" and row["ours, 95 % interval"] == "97.76 ± 0.16"


def test_settings_that_do_not_bear_on_the_number_are_free(tmp_path):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, 0.977, 0.9775, 0.9783, config={"limit_test": 5})))
    assert row["verdict"] == "match"


@pytest.mark.parametrize(("epochs", "text"), [(3, "epochs: 3 of 10"), (20, "epochs: 20, not 10")])
def test_fewer_and_more_epochs_are_not_comparable(tmp_path, epochs, text):
    row = verdict(published_table("momo/mnist_mlp", adam(tmp_path, 0.97, 0.97, epochs=epochs)))
    assert row["verdict"] == f"not comparable ({text})"


def test_several_reasons_are_all_said(tmp_path):
    runs = adam(
        tmp_path, 0.977, config={"data.name": "fashion_mnist", "limit_train": 10}, found={"stopped_early": True}
    )
    assert verdict(published_table("momo/mnist_mlp", runs))["verdict"] == (
        "not comparable (data: fashion_mnist, not mnist; limit_train: 10, not all; 1 of 1 runs stopped early; "
        "n=1: no interval)"
    )


def test_runs_without_a_value_are_counted(tmp_path):
    adam(tmp_path, 0.9770, 0.9775)
    write_run(tmp_path, "adam,lr=0.001", 2, 0.5, "diverged", "adam", 0.001, 10, task="mnist", config=MNIST)
    write_run(tmp_path, "adam,lr=0.001", 3, 0.5, "running", "adam", 0.001, 10, task="mnist", config=MNIST)
    row = verdict(published_table("momo/mnist_mlp", load(tmp_path)))
    assert row["n"] == "2 of 3"
    assert row["verdict"] == "not comparable (1 of 4 runs diverged; 1 of 4 runs unfinished)"


def test_another_metric_is_not_comparable(tmp_path):
    write_run(tmp_path, "adam", 0, 3.0, optimizer="adam", lr=0.001, epochs=10, task="mnist", metric="mse", config=MNIST)
    row = verdict(published_table("momo/mnist_mlp", load(tmp_path)))
    assert row["verdict"] == "not comparable (acc not recorded)" and row["ours, 95 % interval"] == "-"


def test_another_task_is_shown_only_where_there_is_no_run_of_the_published_one(tmp_path):
    write_run(tmp_path, "adam", 0, 0.9, optimizer="adam", config={"optim.weight_decay": 0.0})
    row = verdict(published_table("momo/mnist_mlp", load(tmp_path)))
    assert row["verdict"].startswith("not comparable (task: digits, not mnist; data: digits, not mnist;")
    write_run(tmp_path, "momo", 0, 0.9, optimizer="momo")
    table = published_table("momo/mnist_mlp", adam(tmp_path, 0.9770, 0.9775, 0.9783))
    assert [(row[0], row[-1]) for row in table.rows] == [("Adam", "match")]


def test_learning_rates_are_compared_one_by_one(tmp_path):
    adam(tmp_path, 0.9646, 0.9647, lr=0.01)
    adam(tmp_path, 0.1, 0.09, lr=0.1)
    adam(tmp_path, 0.0, 0.0, lr=1.0, status="diverged")
    adam(tmp_path, 0.0, 0.0, lr=0.0001, status="diverged")
    adam(tmp_path, 0.0, 0.0, lr=10.0, status="diverged")
    write_run(tmp_path, "adam,lr=10.0", 2, 0.1, "done", "adam", 10.0, 10, task="mnist", config=MNIST)
    runs = adam(tmp_path, 0.97, 0.97, lr=0.5)  # a rate that is not published
    table = published_sweep_table("momo/mnist_mlp", runs)
    assert [(row[1], row[-1]) for row in table.rows] == [
        ("0.0001", "miss (all our runs diverged)"),
        ("0.01", "match"),
        ("0.1", "match (neither learns)"),
        ("1", "match (neither learns)"),
        ("10", "match (neither learns)"),
    ]
    assert verdict(published_table("momo/mnist_mlp", runs))["our setting"] == "adam lr=0.5, best of 6"
    assert published_sweep_table("aggmo/autoencoder", runs) is None
    write_run(tmp_path / "other", "sgd", optimizer="sgd", task="mnist")
    assert published_sweep_table("momo/mnist_mlp", load(tmp_path / "other")) is None


def test_a_best_rate_compares_only_where_the_best_published_rate_was_run(tmp_path):
    other = adam(tmp_path, 0.1, 0.1, lr=0.1)
    reason = "not run at the best published lr, 0.001"
    assert verdict(published_table("momo/mnist_mlp", other), column="validation")["verdict"] == (
        f"not comparable ({reason})"
    )
    decayed = adam(tmp_path, 0.9775, 0.9776, config={"optim.weight_decay": 0.1})
    assert reason in verdict(published_table("momo/mnist_mlp", decayed))["verdict"]
    both = adam(tmp_path, 0.9, 0.9)  # without weight decay: ours may be best at another rate
    assert "miss" in verdict(published_table("momo/mnist_mlp", both))["verdict"]


def test_smaller_is_better_and_the_bound_is_relative(tmp_path):
    runs = momentum(tmp_path, 3.40, 3.41, 3.39)
    row = verdict(published_table("aggmo/autoencoder", runs), "CM", "validation")
    assert row["published"] == "3.55 ± 0.15" and row["verdict"] == "close (better by 0.15)"
    assert verdict(published_table("aggmo/autoencoder", runs), "CM", "test")["verdict"] == "miss (better by 1.75)"
    assert (
        verdict(published_table("aggmo/autoencoder", runs), "CM", "training")["verdict"]
        == "not comparable (mse not recorded)"
    )


def test_the_setting_that_is_closest_to_the_protocol_counts_not_the_best(tmp_path):
    momentum(tmp_path, 3.6, 3.6, setting="momentum lr=0.1 momentum=0.99")
    runs = momentum(tmp_path, 1.0, 1.0, config={"optim.momentum": 0.5}, setting="momentum,momentum=0.5")
    row = verdict(published_table("aggmo/autoencoder", runs), "CM", "validation")
    assert row["our setting"] == "momentum lr=0.1 momentum=0.99" and row["verdict"].startswith("close")


def test_a_method_has_several_names_and_its_settings_decide(tmp_path):
    exp = {"optim.a": 0.1, "optim.k": 4}
    runs = momentum(tmp_path, 3.05, 3.06, config=exp, optimizer="aggmo_exp", setting="aggmo_exp,k=4")
    assert verdict(published_table("aggmo/autoencoder", runs), "AggMo", "validation")["verdict"] == "match"
    other = tmp_path / "k3"
    runs = momentum(other, 3.05, 3.06, config={**exp, "optim.k": 3}, optimizer="aggmo_exp", setting="aggmo_exp")
    found = verdict(published_table("aggmo/autoencoder", runs), "AggMo", "validation")["verdict"]
    assert found == "not comparable (k: 3, not 4)"


def test_a_setting_that_is_exactly_one_method_is_not_shown_as_another(tmp_path):
    """Adam is no RMSprop although one of RMSprop's names is Adam with other betas."""
    config = {**NNO, "optim.betas": [0.9, 0.999], "optim.weight_decay": 0.0}
    write_run(tmp_path, "adam", 0, 0.5, optimizer="adam", lr=0.001, epochs=30, task="cifar10", config=config)
    table = published_table("nno/cifar10_cnn", load(tmp_path))
    assert {row[0] for row in table.rows} == {"Adam"}
    assert any("not among these runs: SGD, SGD with momentum" in note for note in table.notes)


def nno_run(root, optimizer, config):
    """loss 2 - epoch/20 at each of 10 steps an epoch, each row the mean of the 5 steps before it."""
    rows = [
        {"split": "train", "per": "step", "epoch": (s - 1) // 10 + 1, "step": s, "loss": 2 - (s - 2.5) / 200}
        for s in range(5, 301, 5)
    ]
    rows += [{"split": "train", "per": "epoch", "epoch": e, "step": 10 * e, "loss": 9.0} for e in range(1, 31)]
    common = {"optimizer": optimizer, "lr": 0.001, "epochs": 30, "task": "cifar10"}
    write_run(root, optimizer, 0, 0.5, config={**NNO, **config}, rows=rows, **common)
    write_run(root, optimizer, 1, 0.5, config={**NNO, **config}, rows=rows, **common)
    return load(root)


def test_curves_are_read_at_the_middle_of_what_was_averaged(tmp_path):
    """And at 31/30 of an epoch for a unit of the published axis."""
    runs = nno_run(tmp_path, "sgd", {})
    run = runs[0].runs[0]
    assert dict(curve(run, "train", "loss"))[5.25] == pytest.approx(2 - 5.25 / 20)
    row = verdict(published_table("nno/cifar10_cnn", runs), "SGD", "training loss after 5.17 epochs [1]")
    assert row["ours, 95 % interval"] == "1.74" and row["verdict"] == "miss (worse by 0.89)"
    epochs_only = [row for row in run.rows if row["per"] == "epoch"]
    run.rows[:] = epochs_only
    assert curve(run, "train", "loss")[0] == (0.5, 9.0)


def test_a_method_that_is_not_what_its_name_says_is_not_comparable(tmp_path):
    table = published_table("nno/cifar10_cnn", nno_run(tmp_path, "nadam", {}))
    assert {row[-1] for row in table.rows} == {"not comparable (theirs steps by the previous batch's gradient)"}


def test_where_nothing_is_random_one_run_tells(tmp_path):
    toy = {"data.name": "directions", "data.dim": 2, "data.noise": 0.0, "data.num_steps": 25, "task.power": 2}
    toy |= {"model.start": [-1.0, 0.001], "optim.momentum": 0.9, "optim.dampening": 0.0, "optim.weight_decay": 0.0}
    rows = [
        {"split": "train", "per": "step", "epoch": 20, "step": s, "norm": norm} for s, norm in ((1, 1.0), (500, 2.934))
    ]
    common = {"optimizer": "momentum", "lr": 0.01, "epochs": 20, "task": "cosine", "metric": "angle", "better": "min"}
    write_run(tmp_path, "momentum", 0, 0.0, config=toy, rows=rows, **common)
    row = verdict(published_table("adamp/toy2d", load(tmp_path)), "Momentum 0.9")
    assert row["ours, 95 % interval"] == "2.93" and row["verdict"] == "match"
    assert len(published_table("adamp/toy2d", load(tmp_path)).rows) == 1  # 0.9 is no 0.99
    moved = tmp_path / "moved"
    write_run(moved, "momentum", 0, 0.0, config={**toy, "model.start": [1.0, 1.0]}, rows=rows, **common)
    found = verdict(published_table("adamp/toy2d", load(moved)), "Momentum 0.9")["verdict"]
    assert found == "not comparable (model.start: [1,1], not [-1,0.001])"


def test_the_notes_hold_source_rule_and_numbers(tmp_path):
    table = published_table("momo/mnist_mlp", adam(tmp_path, 0.9770, 0.9775, 0.9783))
    text = "\n".join(table.notes)
    assert "ICML 2024" in text and "[1] stepback/records/mnist_mlp.csv" in text
    assert "Close: up to 0.2 points; error of rounding or reading 0.005; at most 12 is not learnt." in text
    for word in ("match:", "close:", "miss:", "not comparable:", "95 % interval"):
        assert word in text
    assert "not among these runs: SGD-M, MoMo, MoMo-Adam, AdaBound, AdaBelief." in text
    empty = published_table("momo/mnist_mlp", [])
    assert not empty.rows and "not among these runs: SGD-M, MoMo, Adam," in empty.notes[-1]


def test_interval_is_students(tmp_path):
    from scipy import stats

    found = [0.3, 0.5, 0.4, 0.9]
    low, high = stats.t.interval(0.95, 3, loc=0.525, scale=stats.sem(found))
    mean, half = interval(found)
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_panels_hold_their_sweep_in_grey_beside_ours(tmp_path):
    adam(tmp_path, 0.96, 0.97, lr=0.001)
    adam(tmp_path, 0.90, 0.92, lr=0.02)  # not published, drawn all the same
    runs = adam(tmp_path, 0.0, 0.0, lr=1.0, status="diverged")
    sweep, learning, training = published_panels("momo/mnist_mlp", runs)
    theirs, ours = sweep.lines
    assert (sweep.title, sweep.x_log, sweep.y_name, sweep.diverged_edge) == (
        "Adam",
        True,
        "validation accuracy (%)",
        "bottom",
    )
    assert theirs.x == [0.0001, 0.001, 0.01, 0.1, 1, 10] and theirs.y[1] == 97.75
    assert theirs.low[1] == pytest.approx(97.69) and theirs.style.colour == "#6e6e6e"
    assert (
        ours.label == "ours"
        and ours.x == [0.001, 0.02]
        and ours.y == pytest.approx([96.5, 91.0])
        and ours.diverged_at == [1.0]
    )
    assert ours.high[0] == 100.0  # an interval of accuracies ends there
    assert (theirs.style.dash, theirs.style.marker) != (ours.style.dash, ours.style.marker)
    assert learning.x_name == "epoch" and learning.lines[0].x == [1, 2, 3, 5, 10]
    assert learning.lines[1].x == list(range(1, 11)) and learning.lines[1].y[-1] == pytest.approx(96.5)
    assert training.y_name == "training loss" and training.lines[0].y[0] == 0.153


def test_panels_name_several_published_curves_and_say_what_differs(tmp_path):
    (panel,) = published_panels("nno/cifar10_cnn", nno_run(tmp_path, "sgd", {"data.augment": "crop_flip"}))
    labels = [line.label for line in panel.lines]
    assert labels[0] == "loss_cifar_sgd, 12 Dec 2019" and len(labels) == 4
    assert labels[3] == "ours (data.augment: crop_flip, not none)" and "grey: published" in panel.note
    assert len({(line.style.dash, line.style.marker) for line in panel.lines}) == 4
    assert published_panels("aggmo/autoencoder", load(tmp_path)) == []


def test_a_name_that_is_not_published_is_refused_everywhere():
    for ask in (
        lambda: published_table("x", []),
        lambda: published_sweep_table("x", []),
        lambda: published_panels("x", []),
    ):
        with pytest.raises(ValueError, match="no published numbers are named x"):
            ask()
