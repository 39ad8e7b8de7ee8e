"""The loop: what is recorded is what happened, and what decides does so for the right reason."""

import json
import sys

import pytest
import torch

from runner.cli.main import main
from runner.config.validate import validate


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run(*overrides) -> (exit code, the run's folder, what was said); each in a folder of its own."""
    monkeypatch.setattr(sys, "argv", ["main.py"])
    count = 0

    def go(*overrides, outputs=None):
        nonlocal count
        count += 1
        outputs = outputs or tmp_path / str(count)
        code = main([*overrides, f"outputs={outputs}", "logger=[]"])
        folders = [file.parent for file in outputs.rglob("status.json")]
        return code, folders[0] if len(folders) == 1 else folders, capsys.readouterr()

    return go


def rows(folder, **wanted):
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in found if all(row.get(key) == value for key, value in wanted.items())]


def status(folder):
    return json.loads((folder / "status.json").read_text())


@pytest.fixture
def make_trainer(tmp_path):
    """make_trainer(*overrides) -> a Trainer as the program builds it, to look inside."""
    from results.run_folder import RunFolder
    from runner.config.compose import compose
    from runner.train.console import Console
    from runner.train.build import build_trainer
    from runner.train.prepare import load_samples
    from runner.train.signals import StopRequest

    opened = []

    def make(*overrides):
        config = validate(compose(*overrides, "++log.progress=none", "++logger=[]"))
        folder = RunFolder(tmp_path / f"trainer-{len(opened)}")
        folder.open()
        console = Console(folder.path / "log.txt", "none")
        trainer = build_trainer(config, folder, load_samples(config), "cpu", console, StopRequest())
        opened.append((trainer.metrics, console, folder))
        return trainer

    yield make
    for parts in opened:
        for part in parts:
            part.close()


# --- means --------------------------------------------------------------------------------------------------------


def test_train_rows_are_means_over_samples_with_a_ragged_last_batch(make_trainer):
    """50 samples in batches of 20, 20, 10 at lr 0: the weights stand still, so the epoch's mean is computable."""
    trainer = make_trainer("++limit_train=50", "++batch_size=20", "++optim.lr=0", "++log.every=2")
    task, samples = trainer.task, trainer.samples
    with torch.no_grad():
        output = trainer.model(samples.train.x)
        loss = float(task.loss(output.double(), samples.train.x, samples.train.y))
        right = int(task.metric_sum(output, samples.train.x, samples.train.y))
    trainer.train_epoch()
    means = trainer.progress.this_epoch.means("acc")
    assert trainer.progress.this_epoch.samples == 50
    assert means["loss"] == pytest.approx(loss, rel=1e-6) and means["acc"] == right / 50


def test_step_rows_cover_every_sample_once(run):
    _, folder, _ = run("epochs=3", "limit_train=50", "batch_size=20", "log.every=1")
    for epoch in (1, 2, 3):
        steps = rows(folder, split="train", epoch=epoch, per="step")
        (whole,) = rows(folder, split="train", epoch=epoch, per="epoch")
        weights = (20, 20, 10)
        for key in ("loss", "acc"):
            mean = sum(row[key] * n for row, n in zip(steps, weights, strict=True)) / 50
            assert whole[key] == pytest.approx(mean, rel=1e-12)
    assert [row["step"] for row in rows(folder, per="step")] == list(range(1, 10))


def test_where_the_device_is_read_changes_no_row(run):
    """Rows of every 4th step, read every 4, 1 (checkpoints) or 3 steps: the same file."""
    files = []
    for every in ("unit=epoch", "unit=step checkpoint.every=1", "unit=step checkpoint.every=3"):
        _, folder, _ = run("epochs=2", "limit_train=300", "log.every=4", *f"checkpoint.{every}".split())
        files.append((folder / "metrics.jsonl").read_bytes())
    assert files[0] == files[1] == files[2]


@pytest.mark.parametrize("size", [1, 7, 288, 1000])
def test_evaluation_sees_every_sample_exactly_once(make_trainer, size):
    trainer = make_trainer(f"++eval_batch_size={size}")
    seen = []
    prepare = type(trainer.samples).prepare

    class Spy(type(trainer.samples)):
        def prepare(self, x):
            seen.append(x)
            return prepare(self, x)

    trainer.samples = Spy(**vars(trainer.samples))
    means = trainer.evaluate("val")
    assert torch.equal(torch.cat(seen), trainer.samples.val.x)
    assert means.samples == len(trainer.samples.val)
    with torch.no_grad():
        output = trainer.model(trainer.samples.val.x)
        expected = torch.nn.functional.cross_entropy(output.double(), trainer.samples.val.y)
    assert means.means("acc")["loss"] == pytest.approx(float(expected), rel=1e-6)


def test_every_epoch_sees_every_training_sample_once(make_trainer):
    trainer = make_trainer("++limit_train=47", "++batch_size=10")
    shown = []
    loss = type(trainer.task).loss

    class Spy(type(trainer.task)):
        def loss(self, output, x, y):
            shown.append(x)
            return loss(self, output, x, y)

    trainer.steps.task = Spy(name="digits")
    orders = []
    for _ in range(2):
        shown.clear()
        trainer.train_epoch()
        trainer.end_epoch()
        x = torch.cat(shown[:5]).flatten(1)
        orders.append(x)
        assert {tuple(row) for row in x.tolist()} == {tuple(row) for row in trainer.samples.train.x.flatten(1).tolist()}
        assert len(x) == 47
    assert not torch.equal(orders[0], orders[1])  # shuffled anew


def test_nothing_is_read_from_the_device_inside_the_step_loop(make_trainer, monkeypatch):
    """No .item(), .tolist(), bool() or float() of a tensor while steps run: each would wait for a GPU."""
    trainer = make_trainer("++clip_norm=1", "++log.every=0", "wrap=[gradient_noise,lookahead]")
    reads = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu", "numpy"):
        original = getattr(torch.Tensor, name)

        def spy(self, *args, _name=name, _original=original):
            reads.append(_name)
            return _original(self, *args)

        monkeypatch.setattr(torch.Tensor, name, spy)
    trainer.train_epoch()
    assert reads == ["tolist", "tolist"]  # the losses and the metrics, once, at the end of the chunk


# --- selection and stopping ---------------------------------------------------------------------------------------


def test_best_epoch_is_selected_on_validation_and_tested(run):
    _, folder, said = run("epochs=8", "optim.lr=0.3", "limit_train=300")
    val = [row["acc"] for row in rows(folder, split="val")]
    found = status(folder)
    assert found["best"]["acc"] == max(val)
    assert found["best"]["epoch"] == 1 + val.index(max(val))  # the first of equals
    assert found["final"] == {"epoch": 8, "step": 24, "loss": rows(folder, split="val")[-1]["loss"], "acc": val[-1]}
    best, last = (rows(folder, split="test", weights=which)[0] for which in ("best", "last"))
    assert found["test"] == {"loss": best["loss"], "acc": best["acc"]}
    assert found["test_last"] == {"loss": last["loss"], "acc": last["acc"]}
    assert best["epoch"] == found["best"]["epoch"] and last["epoch"] == 8
    assert best["step"] == found["best"]["step"] == 3 * best["epoch"] and last["step"] == 24
    assert f"test acc {best['acc']:.4f} with the best weights (epoch {best['epoch']}" in said.out


def test_best_weights_give_the_recorded_validation(run, make_trainer):
    _, folder, _ = run("epochs=6", "optim.lr=0.3", "limit_train=300", "wrap=[lookahead]")
    trainer = make_trainer("++limit_train=300")
    content = torch.load(folder / "checkpoints" / "best.pt", weights_only=True)
    trainer.model.load_state_dict(content["model"])
    means = trainer.evaluate("val", own_weights=True).means("acc")
    assert means == {key: status(folder)["best"][key] for key in ("loss", "acc")}


def test_patience_ends_the_run(run):
    _, folder, said = run("epochs=50", "patience=2", "optim=sgd", "optim.lr=0")
    found = status(folder)
    assert found["status"] == "done" and found["stopped_early"] and found["epochs_done"] == 4
    assert "stopped early" in said.out


@pytest.mark.parametrize("lr", ["1e4", "1e30"])
def test_divergence_is_a_result(run, lr):
    code, folder, said = run("epochs=5", f"optim.lr={lr}", "log.every=3")
    found = status(folder)
    assert code == 0 and found["status"] == "diverged" and found["test"] is None
    assert found["diverged"]["epoch"] == 1 and 1 < found["diverged"]["step"] <= 9
    assert "diverged at epoch 1" in said.out and "Traceback" not in said.err
    assert all(row["step"] < found["diverged"]["step"] for row in rows(folder))


def test_a_diverged_run_is_shown_and_not_run_again(run, tmp_path):
    first = run("epochs=5", "optim.lr=1e30", outputs=tmp_path / "o")
    second = run("epochs=5", "optim.lr=1e30", outputs=tmp_path / "o")
    assert second[0] == 0 and "finished" in second[2].out and "diverged at epoch 1" in second[2].out
    assert first[1] == second[1]


def test_the_step_of_the_divergence_is_exact(run):
    """Step rows every step: the last finite one is the step before."""
    _, folder, _ = run("epochs=5", "optim.lr=1e30", "log.every=1")
    assert rows(folder, per="step")[-1]["step"] + 1 == status(folder)["diverged"]["step"]


def test_explosion_threshold_is_a_multiple_of_the_first_loss(run):
    _, calm, _ = run("epochs=1", "optim=sgd", "optim.lr=0.3", "divergence_threshold=1.0000001", "log.every=1")
    losses = [row["loss"] for row in rows(calm, per="step")]
    assert status(calm)["status"] == "diverged" or max(losses) <= losses[0] * 1.0000001


def test_a_crash_is_recorded_and_tried_again(run, tmp_path, monkeypatch):
    from tasks.classification import Classification

    def broken(self, output, x, y):
        raise RuntimeError("the loss broke\nin two lines")

    with monkeypatch.context() as patch:
        patch.setattr(Classification, "loss", broken)
        code, folder, said = run("epochs=2", outputs=tmp_path / "o")
    assert code == 1 and status(folder)["status"] == "failed"
    assert "failed: RuntimeError: the loss broke; traceback in" in said.out and "Traceback" not in said.out + said.err
    assert "Traceback" in (folder / "log.txt").read_text()
    code, folder, _ = run("epochs=2", outputs=tmp_path / "o")
    assert code == 0 and status(folder)["status"] == "done"


def test_full_disk_is_said_once_and_the_run_goes_on_later(run, tmp_path, monkeypatch):
    import errno

    from results import run_folder as folders

    real, count = folders.os.replace, 0

    def full(source, target):
        nonlocal count
        count += 1
        if count > 9:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(folders.os, "replace", full)
        code, _, said = run("epochs=4", outputs=tmp_path / "o")
    assert code == 1 and said.err.count("No space left on device") == 1 and said.err.count("\n") == 1
    assert not list((tmp_path / "o").rglob("*.tmp"))
    code, folder, said = run("epochs=4", outputs=tmp_path / "o")
    assert code == 0 and "Resuming after epoch" in said.out and status(folder)["status"] == "done"


# --- learning rates, momentum, clipping ---------------------------------------------------------------------------


def test_learning_rates_of_the_rows_are_those_of_the_steps(run):
    _, folder, _ = run(
        "epochs=4",
        "limit_train=40",
        "batch_size=10",
        "optim/lr_schedule=step",
        "log.every=1",
        "optim.lr_schedule.milestones=[2]",
        "optim.lr_schedule.warmup=0.5",
        "optim.lr_schedule.lr_decay=0.1",
    )
    lrs = [row["lr"] for row in rows(folder, per="step")]
    assert lrs == pytest.approx([0.05, 0.1] + [0.1] * 6 + [0.01] * 8)
    assert [row["lr"] for row in rows(folder, per="epoch", split="train")] == pytest.approx([0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("warm", [True, False])
def test_fine_tuning_changes_the_live_optimizer_and_the_schedule_keeps_acting(make_trainer, warm):
    trainer = make_trainer(
        "++epochs=4",
        "++finetune.epochs=2",
        "++finetune.final_mom=0.5",
        f"++finetune.warm={warm}",
        "optim/lr_schedule=exp",
        "++optim.lr_schedule.lr_decay=0.5",
        "++limit_train=200",
    )
    optimizer, seen = trainer.optimizer, []
    train_epoch = trainer.train_epoch

    def spy():
        state = [s for s in optimizer.state.values()]
        energy = sum(float(v.abs().sum()) for s in state for k, v in s.items() if k.startswith("v"))
        train_epoch()
        seen.append((optimizer.param_groups[0]["betas"], optimizer.param_groups[0]["lr"], energy))

    trainer.train_epoch = spy
    trainer.fit()
    assert trainer.optimizer is optimizer
    assert [betas for betas, _, _ in seen] == [(0.0, 0.9, 0.99)] * 2 + [(0.0, 0.5)] * 2
    assert [lr for _, lr, _ in seen] == pytest.approx([0.1, 0.05, 0.025, 0.0125])
    assert (seen[2][2] > 0) == warm


def test_clipping_bounds_the_gradient(make_trainer):
    for override, bound in (("++clip_norm=0.01", None), ("++clip_value=0.001", 0.001)):
        trainer = make_trainer(override, "++limit_train=128")
        trainer.train_epoch()
        grads = [p.grad for p in trainer.steps.parameters]
        if bound is None:
            assert float(torch.stack([g.norm() for g in grads]).norm()) == pytest.approx(0.01, rel=1e-3)
        else:
            assert max(float(g.abs().max()) for g in grads) == pytest.approx(bound)


# --- seeds --------------------------------------------------------------------------------------------------------


def first_batches(make_trainer, *overrides):
    """Initial weights and the inputs of the first two epochs."""
    trainer = make_trainer("++limit_train=100", "++batch_size=30", "++epochs=2", *overrides)
    weights = [p.detach().clone() for p in trainer.steps.parameters]
    shown, loss = [], trainer.task.loss

    class Spy(type(trainer.task)):
        def loss(self, output, x, y):
            if output.requires_grad:
                shown.append(x)
            return loss(output, x, y)

    trainer.steps.task = Spy(name="digits")
    trainer.fit()
    return torch.cat([w.flatten() for w in weights]), torch.cat(shown)


def test_optimizers_with_one_seed_share_weights_and_batches(make_trainer):
    reference = first_batches(make_trainer, "++seed=0")
    for overrides in (["optim=adam"], ["optim=sgd", "wrap=[gradient_noise,lookahead]"]):
        other = first_batches(make_trainer, "++seed=0", *overrides)
        assert torch.equal(reference[0], other[0]) and torch.equal(reference[1], other[1])


def test_seeds_differ_and_zero_is_one_of_them(make_trainer):
    zero, one, again = (first_batches(make_trainer, f"++seed={s}") for s in (0, 1, 0))
    assert not torch.equal(zero[0], one[0]) and not torch.equal(zero[1], one[1])
    assert torch.equal(zero[0], again[0]) and torch.equal(zero[1], again[1])


def test_the_seed_is_in_the_folder_and_not_in_the_signature(run, tmp_path):
    run("epochs=1", "seed=0", outputs=tmp_path / "o")
    run("epochs=1", "seed=1", outputs=tmp_path / "o")
    folders = sorted(file.parent for file in (tmp_path / "o").rglob("status.json"))
    assert [folder.name for folder in folders] == ["seed=0", "seed=1"]
    assert folders[0].parent == folders[1].parent
    assert (folders[0] / "metrics.jsonl").read_bytes() != (folders[1] / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("deterministic", ["true", "false"])
def test_runs_repeat_bit_exactly(run, deterministic):
    command = ["epochs=3", f"deterministic={deterministic}", "optim=adam", "wrap=[gradient_noise]"]
    files = [(run(*command)[1] / "metrics.jsonl").read_bytes() for _ in range(2)]
    torch.use_deterministic_algorithms(False)
    assert files[0] == files[1]


# --- the folder ---------------------------------------------------------------------------------------------------


def test_config_alone_reproduces_the_run(run, tmp_path):
    _, first, _ = run("epochs=3", "optim=adam", "optim.lr=0.01", "wrap=[lookahead]", "limit_train=300", "seed=4")
    code, second, said = run(f"config={first / 'config.yaml'}")
    assert code == 0, said.err
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()
    assert first.relative_to(first.parents[3]) == second.relative_to(second.parents[3])


def test_folder_holds_everything(run):
    _, folder, said = run("epochs=2", "optim.lr=0.05", "optim/lr_schedule=cosine", "wrap=[lookahead]")
    assert folder.parent.parent.name == "aggmo,lr=0.05,cosine,lookahead"
    assert sorted(file.name for file in folder.rglob("*") if file.is_file()) == sorted(
        [
            "config.yaml",
            "environment.json",
            "status.json",
            "metrics.jsonl",
            "timings.jsonl",
            "log.txt",
            "curves.png",
            "last.pt",
            "best.pt",
        ]
    )
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__.split("+")[0]
    assert environment["device"] == "cpu" and environment["threads"] == 1
    for line in said.out.strip().splitlines():
        assert line in (folder / "log.txt").read_text()


def test_keys_that_change_no_result_change_no_signature(run, tmp_path):
    run("epochs=1", outputs=tmp_path / "o")
    code, _, said = run(
        "epochs=1", "device=cpu", "log.every=3", "threads=1", "checkpoint.every=2", outputs=tmp_path / "o"
    )
    assert code == 0 and "finished" in said.out


def test_mlp_and_autoencoder_learn(run, tmp_path):
    """Loss falls well below the start on synthetic images: real training, not only two steps."""
    data = ["data=synthetic", "data.sample_shape=[1,10,10]"]
    _, mlp, _ = run("task=mnist", *data, "data.normalize=true", "optim=momentum", "optim.lr=0.1", "epochs=5")
    assert status(mlp)["test"]["acc"] > 0.9
    _, auto, _ = run("task=autoencoder", *data, "model.encoder=[64,12]", "optim=adam", "epochs=20", "patience=null")
    mse = [row["mse"] for row in rows(auto, split="val")]
    assert mse[-1] < 0.8 * mse[0]
    assert (auto / "reconstructions.png").stat().st_size > 1000


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "gone"])
@pytest.mark.parametrize("name", ["last", "best"])
def test_damaged_checkpoints_are_named_with_the_way_out(run, tmp_path, name, damage):
    _, folder, _ = run("epochs=2", outputs=tmp_path / "o")
    file = folder / "checkpoints" / f"{name}.pt"
    content = {"empty": b"", "cut": file.read_bytes()[:-200], "garbage": b"no checkpoint"}.get(damage)
    file.unlink() if content is None else file.write_bytes(content)
    (folder / "status.json").unlink()  # killed just before its end
    code, _, said = run("epochs=2", outputs=tmp_path / "o")
    if (name, damage) == ("last", "gone"):
        assert code == 0  # nothing to resume from: it starts anew
        return
    assert code == 1 and f"{name}.pt" in said.out and "rerun=true" in said.out and "Traceback" not in said.err
    code, folder, _ = run("epochs=2", "rerun=true", outputs=tmp_path / "o")
    assert code == 0 and status(folder)["status"] == "done"


@pytest.mark.parametrize("lr", ["1e38", "1e10"])
def test_divergence_that_only_validation_sees_is_recorded(run, lr):
    """One step an epoch: the training loss is that of the weights before the step that ruins them."""
    code, folder, said = run("epochs=1", "optim=sgd", f"optim.lr={lr}", "limit_train=10")
    found = status(folder)
    assert code == 0 and found["status"] == "diverged" and found["diverged"]["step"] == 1
    assert "validation loss" in said.out and found["best"] is None


def test_divergence_that_only_the_test_sees_is_recorded(run, monkeypatch):
    from runner.train.trainer import Trainer

    evaluate = Trainer.evaluate

    def ruined(self, part, own_weights=False):
        means = evaluate(self, part, own_weights)
        if part == "test":
            means.loss = float("nan")
        return means

    monkeypatch.setattr(Trainer, "evaluate", ruined)
    code, folder, said = run("epochs=1")
    assert code == 0 and status(folder)["status"] == "diverged" and "test loss" in said.out


def test_a_signal_during_the_final_test_still_ends_a_sweep(run, tmp_path, monkeypatch):
    import os
    import signal

    from runner.train.trainer import Trainer

    test = Trainer.test

    def interrupted(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return test(self)

    monkeypatch.setattr(Trainer, "test", interrupted)
    code, folder, _ = run("-m", "epochs=1", "seed=0,1,2", outputs=tmp_path / "o")
    assert code == 143 and status(folder)["status"] == "done" and folder.name == "seed=0"


def test_an_interrupted_rerun_goes_on(run, tmp_path):
    run("epochs=2", outputs=tmp_path / "o")
    _, folder, _ = run("epochs=2", "rerun=true", outputs=tmp_path / "o")
    assert "rerun: false" in (folder / "config.yaml").read_text()  # the record repeats a run, it does not erase it
    content = status(folder)
    (folder / "status.json").write_text(json.dumps({**content, "status": "interrupted"}))
    code, _, said = run("epochs=2", "rerun=true", outputs=tmp_path / "o")
    assert code == 0 and "Resuming after epoch 2" in said.out


@pytest.mark.parametrize("content", ["[1]", "\udcff", '{"status": "done"}', "{"])
def test_a_damaged_status_is_no_obstacle(run, tmp_path, content):
    _, folder, _ = run("epochs=1", outputs=tmp_path / "o")
    (folder / "status.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    code, folder, said = run("epochs=1", outputs=tmp_path / "o")
    assert code == 0 and status(folder)["status"] == "done" and "Resuming" in said.out


def test_records_shorter_than_the_checkpoint_are_named(run, tmp_path):
    _, folder, _ = run("epochs=1", outputs=tmp_path / "o")
    (folder / "metrics.jsonl").write_text("")
    (folder / "status.json").unlink()
    code, _, said = run("epochs=1", outputs=tmp_path / "o")
    assert code == 1 and "metrics.jsonl is shorter" in said.out and "rerun=true" in said.out
    assert (folder / "metrics.jsonl").read_text() == ""


def test_a_checkpoint_of_something_else_is_named(run, tmp_path):
    import shutil

    _, folder, _ = run("epochs=1", outputs=tmp_path / "o")
    shutil.copy(folder / "checkpoints" / "best.pt", folder / "checkpoints" / "last.pt")
    (folder / "config.yaml").unlink()
    (folder / "status.json").unlink()
    code, _, said = run("epochs=1", outputs=tmp_path / "o")
    assert code == 1 and "last.pt is not of this run" in said.out
    assert (folder / "config.yaml").exists()


def test_a_recorded_run_is_repeated_with_changed_keys(run):
    _, first, _ = run("epochs=2", "optim=adam", "limit_train=200")
    code, second, said = run(f"config={first / 'config.yaml'}", "seed=5", "optim.lr=0.01")
    assert code == 0, said.err
    assert second.name == "seed=5" and second.parent.parent.name == "adam,lr=0.01"


def test_no_recorded_configuration_names_code_to_run(run, tmp_path):
    _, folder, _ = run("epochs=1")
    target = tmp_path / "made"
    for evil in ("hydra: {callbacks: {x: {_target_: os.makedirs, name: %s}}}", "defaults: [x]"):
        file = tmp_path / "evil.yaml"
        file.write_text((folder / "config.yaml").read_text() + (evil % target if "%s" in evil else evil) + "\n")
        code, _, said = run(f"config={file}")
        assert code == 2 and "is not a run's config.yaml" in said.err and not target.exists()
