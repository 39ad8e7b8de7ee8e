"""Stacked runs: one program, and for each run what it would have done alone."""

import json
import signal
import sys

import pytest
import torch

from runner.cli.main import main
from runner.sweep.stacked import stack as stack_module
from runner.sweep.stacked.grouping import groups, stackable
from runner.sweep.stacked.program import FORMS

SMALL = ["epochs=3", "limit_train=200", "limit_val=100", "limit_test=100", "batch_size=64", "log.every=2"]
QUIET = ["logger=[]", "threads=1"]
EAGER = [form for form in FORMS if form != "compile"]


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """sweep(*words, form=None) -> (code, what was said, folder of results); form None: one after another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["main.py"])

    def go(*words, form=None, outputs=None, max_runs="null"):
        outputs = outputs or tmp_path / (form or "alone")
        stacked = ["hydra/launcher=stacked", f"hydra.launcher.form={form}", f"hydra.launcher.max_runs={max_runs}"]
        code = main(["-m", *SMALL, *QUIET, *(stacked if form else []), f"outputs={outputs}", *words])
        said = capsys.readouterr()
        return code, said.out + said.err, outputs

    return go


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def runs(outputs):
    return {path.parent.relative_to(outputs): path.parent for path in sorted(outputs.rglob("status.json"))}


def assert_same(alone, stacked, rtol=1e-5):
    """The same rows, and their losses within rtol; the same files, but for the last weights of a diverged run."""
    one, other = runs(alone), runs(stacked)
    assert one.keys() == other.keys() and one
    for name, folder in one.items():
        a, b = rows(folder), rows(other[name])
        where = ("split", "epoch", "step", "per", "weights")
        assert [[row.get(key) for key in where] for row in a] == [[row.get(key) for key in where] for row in b]
        assert [row["loss"] for row in b] == pytest.approx([row["loss"] for row in a], rel=rtol)
        assert [row["lr"] for row in b if "lr" in row] == [row["lr"] for row in a if "lr" in row]
        files, others = ({path.name for path in place.rglob("*")} for place in (folder, other[name]))
        assert files - {"last.pt"} == others - {"last.pt"}
        assert json.loads((other[name] / "environment.json").read_text())["stacked"] == len(one)


CASES = [
    ["optim=aggmo", "optim.lr=0.01,0.1", "seed=0,1"],
    ["optim=adam", "optim.lr=0.001,0.01", "optim.betas=[0.5,0.9],[0.9,0.99]"],  # one seed: the batches are shared
    ["optim=momo", "optim.lr=0.1,1", "seed=0,1", "clip_norm=0.5", "wrap=[gradient_dropout,lookahead]"],
    ["optim=momentum", "optim.momentum=0.5,0.9", "wrap=[ema]", "optim/lr_schedule=plateau", "clip_value=0.01"],
    ["data.augment=crop_flip", "data.normalize=true", "seed=0,1", "optim/lr_schedule=cosine"],
]


QUICK = (CASES[0], CASES[2])


@pytest.mark.parametrize(
    "words", [pytest.param(c, marks=() if c in QUICK else pytest.mark.slow, id=" ".join(c[:2])) for c in CASES]
)
def test_stacked_runs_are_the_runs_alone(words, sweep):
    _, _, alone = sweep(*words)
    code, said, stacked = sweep(*words, form="vmap")
    assert code == 0, said
    assert_same(alone, stacked)


@pytest.mark.slow
def test_the_forms_agree_also_with_batch_norm(sweep):
    words = ["model=resnet20", "data=synthetic", "data.sample_shape=[3,8,8]", "seed=0,1", "limit_train=96", "epochs=2"]
    _, _, alone = sweep(*words)
    for form in EAGER:
        code, said, stacked = sweep(*words, form=form)
        assert code == 0 and "not stacked" not in said
        assert_same(alone, stacked, rtol=1e-3)  # a network of 20 layers multiplies rounding


@pytest.mark.slow
def test_the_autoencoder(sweep):
    words = ["task=autoencoder", "data=synthetic", "data.split=random", "model.encoder=[20,5]", "seed=0,1"]
    _, _, alone = sweep(*words)
    _, _, stacked = sweep(*words, form="autograd")
    assert_same(alone, stacked)


def test_a_run_that_diverges_is_recorded_and_the_others_go_on(sweep):
    words = ["optim=sgd", "optim.lr=0.1,1e30,0.01"]
    _, _, alone = sweep(*words)
    code, said, stacked = sweep(*words, form="vmap")
    assert code == 0 and "diverged" in said
    assert_same(alone, stacked)
    found = {name: json.loads((folder / "status.json").read_text()) for name, folder in runs(stacked).items()}
    assert sorted(status["status"] for status in found.values()) == ["diverged", "done", "done"]
    for name, status in found.items():
        other = json.loads((alone / name / "status.json").read_text())
        assert status.get("diverged") == other.get("diverged")


@pytest.mark.slow
def test_a_run_that_stops_early_is_tested_as_it_was(sweep):
    """Learning rate 0 never gets better: it ends after three epochs, the others train on."""
    words = ["optim=sgd", "optim.lr=0,0.1", "patience=1", "epochs=6"]
    _, _, alone = sweep(*words)
    _, _, stacked = sweep(*words, form="vmap")
    assert_same(alone, stacked)
    epochs = sorted(json.loads((f / "status.json").read_text())["epochs_done"] for f in runs(stacked).values())
    assert epochs[0] == 3


@pytest.mark.slow
def test_best_and_last_weights_are_the_runs_own(sweep):
    words = ["optim=momentum", "optim.lr=0.01,0.3", "seed=0,1", "wrap=[lookahead]"]
    _, _, alone = sweep(*words)
    _, _, stacked = sweep(*words, form="vmap")
    for name, folder in runs(alone).items():
        for file in ("best.pt", "last.pt"):
            a, b = (torch.load(f / "checkpoints" / file, weights_only=True) for f in (folder, stacked / name))
            for key in a["model"]:
                torch.testing.assert_close(b["model"][key], a["model"][key], rtol=1e-4, atol=1e-6)
            sizes = [(f / "checkpoints" / file).stat().st_size for f in (folder, stacked / name)]
            assert sizes[1] <= 1.02 * sizes[0]  # no other run's weights
        assert a["optimizer"]["param_groups"] == b["optimizer"]["param_groups"]
        assert a["optimizer"]["state"][0]["step"] == b["optimizer"]["state"][0]["step"]


@pytest.mark.slow
def test_an_interrupted_stack_goes_on_where_it_was(sweep, monkeypatch):
    words = ["optim=adam", "seed=0,1,2", "epochs=5"]
    _, _, whole = sweep(*words, form="vmap")
    epochs, train_epoch = [], stack_module.Stack.train_epoch

    def interrupted(self):
        epochs.append(1)
        if len(epochs) == 3:
            signal.raise_signal(signal.SIGTERM)
        train_epoch(self)

    monkeypatch.setattr(stack_module.Stack, "train_epoch", interrupted)
    code, said, outputs = sweep(*words, form="vmap", outputs=whole.parent / "interrupted")
    assert code == 143 and "interrupted" in said
    assert {json.loads((f / "status.json").read_text())["status"] for f in runs(outputs).values()} == {"interrupted"}
    code, said, _ = sweep(*words, form="vmap", outputs=outputs)
    assert code == 0 and "3 to resume" in said
    for name, folder in runs(whole).items():
        assert rows(folder) == rows(outputs / name)


@pytest.mark.slow
def test_runs_that_stand_at_different_steps_are_stacked_apart(sweep):
    """As after a kill while the checkpoints were being written."""
    words = ["optim=adam", "epochs=4"]
    _, _, whole = sweep(*words, "seed=0,1,2,3", form="vmap")
    _, _, outputs = sweep(*words, "seed=0,1,2,3", form="vmap", outputs=whole.parent / "again")
    for name, folder in runs(outputs).items():
        if name.name in ("seed=1", "seed=3"):
            for file in folder.rglob("*.*"):
                file.unlink()
        else:
            status = json.loads((folder / "status.json").read_text())
            (folder / "status.json").write_text(json.dumps({**status, "status": "interrupted"}))
    code, said, _ = sweep(*words, "seed=0,1,2,3", form="vmap", outputs=outputs)
    assert code == 0 and "2 to resume, 2 to do" in said
    for name in runs(whole):
        a, b = ([row["loss"] for row in rows(place / name) if row["split"] == "val"] for place in (whole, outputs))
        assert b == pytest.approx(a, rel=1e-5)


@pytest.mark.slow
def test_what_can_not_be_stacked_is_said_and_runs_one_after_another(sweep):
    code, said, outputs = sweep("optim=aggmo", "optim.lr=0.01,0.1", "accumulate=2", form="vmap")
    assert code == 0 and "not stacked: accumulate=1 only" in said and len(runs(outputs)) == 2
    code, said, _ = sweep(
        *("model=vgg16", "data=synthetic", "data.sample_shape=[3,32,32]", "limit_train=8", "epochs=1"),
        *("limit_val=8", "limit_test=8", "batch_size=8", "seed=0,1"),
        form="vmap",
        outputs=outputs.parent / "dropout",
    )
    assert code == 0 and "not stacked: model=vgg16: dropout would draw other masks than alone" in said


@pytest.mark.slow
def test_large_groups_are_cut(sweep, monkeypatch):
    sizes, init = [], stack_module.Stack.__init__

    def spy(self, together, *args, **kwargs):
        sizes.append(len(together))
        init(self, together, *args, **kwargs)

    monkeypatch.setattr(stack_module.Stack, "__init__", spy)
    code, _, _ = sweep("seed=range(5)", "epochs=1", form="vmap", max_runs=2)
    assert code == 0 and sizes == [2, 2, 1]


@pytest.mark.slow
def test_a_group_that_memory_can_not_hold_is_halved(sweep, monkeypatch):
    sizes, init = [], stack_module.Stack.__init__

    def full(self, together, *args, **kwargs):
        sizes.append(len(together))
        if len(together) > 2:
            raise torch.OutOfMemoryError("no room")
        init(self, together, *args, **kwargs)

    monkeypatch.setattr(stack_module.Stack, "__init__", full)
    code, said, outputs = sweep("seed=range(4)", "epochs=1", form="vmap")
    assert code == 0 and sizes == [4, 2, 2] and "4 runs don't fit into memory" in said
    assert len(runs(outputs)) == 4


def test_groups_share_all_but_numbers():
    from runner.config.compose import compose
    from runner.config.validate import validate

    def config(*words):
        return validate(compose(*words))

    same = [
        config(f"++optim.lr={lr}", f"++seed={seed}", "++optim.weight_decay=0.1") for lr in (0.1, 1) for seed in (0, 1)
    ]
    others = [
        config("optim=adam"),
        config("++optim.betas=[0,0.9]"),
        config("++batch_size=64"),
        config("wrap=[lookahead]"),
        config("wrap=[lookahead]", "++wrap.lookahead.k=7"),
        config("++clip_norm=1"),
        config("model=mlp"),
    ]
    assert groups([*same, *others]) == [[0, 1, 2, 3], *([i] for i in range(4, 11))]
    assert groups([config(), config("optim/lr_schedule=plateau")]) == [[0, 1]]  # each run has its own pace
    assert stackable(config("++finetune.epochs=1")) and not stackable(config())


@pytest.mark.slow
def test_the_trial_leaves_no_trace(sweep):
    _, _, plain = sweep("optim=adam", "seed=0,1", form="vmap")
    code, said, outputs = sweep("optim=adam", "seed=0,1", form="auto")
    assert code == 0 and "2 runs of mlp together: " in said
    for name, folder in runs(plain).items():
        a, b = ([row["loss"] for row in rows(f) if row["split"] == "val"] for f in (folder, outputs / name))
        assert b == pytest.approx(a, rel=1e-5)


@pytest.mark.slow
def test_the_compiled_form_is_the_runs_alone(sweep):
    import shutil

    if not shutil.which("g++"):
        pytest.skip("no C++ compiler on this machine")
    words = ["optim=aggmo", "optim.lr=0.01,0.1", "seed=0,1"]
    _, _, alone = sweep(*words)
    _, said, stacked = sweep(*words, form="compile")
    assert "not stacked" not in said
    assert_same(alone, stacked)
