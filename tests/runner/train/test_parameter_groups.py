"""Runs with parameter groups: the table, the records, and the steps of several optimizers."""

import copy
import json
import re
from contextlib import ExitStack
from itertools import islice

import pytest
import torch
import yaml
from conftest import ROOT
from runs import configure, open_trainer, read_events, read_rows

import optim
from results.signature import signature
from runner.config.validate import validate
from runner.train.build import parameter_groups

SMALL = ["epochs=1", "limit_train=16", "limit_val=8", "limit_test=8", "batch_size=8", "log.every=1"]
IMAGES = ["data=synthetic", "data.sample_shape=[3,32,32]"]
VIT = ["model=vit_cifar", "model.patch=8", "model.dim=16", "model.depth=2", "model.mlp=16", "model.dim_head=4"]
NETWORKS = {"vit": [*IMAGES, *VIT], "cnn": [*IMAGES, "model=cnn_bn"]}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_table_covers_every_parameter_once(name, run):
    words = [*SMALL, *NETWORKS[name], "optim=muon", "groups=[muon,no_decay]", "optim/lr_schedule=linear"]
    result = run(*words, "logger=[tensorboard]")
    assert result.code == 0, result.err
    recorded = json.loads((result.folder / "environment.json").read_text())["parameter_groups"]
    printed = re.findall(r"^([\w+]+) +([\d,]+) +([\d,]+)(?: +(\w+) +([\d.]+))?", result.out, re.MULTILINE)
    assert [row[0] for row in printed] == [*(row["group"] for row in recorded), "all"]
    assert [int(row[2].replace(",", "")) for row in printed[:-1]] == [row["elements"] for row in recorded]
    config = configure(*words)
    model = config.model.build(config.data.shape, config.data.classes)
    groups = parameter_groups(config, model)
    assert [len(group.infos) for group in groups] == [row["tensors"] for row in recorded]
    assert {p for group in groups for p in (info.parameter for info in group.infos)} == set(model.parameters())
    assert sum(row["elements"] for row in recorded) == sum(p.numel() for p in model.parameters())
    assert {row["optimizer"]: row["lr"] for row in recorded} == {"muon": 0.02, "adamw": 0.0003}
    assert {row["group"] for row in recorded if row["settings"].get("weight_decay") == 0} == {"adamw+no_decay"}
    rows = [row for row in read_rows(result.folder) if "lr" in row]
    assert rows and all(row["lr/adamw"] == pytest.approx(row["lr"] * 0.015) for row in rows)
    steps = dict(read_events(result.folder)["train/lr/adamw"])
    assert list(steps.values()) == pytest.approx([rows[-1]["lr/adamw"]])
    assert "muon+adamw+no_decay,lr=0.02" in str(result.folder)


@pytest.mark.parametrize("name", ["muon", "torch/Muon"])
def test_steps_are_those_of_two_optimizers_by_hand(name, tmp_path):
    """Of the vision transformer, whose hidden weights are matrices: to the last bit."""
    words = [*SMALL, *NETWORKS["vit"], "model.dropout=0", "model.emb_dropout=0", "optim.lr=0.02", f"optim={name}"]
    with ExitStack() as closings:
        trainer = open_trainer(closings, *words, "groups=muon", f"outputs={tmp_path}", "logger=[]")
        model = copy.deepcopy(trainer.model)
        named = dict(model.named_parameters())
        hidden = [
            p for name, p in named.items() if re.search(r"^4\..*(qkv|out|body\.[14])\.weight", name) and p.ndim > 1
        ]
        others = [p for p in model.parameters() if not any(p is q for q in hidden)]
        first = torch.optim.Muon(hidden, lr=0.02) if "/" in name else optim.Muon(hidden, lr=0.02)
        second = optim.AdamW(others, lr=0.0003, betas=(0.9, 0.95), weight_decay=0.01)
        assert len(hidden) == 2 * 4
        for x, y in islice(trainer.train_batches(), 2):
            trainer.model.train(), model.train()
            trainer.step(x, y)
            model.zero_grad()
            trainer.task.loss(model(x), x, y).backward()
            first.step()
            second.step()
        for ours, theirs in zip(trainer.model.parameters(), model.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_the_document_s_file_and_example_work():
    text = (ROOT / "docs" / "parameter_groups.md").read_text()
    (file,), (example,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "python"))
    plain = configure("optim=adam").plain
    config = validate({**plain, "groups": yaml.safe_load(file)})
    rules = {rule.name: rule for rule in config.groups}
    assert rules["head"].lr_scale == 10 and rules["norms"].settings["betas"] == (0.9, 0.99)
    scope = {}
    exec(example, scope)
    assert list(scope["optimizer"].parts) == ["default", "adamw"]


def test_runs_without_groups_keep_their_signature():
    plain = configure("optim=adamw").plain
    assert plain["groups"] == {}
    before = {key: value for key, value in plain.items() if key != "groups"}
    assert signature(before, {}) == signature(plain, {})
    grouped = configure("optim=adamw", "groups=[no_decay,layers]"), configure("optim=adamw", "groups=[layers,no_decay]")
    assert len({signature(before, {}), *(signature(config.plain, {}) for config in grouped)}) == 3
    by_hand = configure("groups.no_decay.ndim=[0,1]", "groups.no_decay.weight_decay=0")
    assert by_hand.signature == configure("groups=no_decay").signature


def test_numbers_of_a_package_s_optimizer_have_the_types_of_its_arguments():
    words = ["optim=torch/NAdam", "groups.a.ndim=1"]
    whole, same = (configure(*words, f"groups.a.betas=[{x}]", "groups.a.lr=1") for x in ("0,0.9", "0.0,0.9"))
    assert whole.signature == same.signature
    (rule,) = whole.groups
    assert repr(rule.settings) == "{'betas': (0.0, 0.9), 'lr': 1.0}"
    second = ["groups.b.position=last", "groups.b.except.ndim=1", "groups.b.optim=torch/NAdam"]
    rule, _ = configure("optim=aggmo", "groups.a.ndim=1", "groups.a.betas=[0,0.5,0.75]", *second).groups
    assert rule.settings == {"betas": (0.0, 0.5, 0.75)}, "of aggmo, which has all parameters of this rule"


def test_labels_name_rules_and_what_they_change():
    labels = {
        "groups=no_decay": "aggmo+no_decay,lr=0.1",
        "groups=[no_decay,layers] groups.layers.layer_decay=0.5": "aggmo+no_decay+layers,lr=0.1,layers.layer_decay=0.5",
        "optim=adam groups=muon groups.adamw.optim.lr=0.01": "adam+adamw,lr=0.001,adamw.optim.lr=0.01",
        "groups.heads.position=last groups.heads.lr_scale=1": "aggmo+heads,lr=0.1,heads.lr_scale=1",
        "groups.heads.position=last groups.heads.lr_scale=10": "aggmo+heads,lr=0.1,heads.lr_scale=10",
    }
    for words, label in labels.items():
        assert configure(*words.split()).label == label
