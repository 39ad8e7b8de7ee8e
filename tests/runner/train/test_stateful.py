"""AWD-LSTM in the training loop: its state, its penalty, lengths that scale the rate; NT-ASGD; what is refused."""

import copy
from contextlib import ExitStack
from math import exp
from types import SimpleNamespace

import pytest
import torch
from runs import configure, open_trainer, read_results, read_rows, read_status, run_folder, run_interrupted
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

import optim
from models.awd_lstm import AWDLSTM
from models.recurrent import GRU
from optim.wrappers.nt_asgd import NTASGDWrapper
from runner.config.errors import ConfigError
from runner.train.build import check_state
from runner.train.prepare import check_process_count

SIZES = ["model.embedding=6", "model.hidden=8", "data.context=12", "batch_size=4", "task.sample_tokens=5"]
STREAM = ["data.cut=stream", "data.shuffle=false", "data.jitter=true", "task.scale_lr=true", "data.val_columns=3"]
LSTM = ["task=word_lm", "data=text", "model=awd_lstm", *SIZES, *STREAM, "clip_norm=0.25", "logger=[]"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text("".join(f"{i % 7} bottles of beer on the {i % 5} walls\n" for i in range(60)))
    return [*LSTM, f"data.path={file}"]


@pytest.mark.parametrize("method", ["sgd", pytest.param("momo", marks=pytest.mark.slow)])
def test_training_is_the_authors_loop(method, text, tmp_path):
    """Two epochs: a zero state at the start of each, carried and detached; the penalty in the gradients, and in the
    loss that Momo sees, not in the reported one; the rate times length / context."""
    lr = 3.0
    words = [*text, f"optim={method}", f"optim.lr={lr}", "epochs=2", f"outputs={tmp_path}", "log.every=1"]
    with ExitStack() as closings:
        trainer = open_trainer(closings, *words)
        network, rng = copy.deepcopy(trainer.model), torch.get_rng_state()
        trainer.fit()
        torch.set_rng_state(rng)
        make = {"sgd": optim.SGD, "momo": optim.Momo}[method]
        optimizer, lengths, losses = make(network.parameters(), lr=lr), [], []
        for epoch in range(2):
            trainer.progress.epoch, trainer.progress.step_in_epoch = epoch, 0
            network.reset_state()
            for x, y in trainer.train_batches():
                logits, penalty = network.train()(x)
                loss = cross_entropy(logits.flatten(0, 1), y.flatten())
                optimizer.zero_grad()
                (loss + penalty).backward()
                clip_grad_norm_(network.parameters(), 0.25)
                optimizer.param_groups[0]["lr"] = lr * x.shape[1] / 12
                optimizer.step(loss=loss + penalty)
                lengths.append(x.shape[1])
                losses.append(loss.item())
        for ours, theirs in zip(trainer.model.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(trainer.model.get_extra_state(), network.get_extra_state(), rtol=1e-4, atol=1e-5)
        recorded = [row["loss"] for row in read_rows(trainer.folder.path, per="step")]
    assert recorded == pytest.approx(losses, rel=1e-5) and len(set(lengths)) > 3


def test_evaluation_starts_from_no_state_and_leaves_that_of_training(text, tmp_path):
    with ExitStack() as closings:
        trainer = open_trainer(closings, *text, f"outputs={tmp_path}")
        trainer.train_chunk(trainer.train_batches(), 2)
        before = trainer.model.get_extra_state().clone()
        means = [
            trainer.evaluate(part).means("perplexity", trainer.task.values_of_loss) for part in ("val", "test", "val")
        ]
        assert torch.equal(trainer.model.get_extra_state(), before) and len(before) == 4
        trainer.model.reset_state()
        total = tokens = 0.0
        with torch.no_grad():
            for x, y in trainer.samples.eval_batches("val", 1):
                assert len(x) == 3
                total += float(cross_entropy(trainer.model(x).flatten(0, 1), y.flatten(), reduction="sum"))
                tokens += y.numel()
    assert means[0] == means[2] and means[0]["perplexity"] == pytest.approx(exp(total / tokens), rel=1e-6)


def test_interrupted_in_an_epoch_and_resumed_it_is_the_same_run(text, run, tmp_path):
    """With NT-ASGD, whose mean begins in it."""
    words = [*text, "optim=aggmo", "optim.lr=20", "clip_norm=null", "wrap=[nt_asgd]", "wrap.nt_asgd.n=1", "epochs=5"]
    words += ["log.every=3", "track=true", "checkpoint.unit=step", "checkpoint.every=4", "patience=9"]
    expected = read_results(run(*words).folder)
    steps, since = expected["status"]["steps_done"], expected["status"]["averaging_from"]
    assert 2 < since <= 5 and steps % 5 == 0
    outputs = tmp_path / "interrupted"
    for after in (steps // 10, steps // 2, steps // 5):  # in the first epoch, and later in others
        assert run_interrupted(*words, f"outputs={outputs}", after=after) == 130
    assert read_status(run_folder(outputs))["steps_done"] % (steps // 5)
    resumed = run(*words, outputs=outputs)
    assert read_results(resumed.folder) == expected
    assert f"from epoch {since} on" in resumed.out and (resumed.folder / "sample.txt").read_text()


def test_a_branch_from_the_mean_is_the_authors_fine_tuning(text, run, tmp_path):
    """It starts from the mean with a new optimizer, averages from its first step on, and ends by the trigger's rule."""
    words = [*text, "optim=aggmo", "optim.lr=20", "clip_norm=null", "wrap=[nt_asgd]", "wrap.nt_asgd.n=1", "patience=99"]
    stem = run(*words, "epochs=5", "checkpoint.keep=[1]").folder
    steps, since = read_status(stem)["steps_done"] // 5, read_status(stem)["averaging_from"]
    at = [f"branch.run={stem}", "branch.weights=evaluation", "branch.epochs=40"]
    early = run(*words, *at, "branch.at_epoch=1")
    assert early.code == 2 and f"training weights after epoch 1; its mean begins with epoch {since}\n" in early.err
    assert not early.folder.exists()
    assert since <= 5
    still = run(*words, *at[:2], "branch.epochs=1", "branch.at_epoch=5", "optim.lr=1e-30")
    loss, mean = read_rows(stem, split="val")[-1]["loss"], torch.load(stem / "checkpoints/last.pt", weights_only=True)
    assert read_rows(still.folder, split="val")[-1]["loss"] == pytest.approx(loss, rel=1e-6)
    saved = torch.load(still.folder / "checkpoints/last.pt", weights_only=True)
    states = saved["optimizer"]["state"], mean["optimizer"]["state"]
    for key, state in states[0].items():
        assert state["step"] == state["nt_asgd.steps"] == steps
        torch.testing.assert_close(state["nt_asgd.m"], states[1][key]["nt_asgd.m"])
    whole = run(*words, *at, "branch.at_epoch=5")
    expected = read_results(whole.folder)
    status = expected["status"]
    assert status["stopped_early"] and status["epochs_done"] < 45 and status["averaging_from"] == 6
    losses = [row["loss"] for row in read_rows(whole.folder, split="val") if "weights" not in row]
    assert NTASGDWrapper(1).trigger(losses) == len(losses) - 1
    outputs = tmp_path / "interrupted"
    for after in (steps // 2, steps):
        assert run_interrupted(*words, *at, "branch.at_epoch=5", f"outputs={outputs}", after=after) == 130
    resumed = run(*words, *at, "branch.at_epoch=5", outputs=outputs)
    assert "@5-evaluation" in resumed.folder.parent.parent.name and read_results(resumed.folder) == expected


@pytest.mark.slow
def test_bfloat16_trains_and_evaluates(text, run):
    status = read_status(run(*text, "amp=bf16", "epochs=1", "limit_train=8").folder)
    assert status["status"] == "done" and status["steps_done"] == 2


@pytest.mark.parametrize(
    "words, facts",
    [
        (["accumulate=2"], "accumulate=2"),
        (["compile=true"], "compile=true"),
        (["cuda_graphs=true"], "cuda_graphs=true"),
        (["data.cut=windows", "data.jitter=false"], "data.cut=stream"),
    ],
)
def test_what_can_not_be_done_with_a_state_is_refused(words, facts, text):
    with pytest.raises(ConfigError, match=f"model=awd_lstm carries a state from batch to batch.*{facts}"):
        configure(*text, *words)


def test_a_model_says_whether_its_network_has_a_state():
    network = AWDLSTM(embedding=2, hidden=2).build((4,), 3)
    check_state(AWDLSTM(), network)
    check_state(GRU(), torch.nn.Linear(1, 1))
    for model, other, fact in ((GRU(), network, "gru: stateful is False"), (AWDLSTM(), torch.nn.ReLU(), "no reset")):
        with pytest.raises(ConfigError, match=fact):
            check_state(model, other)


def test_several_processes_are_refused(text):
    with pytest.raises(ConfigError, match="model=awd_lstm carries a state.* one process, not in 2"):
        check_process_count(configure(*text), SimpleNamespace(size=2))
