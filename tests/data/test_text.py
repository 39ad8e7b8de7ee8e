"""Texts: tokens, vocabularies and parts of files that the tests write."""

import pytest
import torch

from data.check import md5_of
from data.samples import Samples
from data.text import Text
from data.tokens import Stream, Windows, jittered_lengths, mean_length
from runner.config.compose import compose
from runner.config.errors import ConfigError
from runner.config.validate import validate
from runner.train.sharding import BatchSharding, evaluation_shard


def test_windows_cover_the_stream_from_a_drawn_token_on():
    part = Windows(torch.arange(100, dtype=torch.uint8), 8, shifts=True)
    assert len(part) == 11
    starts = set()
    for seed in range(40):
        batches = list(part.in_turn(torch.arange(11), 4, 0, seed))
        x, y = (torch.cat(each) for each in zip(*batches, strict=True))
        starts.add(int(x[0, 0]))
        assert [len(each) for each, _ in batches] == [4, 4, 3] and x.dtype == y.dtype == torch.int64
        assert torch.equal(x.flatten(), torch.arange(88) + x[0, 0]) and torch.equal(y, x + 1)
    assert starts == set(range(8))
    picked = torch.tensor([7, 2, 5])
    whole = torch.cat([x for x, _ in part.in_turn(torch.arange(11), 4, 0, seed=1)])
    assert torch.equal(next(part.in_turn(picked, 3, 0, seed=1))[0], whole[picked])
    evaluated = Windows(torch.arange(17), 8)
    assert [len(y) for _, y in evaluated.in_order(1)] == [1, 1] and len(evaluated.limited(1)) == 1
    assert torch.equal(evaluated.take(torch.tensor([1])).y, torch.arange(9, 17).view(1, 8))


@pytest.mark.parametrize("jitter", [False, True])
def test_a_stream_goes_on_where_the_last_batch_ended(jitter):
    part = Stream.of(torch.arange(3 * 501 + 2), 3, 35, jitter)
    pieces = list(part.in_turn(torch.arange(len(part)), 3, 0, seed=5))
    x, y = (torch.cat(each, 1) for each in zip(*pieces, strict=True))
    assert torch.equal(x, torch.arange(1503).view(3, 501)[:, :-1]) and torch.equal(y, x + 1)
    assert len(part) == 3 * len(pieces)
    for (x, y), (late_x, late_y) in zip(pieces[4:], part.in_turn(torch.arange(len(part)), 3, 4, seed=5), strict=True):
        assert torch.equal(x, late_x) and torch.equal(y, late_y)
    assert torch.equal(torch.cat([x for x, _ in part.in_order(1)], 1), torch.arange(1503).view(3, 501)[:, :-1])
    assert len(part.limited(12)) == 12 and part.limited(12).num_predicted == (
        round(4 * mean_length(35)) if jitter else 140
    )


def test_lengths_are_the_sources_draws():
    lengths = torch.tensor([jittered_lengths(68_000, 1000, 70, seed) for seed in range(20)])
    assert set(lengths.sum(1).tolist()) == {68_000}
    short = (lengths < 53).float().mean()
    assert abs(float(short) - 0.05) < 0.005
    assert abs(float(lengths[lengths >= 53].float().std()) - 5) < 0.2
    assert mean_length(70) == pytest.approx(0.95 * 69.5 + 0.05 * 34.5, abs=1e-3)


def test_a_file_is_cut_in_three_and_its_vocabulary_is_that_of_training(tmp_path):
    (tmp_path / "a.txt").write_text("abba" * 20 + "abc" * 3 + "d", encoding="utf-8")
    data = Text(path=str(tmp_path / "a.txt"), context=2)
    data.validate()
    assert data.shape == (2,) and data.classes == 3 and data.vocabulary() == ("a", "b", "<unk>")
    corpus = data.corpus()
    assert [len(part) for part in corpus.parts] == [72, 9, 9] and corpus.unknown == (0, 0, 4)
    assert data.decode(corpus.parts[2]) == "b<unk>ab<unk>ab<unk><unk>"
    assert data.decode(data.encode("abba")) == "abba"
    samples = data.load((5, None, None))
    assert len(samples.train) == 5 and "4 unknown in test" in samples.notes[0]
    x, y = next(samples.train_batches(torch.arange(5), 2, 0, seed=0))
    assert x.dtype == torch.int64 and x.shape == y.shape == (2, 2)


def test_units_give_back_the_text(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffDon't stop,\r\n\r\nnaïve café! Don't.\n".encode())
    text = "Don't stop,\n\nnaïve café! Don't.\n"
    data = {unit: Text(path=str(tmp_path / "a.txt"), unit=unit) for unit in ("char", "byte", "word")}
    for each in data.values():
        each.validate()
    assert data["char"].decode(data["char"].encode("top, pots")) == "top, pots"
    assert data["byte"].classes == 256 and data["byte"].decode(data["byte"].encode(text)) == text
    words = data["word"].vocabulary()
    assert words[0] == "<eos>" and set(words) == {
        "<eos>",
        "Don't",
        "stop",
        ",",
        "naïve",
        "café",
        "!",
        "<unk>",
    }
    assert data["word"].decode(data["word"].encode(text)) == "Don't stop ,\n\nnaïve café ! Don't <unk>\n"
    assert data["word"].corpus().unknown == (0, 0, 1)
    rare = Text(path=str(tmp_path / "a.txt"), unit="word", min_count=2)
    assert rare.vocabulary() == ("<eos>", "<unk>") and rare.corpus().unknown == (6, 1, 1)


def test_files_are_read_in_the_order_of_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in (("b/2.txt", "two"), ("b/10.md", "ten\n"), ("a.txt", "one\n"), (".hidden", "no")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    paths = {".": "one\nten\ntwo\n", "b": "ten\ntwo\n", "*/*.txt": "two", "a.txt": "one\n"}
    for path, content in paths.items():
        (source,) = Text(path=path).sources()
        assert source.content.decode() == content, path
    (tmp_path / "b" / "2.txt").write_bytes(b"fine\nnot \xff")
    with pytest.raises(ValueError, match=r"2.txt is not UTF-8: byte 0xff at 9 \(line 2\); data.unit=byte takes any"):
        Text(path="b").load()
    line, tokens = Text(path="b", unit="byte").check()
    assert line.num_bytes == 15 and line.md5 == md5_of(b"ten\nfine\nnot \xff\n") and "256 types" in tokens.line()


TOO_SHORT = {
    "windows": ({"context": 41}, r"80 tokens of train .* data.context=41: at most 40 has a window"),
    "windows of less than nothing": ({"context": 500}, r"80 tokens of train .* at most 40 has a window"),
    "windows of val": ({"context": 10}, r"10 tokens of val .* data.context=10: at most 9 has a window"),
    "columns": (
        {"cut": "stream", "shuffle": False, "context": 20},
        r"80 tokens of train .* batch_size=4 columns of 20",
    ),
    "test columns": (
        {"cut": "stream", "shuffle": False, "context": 3, "val_columns": 2, "test_columns": 3},
        r"10 tokens of test .* data.test_columns=3 columns of 3",
    ),
    "a limit": ({"cut": "stream", "shuffle": False, "context": 2, "val_columns": 3}, r"limit_train=3: .*batch_size=4"),
}


def test_another_text_of_the_same_name_is_another_run(tmp_path):
    def signed():
        words = f'task=char_lm data=text data.path="{tmp_path.as_posix()}" data.context=4'
        return validate(compose(*words.split())).signature

    (tmp_path / "a.txt").write_text("abc" * 60, encoding="utf-8")
    first = signed()
    assert signed() == first
    (tmp_path / "a.txt").write_text("abd" * 60, encoding="utf-8")
    assert signed() != first
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_text("abc" * 60, encoding="utf-8")
    assert signed() == first
    (tmp_path / "b.txt").unlink()
    with pytest.raises(ConfigError, match="data.path=.* names no file"):
        signed()


def test_texts_that_are_too_short_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("0123456789" * 10)
    for name, (fields, message) in TOO_SHORT.items():
        with pytest.raises(ValueError, match=message) as error:
            data = Text(path=str(tmp_path / "a.txt"), val_fraction=0.11, **fields)
            data.validate()
            data.load((3 if name == "a limit" else None, None, None), batch_size=4)
        assert "\n" not in str(error.value)
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(ValueError, match=r"empty.txt is empty"):
        Text(path=str(tmp_path / "empty.txt")).load()
    with pytest.raises(FileNotFoundError, match=r"data.path=none.txt names no file.*data"):
        Text(path="none.txt").load()


REFUSED = {
    "data.path=FILE": {"path": ""},
    "set data.shuffle=false": {"cut": "stream"},
    "data.cut is windows": {"jitter": True},
    "data.unit=byte knows every byte": {"unit": "byte", "min_count": 2},
    "leave data.normalize, data.augment and data.split_seed out": {"split_seed": 1},
    "data.normalize=true": {"mean": (0.5,), "std": (0.5,)},
    "leave data.val_fraction=0.2 out": {"split": "test", "val_fraction": 0.2},
}


def test_settings_that_make_no_sense_for_a_text_are_refused():
    for message, fields in REFUSED.items():
        with pytest.raises(ValueError, match=message):
            Text(**{"path": "a.txt", **fields}).validate()


def test_split_test_trains_on_what_validation_held_out(tmp_path):
    (tmp_path / "a.txt").write_text("abcdefghij" * 10)
    data = Text(path=str(tmp_path / "a.txt"), split="test", context=3)
    data.validate()
    train, val, test = data.corpus().parts
    assert len(train) == 90 and torch.equal(val, test) and data.decode(test) == "abcdefghij"


def test_processes_share_windows():
    samples = Samples(*(Windows(torch.arange(100), 5, shifts) for shifts in (True, False, False)))
    whole = list(samples.train_batches(order := torch.randperm(19), 4, 0, seed=1))
    shares = [BatchSharding(4, rank, 3) for rank in range(3)]
    batches = [samples.train_batches(each.local_order(order, 4), each.local_size(4), 0, seed=1) for each in shares]
    for (x, y), *parts in zip(whole[:-1], *batches, strict=False):  # the last has as many samples as processes
        assert torch.equal(torch.cat([part[0] for part in parts]), x) and torch.equal(parts[0][1], y[:2])
    found = [evaluation_shard(samples, "val", rank, 3).eval_batches("val", 4) for rank in range(3)]
    assert torch.equal(torch.cat([x for each in found for x, _ in each]), torch.arange(95).view(19, 5))
