"""Each thing to beware of is said where it is so, with the culprits' names, and nowhere else."""

import pytest
from run_folders import write_run

from report.selection import statuses
from report.warnings import warnings
from results.find import load_runs as load
from results.settings import settings


def write_pair(root, optimizers=("adam", "sgd"), seeds=(0, 1), rates=(0.01, 0.1, 1.0), **more):
    """Each optimizer with a grid whose best rate is in the middle."""
    for optimizer in optimizers:
        for lr in rates:
            for seed in seeds:
                acc = 0.9 if lr == 0.1 else 0.5
                write_run(root, f"{optimizer},lr={lr}", seed, acc, optimizer=optimizer, lr=lr, **more)


def said(root):
    """All but the caution about few seeds, which most of these runs deserve."""
    return [sentence for sentence in warnings(settings(load(root))) if not sentence.startswith("Fewer than 3 seeds")]


def one(root, *words):
    """The only warning, which has all of the words."""
    sentences = said(root)
    assert len(sentences) == 1, sentences
    assert all(word in sentences[0] for word in words), sentences[0]
    assert sentences[0].endswith(".") and len(sentences[0]) < 250


def test_a_clean_comparison_has_none(tmp_path):
    write_pair(tmp_path)
    assert said(tmp_path) == [] == warnings([])


def test_one_setting_has_no_grid(tmp_path):
    write_pair(tmp_path, rates=(0.1,))
    assert said(tmp_path) == []


@pytest.mark.parametrize(
    "rates, which, beyond", [((0.1, 1.0, 3.0), "smallest", "smaller"), ((0.001, 0.1), "largest", "larger")]
)
def test_the_best_value_on_the_edge_of_its_grid(tmp_path, rates, which, beyond):
    write_pair(tmp_path, ["adam"], rates=rates)
    grid = ", ".join(f"{rate:g}" for rate in rates)
    one(tmp_path, f"adam: the best optim.lr, 0.1, is the {which} tried ({grid})", f"a {beyond} one")


def test_edges_are_looked_for_in_every_swept_number_of_each_optimizer(tmp_path):
    for optimizer, key in (("adam", "optim.weight_decay"), ("sgd", "batch_size")):
        for value, acc in ((1, 0.1), (2, 0.2), (3, 0.3)):
            write_run(tmp_path, f"{optimizer}{value}", 0, acc, optimizer=optimizer, config={key: value})
    found = said(tmp_path)
    assert "adam: the best optim.weight_decay, 3, is the largest tried (1, 2, 3)" in found[0]
    assert "sgd: the best batch_size, 3" in found[1]
    assert "The optimizers differ in batch_size" in found[2] and len(found) == 3


def test_a_long_grid_is_cut(tmp_path):
    write_pair(tmp_path, ["adam"], seeds=[0], rates=[0.1, *range(1, 40)])
    one(tmp_path, "(0.1, 1, ..., 39)")


def test_zero_is_no_edge_and_diverged_settings_were_tried(tmp_path):
    for decay, acc in ((0.0, 0.9), (0.1, 0.5)):
        write_run(tmp_path, f"wd{decay}", 0, acc, config={"optim.weight_decay": decay})
    write_run(tmp_path, "lr1", 0, 0.1, "diverged", lr=1.0, config={"optim.weight_decay": 0.0})
    write_run(tmp_path, "lr0", 0, 0.1, lr=0.01, config={"optim.weight_decay": 0.0})
    assert said(tmp_path) == []


def test_an_unfinished_setting_does_not_count_as_tried(tmp_path):
    write_pair(tmp_path, ["adam"], rates=(0.01, 0.1))
    write_run(tmp_path, "adam,lr=1", 0, 0.0, "running", "adam", 1.0)
    edge, rest = said(tmp_path)
    assert "largest tried (0.01, 0.1)" in edge
    assert rest == "Settings with unfinished runs are left out: adam lr=1 seed=0 (running)."


def test_a_setting_that_halving_has_stopped_counts_as_tried_and_is_no_unfinished_one(tmp_path):
    write_pair(tmp_path, ["adam"], rates=(0.01, 0.1))
    halted = {"epochs_done": 1, "steps_done": 4, "stopped": {"epoch": 1, "by": "halving"}}
    for seed in (0, 1):
        write_run(tmp_path, "adam,lr=1", seed, 0.1, "stopped", "adam", 1.0, found=halted)
    one(tmp_path, "1 of 3 settings", "adam lr=1 (stopped at epoch 1 by halving)", "20 steps", "36")
    (found,) = [each for each in settings(load(tmp_path)) if each.lr == 1]
    assert statuses(found) == " (stopped at epoch 1 by halving)"


def test_unfinished_and_failed_runs_are_named_and_cut(tmp_path):
    write_pair(tmp_path)
    for seed in range(2, 7):
        write_run(tmp_path, "adam,lr=5", seed, 0.0, "failed" if seed == 2 else "running", "adam", 5.0)
    one(
        tmp_path,
        "Settings with unfinished runs are left out",
        "adam lr=5 seed=2 (failed)",
        "seed=3 (running)",
        "and 1 more",
    )


def test_numbers_of_settings(tmp_path):
    write_pair(tmp_path)
    for lr in (0.03, 0.3):
        for seed in (0, 1):
            write_run(tmp_path, f"sgd,lr={lr}", seed, 0.6, optimizer="sgd", lr=lr)
    one(tmp_path, "different numbers of settings to choose from: 3 (adam), 5 (sgd)")


def test_numbers_of_seeds(tmp_path):
    write_pair(tmp_path, ["adam", "momo"])
    write_pair(tmp_path, ["sgd"], seeds=(0, 1, 2))
    one(tmp_path, "different numbers of seeds: 2 (adam, momo), 3 (sgd)")


def test_other_seeds(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], seeds=(5, 6))
    one(tmp_path, "different seeds and can't be paired", "0 1 (adam)", "5 6 (sgd)")


@pytest.mark.parametrize("key, ours, theirs", [("epochs", 3, 30), ("batch_size", 64, 128), ("clip_norm", "null", 1)])
def test_budgets_and_other_keys_that_differ_between_optimizers(tmp_path, key, ours, theirs):
    write_pair(tmp_path, ["adam"], config={key: None if ours == "null" else ours})
    write_pair(tmp_path, ["sgd"], config={key: theirs})
    one(tmp_path, f"The optimizers differ in {key}", f"{ours} (adam)", f"{theirs} (sgd)")


def test_a_key_that_was_swept_alike_for_all_is_no_difference(tmp_path):
    for size, acc in ((32, 0.1), (64, 0.9), (128, 0.2)):
        for optimizer in ("adam", "sgd"):
            write_run(tmp_path, f"{optimizer}{size}", 0, acc, optimizer=optimizer, config={"batch_size": size})
    assert said(tmp_path) == []


def test_a_key_of_newer_versions_is_no_difference_nor_are_paths_and_devices(tmp_path):
    write_pair(tmp_path, ["adam"], config={"amp": "none", "data.root": "/a", "device": "cpu", "log.every": 5})
    write_pair(tmp_path, ["sgd"], config={"data.root": "/b", "device": "auto", "log.every": 50})
    assert said(tmp_path) == []


def test_data_and_model_that_differ(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], config={"data.val_fraction": 0.1, "model.name": "cnn", "model.hidden": [1]})
    fraction, model = said(tmp_path)
    assert fraction == "The runs differ in data.val_fraction: 0.1 (sgd), 0.2 (adam)."
    assert model == "The runs differ in model.name: cnn (sgd), mlp (adam)."


def test_models_that_differ_within_each_optimizer(tmp_path):
    for hidden in ([64], [128, 64]):
        for optimizer in ("adam", "sgd"):
            write_run(tmp_path, f"{optimizer}{len(hidden)}", optimizer=optimizer, config={"model.hidden": hidden})
    one(tmp_path, "The runs differ in model.hidden: [128,64] (adam, sgd), [64] (adam, sgd)")


def test_validation_on_the_test_set(tmp_path):
    write_pair(tmp_path, config={"data.split": "test"})
    one(tmp_path, "Validation was the test set (data.split=test): what was chosen on it has seen the test.")


def test_validation_on_the_test_set_of_some(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], config={"data.split": "test"})
    assert any("Validation was the test set (data.split=test) in 6 of 12 runs (sgd)" in text for text in said(tmp_path))


def test_parts_of_the_data(tmp_path):
    write_pair(tmp_path, config={"limit_train": 1000})
    one(tmp_path, "Only a part of the data was used: limit_train is 1000.")


def test_commits(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], environment={"git.commit": "fedcba9876543210"})
    one(tmp_path, "different commits: 0123456 (adam), fedcba9 (sgd)")


def test_a_missing_environment_is_unknown(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], environment=False)
    assert [text for text in said(tmp_path) if "unknown (sgd)" in text] == said(tmp_path)
    assert len(said(tmp_path)) == 3, "commit, device, torch"


def test_no_environment_anywhere_is_no_difference(tmp_path):
    write_pair(tmp_path, environment=False)
    assert said(tmp_path) == []


def test_uncommitted_changes(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], environment={"git.dirty": True})
    one(tmp_path, "uncommitted changes in 6 of 12 runs (sgd)")


def test_devices(tmp_path):
    write_pair(tmp_path, ["adam"], environment={"device": "cuda:0", "device_name": "A GPU"})
    write_pair(tmp_path, ["sgd"], environment={"device": "cuda:1", "device_name": "A GPU"})
    assert said(tmp_path) == []
    write_run(tmp_path, "adam,lr=0.1", 0, 0.9, optimizer="adam", environment={}, config={"optim.eps": 1}, epochs=3)
    assert "different devices: A CPU (adam), A GPU (adam, sgd)" in " ".join(said(tmp_path))


def test_versions_of_torch(tmp_path):
    write_pair(tmp_path, ["adam"])
    write_pair(tmp_path, ["sgd"], environment={"packages.torch": "2.14.0"})
    one(tmp_path, "different versions of torch: 2.14.0 (sgd), 2.15.0 (adam)")


def test_finished_runs_without_rows(tmp_path):
    write_pair(tmp_path)
    (load(tmp_path)[0].folder / "metrics.jsonl").unlink()
    one(tmp_path, "metrics.jsonl is empty or missing have no curve: adam lr=0.01 seed=0")


def test_fewer_than_three_seeds_are_cautioned(tmp_path):
    write_pair(tmp_path, ["adam", "momo"])
    write_pair(tmp_path, ["sgd"], seeds=(0, 1, 2))
    assert "Fewer than 3 seeds: 2 (adam, momo); differences may be chance." in warnings(settings(load(tmp_path)))


def test_settings_that_were_passed_over_for_few_seeds_are_named(tmp_path):
    write_pair(tmp_path, ["adam"], seeds=(0, 1, 2), rates=(0.01, 0.1, 1.0))
    write_run(tmp_path, "adam,lr=0.05", 0, 0.99, optimizer="adam", lr=0.05)
    one(tmp_path, "adam: adam lr=0.05 would be better, but with fewer seeds (1 in place of 3)")
