"""Loss and metrics over predicted tokens, the text that a network writes, and combinations that can't be."""

from contextlib import ExitStack
from math import exp, log

import pytest
import torch
from runs import open_trainer, read_rows, read_status
from torch import nn

from data.text import Text
from runner.config.compose import compose
from runner.config.errors import ConfigError
from runner.config.validate import validate
from tasks.language_model import LanguageModel

GPT = [
    "task=char_lm",
    "data=text",
    "model.depth=1",
    "model.dim=8",
    "model.heads=2",
    "data.context=16",
    "epochs=1",
    "log.every=0",
]
TINY = [*GPT, "task.sample_tokens=20", "limit_train=24", "limit_val=7", "limit_test=5", "eval_batch_size=4"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text("".join(f"{i} bottles of beer, {i * i} on the wall\n" for i in range(200)))
    return f"data.path={file}"


def test_loss_is_the_mean_over_tokens_and_the_metrics_are_of_it():
    torch.manual_seed(0)
    output, y = torch.randn(3, 5, 7), torch.randint(7, (3, 5))
    task = LanguageModel(name="t")
    expected = -output.double().softmax(2).gather(2, y[..., None]).log().mean()
    assert float(task.loss(output, y, y)) == pytest.approx(float(expected), rel=1e-6)
    assert task.values_of_loss(log(8)) == pytest.approx({"bpc": 3.0, "perplexity": 8.0})
    assert LanguageModel(name="t", metric="perplexity").values_of_loss(2.0) == {"perplexity": exp(2)}
    assert task.values_of_loss(1e4)["perplexity"] == float("inf")
    assert task.batch_weight(3, y) == 15 and task.is_better(1.0, 2.0)


def test_evaluation_is_the_mean_over_predicted_tokens_whatever_the_pieces_lengths(path, tmp_path):
    words = ["data.cut=stream", "data.shuffle=false", "data.val_columns=3", "model=lstm", "model.dim=8"]
    short = [word for word in GPT if not word.startswith("model.")]
    with ExitStack() as closings:
        trainer = open_trainer(closings, *short, *words, path, f"outputs={tmp_path}", "logger=[]")
        total, tokens, lengths = 0.0, 0, set()
        trainer.model.requires_grad_(False)
        for x, y in trainer.samples.eval_batches("val", 1000):
            total += float(nn.functional.cross_entropy(trainer.model(x).flatten(0, 1), y.flatten(), reduction="sum"))
            tokens += y.numel()
            lengths.add(y.shape[1])
        assert len(lengths) == 2
        means = trainer.evaluate("val").means("bpc", trainer.task.values_of_loss)
        trainer.model.requires_grad_()
        trained = trainer.train_chunk(trainer.train_batches(), trainer.steps_per_epoch)[0]
    assert means["loss"] == pytest.approx(total / tokens, rel=1e-6)
    assert means["bpc"] == pytest.approx(means["loss"] / log(2)) and means["perplexity"] == exp(means["loss"])
    assert [result.samples for result in trained] == [y.numel() for _, y in trainer.train_batches()]


def test_a_run_records_the_metrics_and_writes_the_same_text_again(run, path):
    first = run(*TINY, path)
    assert first.code == 0, first.err
    status = read_status(first.folder)
    assert (status["metric"], status["better"]) == ("bpc", "min")
    assert status["test"]["bpc"] == pytest.approx(status["test"]["loss"] / log(2))
    for row in read_rows(first.folder):
        assert row["perplexity"] == pytest.approx(exp(row["loss"])) and row["bpc"] == row["loss"] / log(2)
    text = (first.folder / "sample.txt").read_bytes()
    assert (run(*TINY, path).folder / "sample.txt").read_bytes() == text
    assert (run(*TINY, path, "seed=1").folder / "sample.txt").read_bytes() != text
    by_word = run(*TINY, path, "data.unit=word", "task.metric=perplexity", "task.sample_tokens=0")
    assert not (by_word.folder / "sample.txt").exists()
    assert {"loss", "perplexity"} <= set(read_rows(by_word.folder)[0]) and "bpc" not in read_rows(by_word.folder)[0]


class Successor(nn.Module):
    """Predicts token + 1, and records the longest input."""

    longest = 0

    def forward(self, x):
        self.longest = max(self.longest, x.shape[1])
        return nn.functional.one_hot((x + 1) % 12, 12).float()


def test_the_written_text_is_drawn_from_the_last_context(path, tmp_path):
    data = Text(path=path.removeprefix("data.path="), context=4)
    samples, network = data.load(), Successor()
    cold = LanguageModel(name="t", sample_tokens=30, temperature=0.01).written_text(network, samples, data, 0)
    first = int(samples.test.tokens[0])
    following = [(first + 1 + k) % 12 for k in range(30)]
    assert cold == data.decode(torch.tensor([first, *following])) and network.longest == 4
    hot = LanguageModel(name="t", sample_tokens=30, temperature=10.0)
    assert hot.written_text(network, samples, data, 0) != cold


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (["task=char_lm", "model=mlp"], ["data=docstrings", "model=mlp", "model=gpt"]),
        (["task=mnist", "model=gpt"], ["model=gpt", "data=mnist"]),
        (["task=char_lm", "data=mnist", "model=mlp"], ["task=char_lm", "data=mnist", "data=text"]),
        (["task=digits", "data=docstrings", "model=gpt"], ["task=digits", "model=gpt", "scores classes"]),
        (["task=char_lm", "model.positions=32"], ["data.context=64", "model.positions=32"]),
        (
            ["task=char_lm", "data.cut=stream", "data.shuffle=false", "data.jitter=true", "model.positions=80"],
            ["data.jitter=true", "data.context=64", "model.positions to 94"],
        ),
        (["task=char_lm", "model.heads=3"], ["model.heads=3", "model.dim=64"]),
        (["task=char_lm", "task.metric=acc"], ["task.metric=acc", "bpc, perplexity"]),
        (["task=char_lm", "task.temperature=0"], ["task.temperature=0", "(0, inf)"]),
    ],
)
def test_combinations_that_can_not_be_are_refused(words, facts):
    with pytest.raises(ConfigError) as error:
        validate(compose(*words))
    for fact in facts:
        assert fact in str(error.value)
