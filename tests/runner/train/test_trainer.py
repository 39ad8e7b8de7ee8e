"""The training loop: rows are means of what happened, and every decision has the right reason."""

from dataclasses import replace

import pytest
import torch
from runs import read_rows, read_status

from data.samples import Part
from runner.callbacks import NO_CALLBACKS
from runner.train.run import train
from runner.train.seeding import stream_seed
from tasks.classification import Classification


class RecordingTask(Classification):
    """Keeps the inputs that the network has been trained on."""

    inputs: list = []

    def loss(self, output, x, y):
        if output.requires_grad:
            self.inputs.append(x)
        return super().loss(output, x, y)


def record_inputs(trainer):
    """The list that the inputs of the trainer's steps go to."""
    trainer.step.task = RecordingTask(name="digits")
    trainer.step.task.inputs.clear()
    return trainer.step.task.inputs


# --- means --------------------------------------------------------------------------------------------------------


def test_train_rows_are_means_over_samples_with_a_ragged_last_batch(make_trainer):
    """50 samples in batches of 20, 20, 10 at lr 0: the weights do not change, so the epoch's mean is computable."""
    trainer = make_trainer("limit_train=50", "batch_size=20", "optim.lr=0", "log.every=2")
    task, samples = trainer.task, trainer.samples
    with torch.no_grad():
        output = trainer.model(samples.train.x)
        loss = float(task.loss(output.double(), samples.train.x, samples.train.y))
        correct = int(task.metric_sum(output, samples.train.x, samples.train.y))
    trainer.train_epoch()
    means = trainer.progress.this_epoch.means("acc")
    assert trainer.progress.this_epoch.samples == 50
    assert means["loss"] == pytest.approx(loss, rel=1e-6) and means["acc"] == correct / 50


def test_step_rows_cover_every_sample_once(run):
    folder = run("epochs=3", "limit_train=50", "batch_size=20", "log.every=1").folder
    for epoch in (1, 2, 3):
        steps = read_rows(folder, split="train", epoch=epoch, per="step")
        (whole,) = read_rows(folder, split="train", epoch=epoch, per="epoch")
        for key in ("loss", "acc"):
            mean = sum(row[key] * n for row, n in zip(steps, (20, 20, 10), strict=True)) / 50
            assert whole[key] == pytest.approx(mean, rel=1e-12)
    assert [row["step"] for row in read_rows(folder, per="step")] == list(range(1, 10))


def test_chunk_size_changes_no_row(run):
    """Rows of every 4th step, with losses read every 4, 1 (checkpoints) or 3 steps: the same file."""
    files = []
    for every in ("unit=epoch", "unit=step checkpoint.every=1", "unit=step checkpoint.every=3"):
        folder = run("epochs=2", "limit_train=300", "log.every=4", *f"checkpoint.{every}".split()).folder
        files.append((folder / "metrics.jsonl").read_bytes())
    assert files[0] == files[1] == files[2]


def test_without_reshuffling_every_epoch_has_the_first_ones_order(make_trainer):
    def labels(*words):
        trainer = make_trainer("limit_train=60", "batch_size=60", *words)
        found = []
        for trainer.progress.epoch in (0, 1, 6):
            found += [y.tolist() for _, y in trainer.train_batches()]
        return found

    usual, once, other = labels(), labels("data.reshuffle=false"), labels("data.reshuffle=false", "seed=1")
    assert once == [usual[0]] * 3 and usual[1] != usual[0] and other[0] != once[0]


@pytest.mark.parametrize("size", [1, 7, 288, 1000])
def test_evaluation_sees_every_sample_exactly_once(make_trainer, size):
    trainer = make_trainer(f"eval_batch_size={size}", "limit_val=150")
    seen = []

    class RecordingSamples(type(trainer.samples)):
        def prepare(self, x):
            seen.append(x)
            return super().prepare(x)

    trainer.samples = RecordingSamples(**vars(trainer.samples))
    means = trainer.evaluate("val")
    assert torch.equal(torch.cat(seen), trainer.samples.val.x)
    assert means.samples == len(trainer.samples.val)
    with torch.no_grad():
        output = trainer.model(trainer.samples.val.x)
        expected = torch.nn.functional.cross_entropy(output.double(), trainer.samples.val.y)
    assert means.means("acc")["loss"] == pytest.approx(float(expected), rel=1e-6)


def test_every_epoch_sees_every_training_sample_once_in_a_new_order(make_trainer):
    trainer = make_trainer("limit_train=47", "batch_size=10")
    inputs, orders = record_inputs(trainer), []
    for _ in range(2):
        inputs.clear()
        trainer.train_epoch()
        trainer.end_epoch()
        orders.append(torch.cat(inputs).flatten(1))
        assert sorted(orders[-1].tolist()) == sorted(trainer.samples.train.x.flatten(1).tolist())
    assert not torch.equal(orders[0], orders[1])


def test_nothing_is_read_from_the_device_inside_the_step_loop(make_trainer, monkeypatch):
    """No .item(), .tolist(), bool() or float() of a tensor while steps run: each would wait for a GPU."""
    trainer = make_trainer("clip_norm=1", "log.every=0", "wrap=[gradient_noise,lookahead]")
    reads = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu", "numpy"):
        original = getattr(torch.Tensor, name)

        def spy(self, *args, _name=name, _original=original):
            reads.append(_name)
            return _original(self, *args)

        monkeypatch.setattr(torch.Tensor, name, spy)
    trainer.train_epoch()
    assert reads == ["tolist"] * 3  # losses, metrics and norms of the gradients, once, at the end of the chunk


# --- selection and stopping ---------------------------------------------------------------------------------------


def test_best_epoch_is_selected_on_validation_and_tested(run):
    folder = run("epochs=8", "optim.lr=0.3", "limit_train=300").folder
    val = [row["acc"] for row in read_rows(folder, split="val")]
    found = read_status(folder)
    assert found["best"]["acc"] == max(val)
    assert found["best"]["epoch"] == 1 + val.index(max(val))  # the first of equals
    last_loss = read_rows(folder, split="val")[-1]["loss"]
    assert found["final"] == {"epoch": 8, "step": 24, "loss": last_loss, "acc": val[-1]}
    best, last = (read_rows(folder, split="test", weights=which)[0] for which in ("best", "last"))
    assert found["test"] == {"loss": best["loss"], "acc": best["acc"]}
    assert found["test_last"] == {"loss": last["loss"], "acc": last["acc"]}
    assert best["epoch"] == found["best"]["epoch"] and last["epoch"] == 8
    assert best["step"] == found["best"]["step"] == 3 * best["epoch"] and last["step"] == 24


def test_best_weights_give_the_recorded_validation(run, make_trainer):
    folder = run("epochs=6", "optim.lr=0.3", "limit_train=300", "wrap=[lookahead]").folder
    trainer = make_trainer("limit_train=300")
    content = torch.load(folder / "checkpoints" / "best.pt", weights_only=True)
    trainer.model.load_state_dict(content["model"])
    means = trainer.evaluate("val", evaluation_weights=False).means("acc")
    assert means == {key: read_status(folder)["best"][key] for key in ("loss", "acc")}


def test_patience_ends_the_run(run):
    result = run("epochs=50", "patience=2", "optim=sgd", "optim.lr=0")
    found = read_status(result.folder)
    assert found["status"] == "done" and found["stopped_early"] and found["epochs_done"] == 4


def test_divergence_is_a_result_with_its_exact_step(run):
    """Rows of every step: the last finite one is the step before."""
    result = run("epochs=5", "optim.lr=1e17", "log.every=1")
    found = read_status(result.folder)
    assert result.code == 0 and found["status"] == "diverged" and found["test"] is None
    assert "diverged at epoch 1" in result.out and "Traceback" not in result.err
    assert read_rows(result.folder, per="step")[-1]["step"] + 1 == found["diverged"]["step"]


def test_divergence_threshold_is_a_multiple_of_the_first_loss(run):
    words = ["epochs=1", "optim=sgd", "optim.lr=30", "log.every=1"]
    losses = [row["loss"] for row in read_rows(run(*words).folder, per="step")]
    ratio = max(losses) / losses[0]
    assert ratio > 1.5
    below, above = (run(*words, f"divergence_threshold={ratio * factor}").folder for factor in (0.99, 1.01))
    assert read_status(above)["status"] == "done"
    found = read_status(below)
    assert found["status"] == "diverged" and found["diverged"]["step"] == 1 + losses.index(max(losses))


@pytest.mark.parametrize("lr", ["1e18", "1e10"])
def test_divergence_that_only_validation_sees_is_recorded(run, lr):
    """One step an epoch: the training loss belongs to the weights before the step that ruins them."""
    result = run("epochs=1", "optim=sgd", f"optim.lr={lr}", "limit_train=10")
    found = read_status(result.folder)
    assert result.code == 0 and found["status"] == "diverged" and found["diverged"]["step"] == 1
    assert "validation loss" in found["diverged"]["what"] and found["best"] is None


def test_divergence_that_only_the_test_sees_is_recorded(make_trainer):
    trainer = make_trainer("epochs=1", "limit_train=200")
    test = trainer.samples.test
    trainer.samples = replace(trainer.samples, test=Part(torch.full_like(test.x, torch.nan), test.y))
    train(trainer, trainer.console, NO_CALLBACKS)
    found = read_status(trainer.folder.path)
    assert found["status"] == "diverged" and "test loss" in found["diverged"]["what"]


# --- learning rates, momentum, clipping ---------------------------------------------------------------------------


def test_learning_rates_of_the_rows_are_those_of_the_steps(run):
    schedule = ["optim/lr_schedule=step", "optim.lr_schedule.milestones=[2]", "optim.lr_schedule.warmup=0.5"]
    words = ["epochs=4", "limit_train=40", "batch_size=10", "log.every=1", "optim.lr_schedule.lr_decay=0.1"]
    folder = run(*words, *schedule).folder
    lrs = [row["lr"] for row in read_rows(folder, per="step")]
    assert lrs == pytest.approx([0.05, 0.1] + [0.1] * 6 + [0.01] * 8)
    epoch_lrs = [row["lr"] for row in read_rows(folder, per="epoch", split="train")]
    assert epoch_lrs == pytest.approx([0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("warm", [True, False])
def test_fine_tuning_changes_the_momentum_and_the_schedule_keeps_acting(make_trainer, warm):
    finetune = ["finetune.epochs=2", "finetune.final_mom=0.5", f"finetune.warm={warm}"]
    schedule = ["optim/lr_schedule=exp", "optim.lr_schedule.lr_decay=0.5"]
    trainer = make_trainer("epochs=4", "limit_train=100", "batch_size=100", *finetune, *schedule)
    steps = []

    def before_step(optimizer, *_):
        group = optimizer.param_groups[0]
        sizes = (float(v.abs().sum()) for s in optimizer.state.values() for k, v in s.items() if k.startswith("v"))
        steps.append((group["betas"], group["lr"], sum(sizes)))

    trainer.optimizer.register_step_pre_hook(before_step)
    trainer.fit()
    assert [betas for betas, _, _ in steps] == [(0.0, 0.9, 0.99)] * 2 + [(0.0, 0.5)] * 2
    assert [lr for _, lr, _ in steps] == pytest.approx([0.1, 0.05, 0.025, 0.0125])
    assert (steps[2][2] > 0) == warm


def test_clipping_bounds_the_gradient(make_trainer):
    for word, bound in (("clip_norm=0.01", None), ("clip_value=0.001", 0.001)):
        trainer = make_trainer(word, "limit_train=128")
        trainer.train_epoch()
        grads = [p.grad for p in trainer.model.parameters()]
        if bound is None:
            assert float(torch.stack([g.norm() for g in grads]).norm()) == pytest.approx(0.01, rel=1e-3)
        else:
            assert max(float(g.abs().max()) for g in grads) == pytest.approx(bound)


def test_rows_hold_how_often_the_gradient_was_clipped(make_trainer):
    """At each step as `track` measures it; in rows of four steps the means over the four."""
    words = ("clip_norm=0.3", "epochs=2", "limit_train=350", "batch_size=50", "optim.lr=0.5")
    each, four = (
        make_trainer(*words, f"log.every={every}", f"track={track}") for every, track in ((1, True), (4, False))
    )
    each.fit()
    four.fit()
    rows, means = ([row for row in read_rows(t.folder.path) if row.get("per") == "step"] for t in (each, four))
    norms = [row["gradient_norm"] for row in rows]
    assert [row["mean_gradient_norm"] for row in rows] == pytest.approx(norms, rel=1e-6)
    assert [row["clipped"] for row in rows] == [float(norm > 0.3) for norm in norms] and 1 < sum(
        n > 0.3 for n in norms
    ) < 13
    assert len(means) == 3  # the second goes over an epoch's end
    for i, row in enumerate(means):
        part = rows[4 * i : 4 * i + 4]
        for key in ("mean_gradient_norm", "clipped"):
            assert row[key] == pytest.approx(sum(one[key] for one in part) / 4)


def test_mixed_batches_are_mixtures_of_the_same_batches(make_trainer):
    """Order and augmentation are those without mixing; an epoch entered in its middle goes on with the same draws."""
    words = ("limit_train=100", "batch_size=30", "data.augment=crop_flip")
    plain, mixed = make_trainer(*words), make_trainer(*words, "task.mixup=1")
    wholes, batches = list(plain.train_batches()), list(mixed.train_batches())
    for number, ((x, y), (mixture, labels)) in enumerate(zip(wholes, batches, strict=True)):
        share = mixed.mixing.draw(stream_seed(0, "mix", 1, number)).share
        torch.testing.assert_close(mixture, share * x + (1 - share) * x.roll(1, 0))
        torch.testing.assert_close(labels.sum(1), torch.ones(len(y)))
        assert float(labels[torch.arange(len(y)), y].min()) >= share - 1e-6
    mixed.progress.step_in_epoch = 2
    for expected, found in zip(batches[2:], mixed.train_batches(), strict=True):
        assert torch.equal(expected[0], found[0]) and torch.equal(expected[1], found[1])


# --- seeds --------------------------------------------------------------------------------------------------------


def weights_and_batches(make_trainer, *words):
    """Initial weights and the inputs of the first two epochs."""
    trainer = make_trainer("limit_train=100", "batch_size=30", "epochs=2", *words)
    weights = torch.cat([p.detach().flatten() for p in trainer.model.parameters()])
    inputs = record_inputs(trainer)
    trainer.fit()
    return weights, torch.cat(inputs)


def test_optimizers_with_one_seed_share_weights_and_batches(make_trainer):
    reference = weights_and_batches(make_trainer, "seed=0")
    for words in (["optim=adam"], ["optim=sgd", "wrap=[gradient_noise,lookahead]"]):
        other = weights_and_batches(make_trainer, "seed=0", *words)
        assert torch.equal(reference[0], other[0]) and torch.equal(reference[1], other[1])


def test_seeds_differ_and_zero_is_one_of_them(make_trainer):
    zero, one, again = (weights_and_batches(make_trainer, f"seed={s}") for s in (0, 1, 0))
    assert not torch.equal(zero[0], one[0]) and not torch.equal(zero[1], one[1])
    assert torch.equal(zero[0], again[0]) and torch.equal(zero[1], again[1])


@pytest.mark.parametrize("deterministic", ["true", "false"])
def test_runs_repeat_bit_exactly(run, deterministic):
    words = ["epochs=3", "limit_train=300", f"deterministic={deterministic}", "optim=adam", "wrap=[gradient_noise]"]
    files = [(run(*words).folder / "metrics.jsonl").read_bytes() for _ in range(2)]
    torch.use_deterministic_algorithms(False)
    assert files[0] == files[1]


def test_mlp_and_autoencoder_learn(run):
    """Loss falls well below the start on synthetic images: real training, not only two steps."""
    data = ["data=synthetic", "data.sample_shape=[1,10,10]"]
    mlp = run("task=mnist", *data, "data.normalize=true", "optim=momentum", "optim.lr=0.1", "epochs=5").folder
    assert read_status(mlp)["test"]["acc"] > 0.9
    words = ["task=autoencoder", *data, "model.encoder=[64,12]", "optim=adam", "epochs=20", "patience=null"]
    autoencoder = run(*words).folder
    mse = [row["mse"] for row in read_rows(autoencoder, split="val")]
    assert mse[-1] < 0.8 * mse[0]
    assert (autoencoder / "reconstructions.npz").stat().st_size > 1000
