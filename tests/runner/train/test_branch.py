"""Branches: runs that start from another run's checkpoint, and the checkpoints that are kept for them."""

import copy
import json
import shutil

import pytest
import torch
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from runs import configure, read_rows, run_folder, run_interrupted

from results.run_folder import RunFolder
from results.typed import load_yaml
from runner.config.compose import parse_changes, quote_folder
from runner.config.schema import Checkpoint
from runner.config.validate import validate
from runner.load import load_run
from runner.sweep.grid import expand_grid

WORDS = ["task=digits", "limit_train=200", "limit_val=100", "limit_test=60", "batch_size=64", "log.every=3"]
WORDS += ["optim=adam", "optim.lr=0.003", "wrap=[gradient_noise,lookahead]", "data.augment=crop_flip", "epochs=6"]


NO_BRANCH = {"branch.run": None, "branch.at_epoch": None, "branch.epochs": None}


@pytest.fixture(scope="module")
def stem(tmp_path_factory):
    """A run of 6 epochs that has kept the checkpoints of epochs 2 and 4, in a folder with commas."""
    outputs = tmp_path_factory.mktemp("stem")
    keep = ["checkpoint.keep=[2]", "checkpoint.keep_every=4", "logger=[]", f"outputs={outputs}"]
    assert run_interrupted(*WORDS, *keep, after=99) == 0
    return run_folder(outputs)


@pytest.fixture(scope="module")
def branch_of(stem):
    """branch_of(key=value, ...) -> the checked configuration of a branch at epoch 2, with dotted keys changed."""
    plain = configure(*WORDS, f"outputs={stem.parents[3]}").plain

    def make(run=stem, **changes):
        raw = copy.deepcopy(plain)
        raw["branch"] |= {"run": str(run), "at_epoch": 2, "epochs": 3}
        for key, value in changes.items():
            *groups, last = key.split(".")
            node = raw
            for group in groups:
                node = node[group]
            node[last] = value
        return validate(raw)

    return make


def rows_after(folder, epoch):
    """Rows of training and validation, which the stem's continuation has too."""
    return [row for row in read_rows(folder) if row["epoch"] > epoch and "weights" not in row]


def last_checkpoint(folder):
    return torch.load(folder / "checkpoints" / "last.pt", weights_only=True)


def assert_same_weights(a, b):
    ours, theirs = (last_checkpoint(folder)["model"] for folder in (a, b))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_branch_without_changes_is_its_stem_to_the_last_bit(run, stem):
    files = {file.name for file in stem.glob("checkpoints/*")}
    assert files == {"best.pt", "epoch=2.pt", "epoch=4.pt", "last.pt"}
    branch = run(*WORDS, f"branch.run={stem}", "branch.at_epoch=2", "branch.epochs=4")
    assert branch.code == 0 and "after epoch 2, step 8." in branch.out
    assert rows_after(branch.folder, 0) == rows_after(stem, 2), "also of the steps between rows that began in the stem"
    assert_same_weights(branch.folder, stem)


def test_a_wsd_run_is_a_constant_stem_and_a_linear_branch_that_is_resumed_without_it(run, stem, tmp_path):
    whole = run(*WORDS, "optim/lr_schedule=wsd", "optim.lr_schedule.decay_ratio=0.33333").folder
    copied, outputs = tmp_path / "a,b=c" / "seed=0", tmp_path / "interrupted"
    shutil.copytree(stem, copied)
    words = [*WORDS, "optim/lr_schedule=linear", f"branch.run={copied.parent}/", "branch.at_epoch=4", "branch.epochs=2"]
    for after in (0, 5):
        assert run_interrupted(*words, "logger=[]", f"outputs={outputs}", after=after) == 130
    branch = run_folder(outputs)
    shutil.rmtree(copied)
    resumed = run(f"config={branch / 'config.yaml'}", outputs=outputs)
    assert resumed.code == 0 and "Resuming after epoch 4, step 20." in resumed.out
    assert rows_after(branch, 0) == rows_after(whole, 4)
    assert_same_weights(branch, whole)
    loaded = load_run(branch, "last")
    assert loaded.epoch == 6 and loaded.evaluate("test")["loss"] == pytest.approx(loaded.status["test_last"]["loss"])
    anew = run(f"config={branch / 'config.yaml'}", "optim.lr=0.01", outputs=outputs)
    assert anew.code == 2 and "has no run of seed=0" in anew.err


def test_numbers_change_and_wrappers_are_added(run, stem, tmp_path):
    at = [f"branch.run={stem}", "branch.at_epoch=4", "branch.epochs=2"]
    result = run(
        *WORDS, "wrap=[gradient_noise,ema,lookahead]", "optim/lr_schedule=cosine", "optim.lr_schedule.final=1", *at
    )
    assert "The code has changed" not in result.out, "its wrapper has a file that the stem did not need"
    averaged = result.folder
    assert_same_weights(averaged, stem)  # training does not see the average
    states = last_checkpoint(averaged)["optimizer"]["state"].values()
    assert all(state["step"] == 24 and torch.any(state["ema.m"]) for state in states)
    numbers = ["optim.weight_decay=0.5", "optim.betas=[0.8,0.99]", "optim.lr=0.02", "wrap.lookahead.alpha=0.25"]
    edited = tmp_path / stem.parent.name / stem.name
    shutil.copytree(stem, edited)
    environment = json.loads((edited / "environment.json").read_text())
    environment["code"]["optim/rules/adam.py"] = "of other code"
    (edited / "environment.json").write_text(json.dumps(environment))
    result = run(*WORDS, *numbers, f"branch.run={edited}", *at[1:])
    assert "The code has changed since then: optim/rules/adam.py.\n" in result.out
    changed = result.folder
    (group,) = last_checkpoint(changed)["optimizer"]["param_groups"]
    assert (group["weight_decay"], group["betas"], group["lr"]) == (0.5, (0.8, 0.99), 0.02)
    assert group["lookahead.alpha"] == 0.25
    assert {row["lr"] for row in read_rows(changed, per="epoch")} == {0.02}


def test_the_signature_holds_the_lineage_and_not_the_place(branch_of, stem, tmp_path):
    signature = stem.parent.name
    moved = tmp_path / "moved"
    shutil.copytree(stem, moved)
    branch = branch_of()
    for place in (stem.parent, f"{stem}/", signature, moved):
        assert branch_of(run=place).run_path == branch.run_path
    assert branch.label == f"adam+gradient_noise+lookahead,lr=0.003,branch={signature}@2"
    assert branch.settings.epochs == branch.plain["epochs"] == 5
    others = branch_of(**{"branch.at_epoch": 4}), branch_of(**{"branch.epochs": 2})
    assert len({config.signature for config in (branch, *others)}) == 3
    assert branch_of(**NO_BRANCH, **{"checkpoint.keep": [3]}).signature == signature
    before = {key: value for key, value in branch_of(**NO_BRANCH).plain.items() if key != "branch"}
    assert validate(before).signature == signature, "as of runs before there were branches"


MEAN = {"branch.weights": "evaluation"}
REFUSED = [  # keys that differ, what the message names
    ({"seed": 1}, "has no run of seed=1"),
    ({"model.hidden": [32]}, "model.hidden=[32] in this branch and [128,64] in the run it starts from"),
    ({"batch_size": 32}, "batch_size=32 in this branch and 64"),
    ({"optim.amsgrad": True}, "optim.amsgrad=true in this branch and false"),
    ({"wrap.lookahead.k": 3}, "wrap.lookahead.k=3 in this branch and 5"),
    ({"wrap": {}}, "wrap=[] in this branch and [gradient_noise,lookahead]"),
    ({"branch.epochs": None}, "branch.run needs branch.epochs: so many epochs more"),
    ({"branch.run": None}, "branch.at_epoch needs branch.run"),
    (
        {"branch.run": None, "branch.at_epoch": None, "branch.epochs": None, **MEAN},
        "branch.weights needs branch.run and",
    ),
    ({"branch.signature": "xyz"}, "branch.signature=xyz is not eight hexadecimal digits"),
    ({"finetune.epochs": 3}, "finetune.epochs=3 must be fewer than"),
    ({"optim.lr_schedule.warmup": 4}, "warmup=4 is longer than the run, epochs=3"),
]


@pytest.fixture
def edited_stem(stem, tmp_path):
    """edited_stem(config) -> a copy of the stem's folder with other nodes in its config.yaml."""

    def edit(**nodes):
        folder = tmp_path / stem.parent.name / stem.name
        shutil.copytree(stem, folder, dirs_exist_ok=True)
        config = load_yaml(stem / "config.yaml", "config.yaml")
        (folder / "config.yaml").write_text(yaml.safe_dump(config | nodes, sort_keys=False))
        return folder

    return edit


def test_a_branch_starts_before_its_stem_sets_momentum(branch_of, edited_stem):
    tuned = edited_stem(finetune={"epochs": 4, "final_mom": 0.5, "warm": False})
    assert branch_of(run=tuned).settings.first_epoch == 2
    with pytest.raises(ValueError, match="branch.at_epoch=4: .* momentum to 0.5 after epoch 2 .finetune.epochs=4"):
        branch_of(run=tuned, **{"branch.at_epoch": 4})


def test_a_branch_has_the_rules_of_its_stem(branch_of, edited_stem):
    rule = {"any": [{"ndim": [0, 1]}, {"position": "last"}], "optim": {"name": "adamw", "lr": 0.1}}
    grouped = edited_stem(groups=branch_of(**NO_BRANCH, groups={"h": rule}).plain["groups"])
    assert branch_of(run=grouped, groups={"h": rule}).label.endswith("@2")
    changes = [
        ({}, "groups=[] in this branch and [h] in"),
        ({"h": rule | {"optim": {"name": "adamw", "lr": 0.2}}}, "groups.h.optim.lr=0.2 in this branch and 0.1 in"),
        ({"h": rule | {"lr_scale": 2.0}}, "groups.h.lr_scale=2 in this branch and null in"),
    ]
    for rules, message in changes:
        with pytest.raises(ValueError) as refused:
            branch_of(run=grouped, groups=rules)
        assert message in str(refused.value)


def test_a_branch_from_evaluation_weights_needs_some(run, stem, edited_stem, branch_of):
    """Of Lookahead, whose slow weights are the training weights after a synchronisation; of none; of a mean to come."""
    at = [f"branch.run={stem}", "branch.at_epoch=6", "branch.epochs=1", "branch.weights=evaluation"]
    slow = run(*WORDS, *at, "optim.lr=1e-30")  # 24 steps, of which the last 4 are after a synchronisation
    assert slow.code == 0 and "optim.lr" not in slow.err
    rows = [read_rows(folder, split="val")[-1]["loss"] for folder in (slow.folder, stem)]
    assert rows[0] == pytest.approx(rows[1], rel=1e-5)
    plain = edited_stem(wrap={"gradient_noise": branch_of().plain["wrap"]["gradient_noise"]})
    with pytest.raises(ValueError, match="is evaluated with its training weights; it has no wrapper with others"):
        branch_of(run=plain, wrap={"gradient_noise": {"name": "gradient_noise"}}, **MEAN)
    signatures = {branch_of(**changes).signature for changes in ({}, MEAN, {"branch.weights": "training"})}
    assert len(signatures) == 2 and branch_of(**MEAN).label.endswith("@2-evaluation")


def test_what_a_branch_can_not_be_is_one_line(branch_of, run, stem):
    for changes, message in REFUSED:
        with pytest.raises(ValueError) as refused:
            branch_of(run=stem.parent, **changes)
        assert message in str(refused.value)
    with pytest.raises(ValueError, match="the folder above it, .../<signature>, stands for the stem of each seed"):
        branch_of(seed=1)
    missing = run(*WORDS, f"branch.run={stem}", "branch.at_epoch=3", "branch.epochs=1")
    assert missing.code == 2 and "it has those of 2, 4; checkpoint.keep=[3] keeps one" in missing.err
    assert not missing.folder.exists()


def test_a_folder_is_one_value_and_signatures_are_words():
    parser = OverridesParser.create()
    cases = {
        "branch.run=out/adam,lr=0.1/3f/seed=0/": ["out/adam,lr=0.1/3f/seed=0"],
        "++branch.run=12345678,1234e567,00123456": ["12345678", "1234e567", "00123456"],
        'branch.run="a,b"': ["a,b"],
        "branch.run=null": [None],
        "branch.at_epoch=1,2": [1, 2],
    }
    for word, expected in cases.items():
        runs = expand_grid([quote_folder(word)], parser)
        assert [parser.parse_override(override).value() for (override,) in runs] == expected
    (override,) = parse_changes(["branch.run=a,b=c"])  # beside config=FILE
    assert override.value() == "a,b=c"


def test_checkpoints_that_are_kept_are_removed_by_a_rerun_and_those_that_never_are_named(stem, tmp_path):
    shutil.copytree(stem, tmp_path / "copy")
    assert Checkpoint(keep=(3, 9)).notes(6) == ["checkpoint: the run ends after 6 epochs, and keeps none of epoch 9."]
    assert not Checkpoint(keep=(3,), keep_every=6).notes(6)
    RunFolder(tmp_path / "copy").clear()
    assert not list(tmp_path.glob("copy/checkpoints/*"))
