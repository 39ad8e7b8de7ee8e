"""Stacked runs: one program, and for each run the results that it has by itself."""

import json
import shutil

import pytest
import torch
from small_sweeps import SmallSweep, epoch_rows, runs, statuses

from runner.callbacks import NO_CALLBACKS
from runner.config.compose import compose
from runner.config.validate import validate
from runner.sweep.plan import TODO, Job
from runner.sweep.stacked.grouping import config_obstacle, group_runs
from runner.sweep.stacked.launcher import StackedSweep

SMALL = ["epochs=3", "limit_train=200", "limit_val=100", "limit_test=100", "batch_size=64", "log.every=2"]
SLOW = pytest.mark.slow
COMPILER = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler on this machine")


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """sweep(*words, form=None, outputs=None) -> (exit code, console, outputs); form None: one after another."""
    small_sweep = SmallSweep(tmp_path, monkeypatch, capsys)

    def run(*words, form=None, outputs=None):
        outputs = outputs or tmp_path / (form or "single")
        stacked = ["hydra/launcher=stacked", f"hydra.launcher.form={form}"] if form else []
        return *small_sweep(*SMALL, *stacked, f"outputs={outputs}", *words), outputs

    return run


def environments(outputs):
    """How many runs each was stacked with."""
    return [json.loads((run / "environment.json").read_text()).get("stacked") for run in runs(outputs).values()]


def assert_same(single, stacked, rtol=1e-5):
    """The same rows, and their losses within rtol; the same files, but for the last weights of a diverged run."""
    assert runs(single).keys() == runs(stacked).keys() and runs(single)
    for name, folder in runs(single).items():
        a, b = (list(map(json.loads, (f / "metrics.jsonl").read_text().splitlines())) for f in (folder, stacked / name))
        keys = ("split", "epoch", "step", "per", "weights", "lr")
        assert [[row.get(key) for key in keys] for row in a] == [[row.get(key) for key in keys] for row in b]
        assert [row["loss"] for row in b] == pytest.approx([row["loss"] for row in a], rel=rtol)
        for key in ("mean_gradient_norm", "clipped"):
            assert [row.get(key, -1) for row in b] == pytest.approx([row.get(key, -1) for row in a], rel=10 * rtol)
        files, others = ({path.name for path in place.rglob("*")} for place in (folder, stacked / name))
        assert files - {"last.pt"} == others - {"last.pt"}


MIXED = ["task.label_smoothing=0.1", "task.mixup=0.4", "task.cutmix=1"]
NETWORK = ["data=synthetic", "data.sample_shape=[3,8,8]", "limit_train=96"]
CASES = [  # words, form, relative tolerance of losses: another order of the same sums
    (
        ["optim=momo", "optim.lr=0.1,1", "seed=0,1", "clip_norm=0.5", "wrap=[gradient_dropout,lookahead]", *MIXED],
        "vmap",
        1e-5,
    ),
    # one seed: all runs have the same batches
    (
        [*("optim=adam", "optim.lr=0.001,0.01", "optim.betas=[0.5,0.9],[0.9,0.99]", "wrap=[cautious,schedule_free]")],
        *("vmap", 1e-5),
    ),
    (
        [
            *("optim=sgdw", "optim.momentum=0.5,0.9", "optim.lr_in_velocity=true", "wrap=[ema]"),
            *("optim/lr_schedule=plateau", "seed=0,1", "data.reshuffle=false"),
        ],
        *("vmap", 1e-5),
    ),
    (["optim=momentum", "optim.momentum=0.5,0.9", "clip_value=0.01", "clip_norm=0.5", *MIXED], "autograd", 1e-5),
    (["optim=adamw", "optim.lr=0.001,0.01", "groups=[no_decay,layers]", "wrap=[gradient_noise]"], "vmap", 1e-5),
    (
        ["data.augment=crop_flip", "data.normalize=true", "seed=0,1", "optim/lr_schedule=cosine", "wrap=[mars,swa]"],
        *("vmap", 1e-5),
    ),
    # a network of 20 layers multiplies rounding; batch norm has buffers
    (["model=resnet20", *NETWORK, "seed=0,1", "epochs=2"], "vmap", 1e-3),
    (["model=resnet20", *NETWORK, "seed=0,1", "epochs=2"], "autograd", 1e-3),
    # running statistics are estimated for the evaluation weights, from other batches for each seed
    (["model=cnn_bn", "limit_train=96", "wrap=[ema]", "optim=momentum", "seed=0,1"], "vmap", 1e-3),
    (["task=logistic", "optim=momo", "optim.lr=0.1,1", "seed=0,1"], "vmap", 1e-5),
    (["task=autoencoder", "data=synthetic", "data.split=random", "model.encoder=[20,5]", "seed=0,1"], "autograd", 1e-5),
    (["optim=aggmo", "optim.lr=0.01,0.1", "seed=0,1", *MIXED], "compile", 1e-5),
    (["task=char_lm", "model.dim=8", "optim.lr=0.01,0.1", "seed=0,1", "groups=[no_decay]"], "vmap", 1e-4),
    # learning rate 0 never gets better: this run ends after three epochs, the other goes on
    (["optim=sgd", "optim.lr=0,0.1", "patience=1", "epochs=6"], "vmap", 1e-5),
]
MARKS = [(), *[SLOW] * 10, [SLOW, COMPILER], SLOW, SLOW]


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch stacks CPU attention by a loop
@pytest.mark.parametrize(
    "words, form, rtol",
    [pytest.param(*case, marks=m, id=f"{case[1]} {case[0][0]}") for case, m in zip(CASES, MARKS, strict=True)],
)
def test_stacked_runs_are_the_runs_by_themselves(words, form, rtol, sweep):
    _, _, single = sweep(*words)
    code, console, stacked = sweep(*words, form=form)
    assert code == 0, console
    assert "not stacked" not in console and set(environments(stacked)) == {len(runs(single))}
    assert_same(single, stacked, rtol)
    epochs = [[status["epochs_done"] for status in statuses(outputs).values()] for outputs in (single, stacked)]
    assert epochs[0] == epochs[1]


@SLOW
def test_stacked_branches_are_the_branches_by_themselves(sweep, tmp_path):
    words = ["optim=adam", "seed=0,1"]
    _, _, stems = sweep(*words, "checkpoint.keep=[1,2]", form="vmap", outputs=tmp_path / "stems")
    (signature,) = {run.parent for run in runs(stems).values()}
    words += [f"branch.run={signature}", "branch.at_epoch=1,2", "branch.epochs=2", "optim/lr_schedule=linear"]
    words += ["optim.lr=0.001,0.01"]
    _, _, single = sweep(*words)
    code, console, stacked = sweep(*words, form="vmap")
    assert code == 0 and set(environments(stacked)) == {4}, console
    assert_same(single, stacked)


def test_a_run_that_diverges_is_recorded_and_the_others_go_on(sweep):
    words = ["optim=sgd", "optim.lr=0.1,1e17,0.01"]
    _, _, single = sweep(*words)
    code, console, stacked = sweep(*words, form="vmap")
    assert code == 0 and "diverged" in console
    assert_same(single, stacked)
    ends = [
        {name: (s["status"], s.get("diverged")) for name, s in statuses(each).items()} for each in (single, stacked)
    ]
    assert ends[0] == ends[1] and sorted(end for end, _ in ends[1].values()) == ["diverged", "done", "done"]


@SLOW
def test_checkpoints_hold_the_weights_and_state_of_one_run(sweep):
    words = ["optim=momentum", "optim.lr=0.01,0.3", "seed=0,1", "wrap=[lookahead]"]
    _, _, single = sweep(*words)
    _, _, stacked = sweep(*words, form="vmap")
    for name, folder in runs(single).items():
        for file in ("best.pt", "last.pt"):
            a, b = (torch.load(f / "checkpoints" / file, weights_only=True) for f in (folder, stacked / name))
            for key in a["model"]:
                torch.testing.assert_close(b["model"][key], a["model"][key], rtol=1e-4, atol=1e-6)
            sizes = [(f / "checkpoints" / file).stat().st_size for f in (folder, stacked / name)]
            assert sizes[1] <= 1.02 * sizes[0]  # no other run's weights
        assert a["optimizer"]["param_groups"] == b["optimizer"]["param_groups"]
        assert a["optimizer"]["state"][0]["step"] == b["optimizer"]["state"][0]["step"]


@SLOW
def test_runs_at_different_steps_are_stacked_separately(sweep, tmp_path):
    """As after a kill while the checkpoints were being written."""
    words = ["optim=adam", "epochs=4", "seed=0,1,2,3"]
    _, _, whole = sweep(*words, form="vmap")
    outputs = shutil.copytree(whole, tmp_path / "again")
    for name, folder in runs(outputs).items():
        if name.name in ("seed=1", "seed=3"):
            shutil.rmtree(folder)
        else:
            status = json.loads((folder / "status.json").read_text())
            (folder / "status.json").write_text(json.dumps({**status, "status": "interrupted"}))
    code, console, _ = sweep(*words, form="vmap", outputs=outputs)
    assert code == 0 and "2 to resume, 2 to do" in console
    assert_same(whole, outputs)


@SLOW
def test_what_can_not_be_stacked_is_printed_and_runs_by_itself(sweep, tmp_path):
    code, console, outputs = sweep("optim=aggmo", "optim.lr=0.01,0.1", "accumulate=2", form="vmap")
    assert code == 0 and "not stacked: accumulate" in console and environments(outputs) == [None, None]
    words = ["model=vgg16", "data=synthetic", "data.sample_shape=[3,32,32]", "limit_train=8", "epochs=1"]
    words += ["limit_val=8", "limit_test=8", "batch_size=8", "seed=0,1"]
    code, console, outputs = sweep(*words, form="vmap", outputs=tmp_path / "dropout")
    assert code == 0 and "not stacked: model=vgg16: dropout" in console and len(runs(outputs)) == 2
    text = ["task=char_lm", "task.sample_tokens=0", "model.dim=8", "limit_train=8", "epochs=1", "seed=0,1"]
    for words, reason in (
        (["model=lstm"], "model=lstm: torch can't map recurrent layers"),
        (["model=gpt", "model.dropout=0.1"], "model=gpt: dropout"),
        (["model=gpt", "data.cut=stream", "data.shuffle=false", "batch_size=8"], "model=gpt: data.cut=windows only"),
    ):
        code, console, outputs = sweep(*text, *words, form="vmap", outputs=tmp_path / str(len(words)))
        assert code == 0 and f"not stacked: {reason}" in console and len(runs(outputs)) == 2


def test_large_groups_are_split(sweep):
    code, _, outputs = sweep("seed=range(5)", "epochs=1", "hydra.launcher.max_runs=2", form="vmap")
    assert code == 0 and sorted(environments(outputs)) == [1, 2, 2, 2, 2]


def test_a_group_that_memory_can_not_hold_is_halved(tmp_path):
    """Memory runs out when the first of five runs has ended: the other four are trained in two halves."""
    words = ["++logger=[]", "++threads=1", "++epochs=1", "++limit_train=64", f"++outputs={tmp_path}"]
    jobs = [Job(i, (), TODO, validate(compose(*words, f"++seed={i}"))) for i in range(5)]
    ended, lines = [], []

    def on_end(job, code, error=""):
        ended.append((job.number, code))
        if len(ended) == 1:
            raise torch.OutOfMemoryError("no room")

    assert StackedSweep(on_end, NO_CALLBACKS, "vmap", print_line=lines.append).run(jobs) == 0
    assert ended == [(i, 0) for i in range(5)] and environments(tmp_path) == [5, 2, 2, 2, 2]
    assert len(lines) == 1 and lines[0].startswith("4 runs don't fit into memory")


def config(*words):
    return validate(compose(*words))


def test_groups_share_all_but_numbers():
    same = [config("++optim.lr=0.1", "++seed=1", "++optim.weight_decay=0.1"), config("++optim.weight_decay=0.2")]
    others = [
        config("optim=adam"),
        config("++optim.betas=[0,0.9]"),
        config("++batch_size=64"),
        config("wrap=[lookahead]"),
        config("wrap=[lookahead]", "++wrap.lookahead.k=7"),
        config("++clip_norm=1"),
        config("model=mlp"),
    ]
    assert group_runs([*same, *others]) == [[0, 1], *([i] for i in range(2, 9))]
    assert group_runs([config(), config("optim/lr_schedule=plateau")]) == [[0, 1]]  # each run has its schedule
    assert config_obstacle(config("++finetune.epochs=1")) and not config_obstacle(config())
    assert "optim=soap" in config_obstacle(config("optim=soap"))


@SLOW
def test_timing_the_forms_has_no_effect_on_the_runs(sweep):
    _, _, plain = sweep("optim=adam", "seed=0,1", form="vmap")
    code, console, outputs = sweep("optim=adam", "seed=0,1", form="auto")
    assert code == 0 and "2 runs of mlp stacked: " in console
    for name, folder in runs(plain).items():
        a, b = ([row["loss"] for row in epoch_rows(f)] for f in (folder, outputs / name))
        assert b == pytest.approx(a, rel=1e-5)
