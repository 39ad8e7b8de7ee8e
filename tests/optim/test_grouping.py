"""Parameter groups by rules, and several optimizers stepped as one."""

import pytest
import torch
from problem import assert_same, close
from torch import nn

import optim
from models.cnn import CNN5, CNNBatchNorm
from models.resnet import ResNet
from models.vit import ViT
from optim.grouping.network import layer_numbers, parameter_infos
from optim.grouping.resolve import resolve
from optim.grouping.rule import read_rules
from optim.grouping.table import group_rows

NETWORKS = {
    "vit": ViT(patch=16, dim=8, depth=2, heads=2, dim_head=4, mlp=8, dropout=0.0, emb_dropout=0.0),
    "cnn": CNNBatchNorm(),
    "cnn5": CNN5(),
    "resnet": ResNet(depth=18),
}
NO_DECAY = {"no_decay": {"ndim": [0, 1], "weight_decay": 0.0}}
HIDDEN = [{"ndim": [0, 1]}, {"module": "embedding"}, {"position": "first"}, {"position": "last"}]
MUON = {"adamw": {"any": HIDDEN, "optim": {"name": "adamw", "lr": 0.003, "betas": (0.8, 0.95)}}}
SHAPE = (3, 32, 32)


def network(name, device=None, dtype=torch.float64):
    torch.manual_seed(0)
    with torch.device(device or "cpu"):
        return NETWORKS[name].build(SHAPE, 10).to(dtype)


def train(model, optimizers, steps, start=0):
    for step in range(start, start + steps):
        generator = torch.Generator().manual_seed(step)
        x, y = torch.randn(2, *SHAPE, generator=generator, dtype=torch.float64), torch.arange(2)
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step(loss=loss.detach()) if hasattr(optimizer, "uses_loss") else optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_in_exactly_one_group(name):
    model = network(name, "meta")
    rules = read_rules({**MUON, **NO_DECAY, "layers": {"layer_decay": 0.5}})
    groups = resolve(model, rules, optim.configs()["momentum"]())
    found = [info.parameter for group in groups for info in group.infos]
    assert len(found) == len(set(found)) and set(found) == set(model.parameters())
    rows = group_rows(groups)
    assert sum(row["elements"] for row in rows) == sum(p.numel() for p in model.parameters())
    assert sum(row["tensors"] for row in rows) == len(found)
    assert len({group.name for group in groups}) == len(groups)
    for group in groups:
        for info in group.infos:
            hidden = info.parameter.ndim >= 2 and not info.positions and "embedding" not in info.kinds
            assert (group.part == "") is hidden, info.name
            assert (group.settings.get("weight_decay") == 0.0) is (info.parameter.ndim < 2), info.name
            base = 0.01 if hidden else 0.003
            assert group.lr == pytest.approx(base * 0.5**info.layers_after), info.name


def test_layers_are_blocks_and_tokens_belong_to_the_first():
    counts = {name: layer_numbers(network(name, "meta"))[1] for name in NETWORKS}
    assert counts == {"vit": 1 + 2 * 2 + 1, "cnn": 6, "cnn5": 6, "resnet": 1 + 8 + 1}
    infos = {info.name: info for info in parameter_infos(network("vit", "meta"))}
    assert {infos[name].layer for name in ("1.0.weight", "1.1.weight", "2.token", "2.positions")} == {0}
    assert infos["4.0.body.1.qkv.weight"].layer == infos["4.0.body.0.weight"].layer == 1
    assert infos["6.weight"].layer == 4 and infos["7.bias"].layer == 5  # the last norm, the head


def test_synchronised_batch_norm_is_batch_norm():
    model = nn.SyncBatchNorm.convert_sync_batchnorm(network("cnn", "meta"))
    rules = read_rules({"norms": {"module": "BatchNorm2d", "lr_scale": 2.0}})
    assert [len(group.infos) for group in resolve(model, rules, optim.configs()["adam"]())] == [12, 8]


def test_a_tied_head_is_first_and_last():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 3), nn.Linear(3, 5, bias=False))
    model[2].weight = model[0].weight
    tied, *others = parameter_infos(model)
    assert tied.positions == {"first", "last"} and not any(info.positions for info in others)
    assert {"embedding", "Linear"} <= tied.kinds


@pytest.mark.parametrize("name", ["vit", "cnn"])
def test_rules_are_optimizers_stepped_by_hand(name):
    """Muon for hidden weights and AdamW for the others, inside a wrapper, and resumed: to the last bit."""
    ours, theirs = network(name), network(name)
    lookahead = optim.wrappers()["lookahead"](k=2)
    rules = {**MUON, **NO_DECAY, "half": {"module": "norm", "lr_scale": 0.5}}
    optimizer = optim.build_grouped(optim.configs()["muon"](weight_decay=0.1), ours, rules, [lookahead])
    assert isinstance(optimizer, optim.CombinedOptimizer) and list(optimizer.parts) == ["default", "adamw"]
    infos = parameter_infos(theirs)
    outer = [p for i, p in enumerate(theirs.parameters()) if infos[i].positions or "embedding" in infos[i].kinds]
    hidden = [p for p in theirs.parameters() if p.ndim >= 2 and not any(p is q for q in outer)]
    norms = [p for i, p in enumerate(theirs.parameters()) if "norm" in infos[i].kinds]
    biases = [p for p in theirs.parameters() if p.ndim < 2 and not any(p is q for q in norms)]
    matrices = [p for p in outer if p.ndim >= 2]
    groups = [
        {"params": matrices},
        {"params": biases, "weight_decay": 0.0},
        {"params": norms, "weight_decay": 0.0, "lr": 0.003 * 0.5},
    ]
    by_hand = [
        optim.Lookahead(optim.Muon(hidden, weight_decay=0.1), k=2),
        optim.Lookahead(optim.AdamW(groups, lr=0.003, betas=(0.8, 0.95)), k=2),
    ]
    assert_same(train(ours, [optimizer], 2), train(theirs, by_hand, 2))
    with optimizer.evaluation_weights(), by_hand[0].evaluation_weights(), by_hand[1].evaluation_weights():
        assert_same(ours.parameters(), theirs.parameters())
    # the state goes on where it is loaded
    model = network(name)
    model.load_state_dict(ours.state_dict())
    resumed = optim.build_grouped(optim.configs()["muon"](weight_decay=0.1), model, rules, [lookahead])
    resumed.load_state_dict(optimizer.state_dict())
    assert_same(train(model, [resumed], 1, start=2), train(theirs, by_hand, 1, start=2))
    with pytest.raises(ValueError, match="adamw"):
        resumed.load_state_dict(by_hand[0].state_dict())


def test_no_decay_is_torchs_adamw_with_two_groups():
    ours, theirs = network("vit"), network("vit")
    groups = optim.parameter_groups(ours, NO_DECAY)
    assert [group["name"] for group in groups] == ["default", "no_decay"]
    reference = [
        {"params": [p for p in theirs.parameters() if p.ndim >= 2]},
        {"params": [p for p in theirs.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    expected = train(theirs, [torch.optim.AdamW(reference, lr=0.01, weight_decay=0.3)], 4)
    close(train(ours, [optim.AdamW(groups, lr=0.01, weight_decay=0.3)], 4), expected)


def test_groups_go_to_optimizers_of_torch():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    groups = optim.parameter_groups(model, {"layers": {"layer_decay": 0.5}, **NO_DECAY}, lr=0.1)
    made = torch.optim.SGD(groups, lr=0.1, weight_decay=0.2)
    found = {group["name"]: (group["lr"], group["weight_decay"]) for group in made.param_groups}
    assert found == {
        "layer_0": (0.05, 0.2),
        "layer_0+no_decay": (0.05, 0.0),
        "layer_1": (0.1, 0.2),
        "layer_1+no_decay": (0.1, 0.0),
    }


def test_later_rules_override_and_rates_multiply():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    rules = {
        "all": {"name": "*", "except": {"position": "last"}, "lr_scale": 0.5, "betas": [0.5, 0.9]},
        "norms": {"module": "BatchNorm1d", "lr_scale": 0.5, "betas": [0.1, 0.9], "lookahead": {"alpha": 0.25}},
    }
    optimizer = optim.build_grouped(optim.configs()["adam"](lr=1.0), model, rules, [optim.wrappers()["lookahead"]()])
    found = {g["name"]: (g["lr"], g["betas"], g["lookahead.alpha"], len(g["params"])) for g in optimizer.param_groups}
    assert found == {
        "default": (1.0, (0.9, 0.999), 0.5, 2),
        "all": (0.5, (0.5, 0.9), 0.5, 2),
        "all+norms": (0.25, (0.1, 0.9), 0.25, 2),
    }


def test_combined_optimizers_have_the_interface_of_one():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    weights, biases = ([p for p in model.parameters() if p.ndim == n] for n in (2, 1))
    made = optim.CombinedOptimizer({"default": optim.Momentum(weights, lr=0.1), "momo": optim.Momo(biases)})
    assert made.uses_loss and not made.has_evaluation_weights
    steps = []
    made.register_step_post_hook(lambda *_: steps.append([p.detach().clone() for p in model.parameters()]))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        made.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        before = [p.detach().clone() for p in (*weights, *biases)]
        with pytest.raises(ValueError, match="momo: needs the loss"):
            made.step()
        assert_same((*weights, *biases), before)
        made.step(loss=loss)
        assert_same(model.parameters(), steps[-1])
    metrics = made.step_metrics(before)
    assert {"v_norm", "momo/zeta"} <= metrics.keys()
    made.set_momentum(0.5)
    assert [group.get("momentum", group.get("beta")) for group in made.param_groups] == [0.5, 0.5]
    refused = optim.CombinedOptimizer({"default": optim.Momentum(weights), "sgd": optim.SGD(biases)})
    with pytest.raises(ValueError, match="SGD: has no momentum"):
        refused.set_momentum(0.5)
    assert refused.param_groups[0]["momentum"] == 0.9
    with pytest.raises(ValueError, match="in common"):
        optim.CombinedOptimizer({"a": optim.SGD(weights), "b": optim.SGD(weights)})


BAD = [
    ({"a": {"ndim": 1}}, "groups.a: sets nothing"),
    ({"a": {"lr_scale": 2.0}}, "groups.a: no criterion"),
    ({"a": {"ndim": 1, "lr_scale": -1}}, r"groups.a.lr_scale=-1 is not in \[0, inf\)"),
    ({"a": {"layer_decay": 1.5}}, r"groups.a.layer_decay=1.5 is not in \(0, 1\]"),
    ({"a": {"ndim": -1, "lr_scale": 2.0}}, "groups.a.ndim=-1"),
    ({"a": {"any": [], "lr_scale": 2.0}}, "groups.a.any"),
    ({"a": {"any": [{"ndmi": 1}], "lr_scale": 2.0}}, r"groups.a.any\[0\].ndmi"),
    ({"a": {"any": [{"ndim": 1}], "name": "*", "lr_scale": 2.0}}, "groups.a.any.*name"),
    ({"default": {"ndim": 1, "lr_scale": 2.0}}, "groups.default"),
    ({"a": {"position": "middle", "lr_scale": 2.0}}, "position='middle'.*first, last"),
    ({"a": {"ndim": 1, "weight_decy": 0.0}}, "groups.a.weight_decy: unknown; did you mean weight_decay"),
    ({"a": {"ndim": 1, "betas": (0.9, 1.5)}}, r"groups.a.betas\[1\]=1.5 is not in \[0, 1\)"),
    ({"a": {"ndim": 1, "optim": "adm"}}, "groups.a.optim.name='adm'"),
    ({"a": {"ndim": 1, "optim": {"name": "sgd", "lrr": 1}}}, "groups.a.optim.lrr is not a key.*lr, momentum"),
    ({"a": {"ndim": 1, "optim": {"name": "sgd", "lr": -1}}}, "groups.a.optim.lr=-1 is not in"),
    ({"a": {"name": "*.wieght", "lr_scale": 2.0}}, r"groups.a.name='\*.wieght'.*0.weight"),
    ({"a": {"module": "Conv2d", "lr_scale": 2.0}}, "groups.a.module='Conv2d'.*Linear"),
    ({"a": {"name": "*.bias", "ndim": 2, "lr_scale": 2.0}}, "groups.a: its criteria together"),
    ({"a": {"ndim": 5, "optim": "adam"}}, "groups.a.optim=adam has no parameters"),
    ({"a": {"name": "*", "optim": "sgd"}}, "optim=adam has no parameters"),
    ({"a": {"ndim": 1, "optim": "sgd"}, "b": {"name": "0.*", "optim": "sgd"}}, "groups.a.optim and groups.b.optim"),
    ({"a": {"ndim": 1, "optim": "sgd"}, "b": {"ndim": 1, "betas": (0.9, 0.9)}}, "groups.b.betas: unknown; sgd"),
]


def test_bad_rules_are_refused_by_their_key():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    for rules, message in BAD:
        with pytest.raises(ValueError, match=message):
            optim.build_grouped(optim.configs()["adam"](), model, rules)


def test_a_network_without_parameters_is_named():
    with pytest.raises(ValueError, match="the network has no parameters"):
        optim.build_grouped(optim.configs()["adam"](), nn.ReLU(), NO_DECAY)


def test_a_rule_by_dimension_may_fit_nothing():
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    (group,) = optim.parameter_groups(model, NO_DECAY)
    assert group["name"] == "default" and len(group["params"]) == 1
