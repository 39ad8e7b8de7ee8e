"""Every file of configs/ composes, says what it is for, holds its dataclass's defaults, and trains two steps."""

import dataclasses
import re
import sys

import pytest
from conftest import ROOT, write_cifar, write_imagenet32, write_images, write_mnist

from runner.cli.help import first_line, help_text, summaries
from runner.cli.main import main
from runner.config.compose import CONFIGS, compose
from runner.config.errors import ConfigError
from runner.config.registry import entries
from runner.config.validate import validate

CHOICES = [
    (group, name)
    for group in ("task", "data", "model", "optim", "optim/lr_schedule", "wrap", "groups", "experiment")
    for name, _ in summaries(CONFIGS, group)
]
#: seconds, for two steps of millions of weights and their checkpoints
SLOW = re.compile("mobilenet|resnet18|resnet34|resnet50|resnet110|vgg16|vit|large_batch|^imagenet$|docstrings")


def override(group, name):
    return f"{group}=[{name}]" if group in ("wrap", "groups") else f"{group}={name}"


def fitting(group, name):
    """What a choice needs beside itself: its task, or larger images than the default's 8x8 pixels in one channel."""
    if group == "groups":
        return ["optim=lars"] if name == "exclude_1d" else []
    if (group, name) == ("model", "autoencoder"):
        return ["task=autoencoder"]
    toys = {"steps": "quadratic", "directions": "cosine", "slopes": "amsgrad_online", "point": "quadratic"}
    if name in toys:
        return [f"task={toys[name]}"]
    if (group, name) in (("task", "cifar10"), ("task", "cifar100"), ("task", "imagenet32")):
        return ["model=resnet20"]  # their own network is a choice of its own, and takes seconds to save
    if name == "nanogpt/shakespeare_char":
        return ["optim.lr_schedule.warmup=0", "model.dim=12", "task.sample_tokens=3"]
    if name == "lars/large_batch":
        return ["optim.lr_schedule.warmup=0"]  # its five epochs are more than the test's one
    numbers = {"synthetic_linear": "regression", "synthetic_matrix": "regression", "synthetic_signs": "logistic"}
    if name in numbers:
        return [f"task={numbers[name]}"]
    if name == "libsvm":
        return ["task=logistic", "data.path=signs.svm"]
    if name in ("ptb", "shakespeare", "wikitext2", "docstrings"):
        return ["task=char_lm", "model=gru", "model.dim=8", "data.context=9", "task.sample_tokens=3"]
    if name in ("gpt", "lstm", "gru", "text", "char_lm", "word_lm"):
        words = ["data=text", "data.path=text.txt", "data.context=5", "data.min_count=1", "task.sample_tokens=3"]
        return [*words, *(["task=char_lm"] if group in ("data", "model") else [])]
    if name in ("awd_lstm", "merity/awd_lstm", "merity/small_text", "aggmo/ptb_lstm"):
        stream = ["data.cut=stream", "data.shuffle=false", "data.val_columns=4"]
        return [*fitting(group, "lstm"), *stream, "model.hidden=20", "model.embedding=8"]
    if name in ("imagefolder", "imagenet") or "/imagenet_" in name:
        warmup = ["optim.lr_schedule.warmup=0"] if name == "momo/imagenet_vit" else []
        return ["data.path=imagenet", "data.image_size=32", "data.num_workers=0", *warmup]
    if group != "model":
        return []
    try:
        validate(compose(override(group, name)))
    except ConfigError:
        return ["data=synthetic", "data.sample_shape=[3,32,32]"]
    return []


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """Every data set that is not made up or installed: small, in its true format."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        write_mnist(root, 300, 10)
        write_cifar(root / "cifar-10-batches-py", patch, 10)
        write_cifar(root / "cifar-100-python", patch, 100)
        write_images(root / "imagenet")
        write_imagenet32(root)
        names = ("text.txt", "shakespeare/input.txt")
        names += tuple(f"ptb/ptb.{part}.txt" for part in ("train", "valid", "test"))
        names += tuple(f"wikitext-2/wiki.{part}.tokens" for part in ("train", "valid", "test"))
        for name in names:
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text("to be, or not to be\n" * 200)
        (root / "signs.svm").write_text(
            "".join(f"{sign} 1:{sign * i} 3:{i}\n" for i in range(1, 30) for sign in (-1, 1))
        )
        yield root


@pytest.mark.parametrize("file", sorted(CONFIGS.rglob("*.yaml")), ids=lambda file: str(file.relative_to(CONFIGS)))
def test_every_file_says_what_it_is_for(file):
    line = first_line(file)
    assert len(line) > 20
    assert file.name == "config.yaml" or not re.search(r"[.] [A-Z]", line), "--help shows the first line alone"


@pytest.mark.parametrize(
    ("group", "name"),
    [pytest.param(*choice, marks=pytest.mark.slow if SLOW.search(choice[1]) else ()) for choice in CHOICES],
)
def test_every_choice_trains_two_steps(group, name, data_root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    code = main(
        [
            override(group, name),
            *fitting(group, name),
            f"data.root={data_root}",
            "epochs=1",
            "limit_train=16",
            "batch_size=8",
            "limit_val=8",
            "limit_test=8",
            "logger=[]",
        ]
    )
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "test " in said.out
    assert '"steps_done": 2' in next(tmp_path.rglob("status.json")).read_text()


@pytest.mark.parametrize("group", ["optim", "lr_schedule", "wrap"])
def test_files_hold_the_defaults_of_their_dataclasses(group):
    """A run's folder is named by what differs from the dataclass, and a reader of the file must see the same.

    A file of another name than its entry's, such as step_cifar, is there to hold other values."""
    folder = {"lr_schedule": "optim/lr_schedule"}.get(group, group)
    for name, _ in summaries(CONFIGS, folder):
        raw = compose(override(folder, name))
        node = {"optim": raw["optim"], "lr_schedule": raw["optim"]["lr_schedule"]}.get(group) or raw["wrap"][name]
        if name != node["name"]:
            continue
        entry = entries(group)[node["name"]]
        defaults = {field.name: field.default for field in dataclasses.fields(entry)}
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in node.items()}
        assert {key: values[key] for key in defaults} == defaults, name


def test_every_registered_name_has_a_file():
    for group, folder in (
        ("optim", "optim"),
        ("lr_schedule", "optim/lr_schedule"),
        ("wrap", "wrap"),
        ("data", "data"),
    ):
        assert set(entries(group)) <= {name for name, _ in summaries(CONFIGS, folder)}


def test_main_config_holds_the_schemas_defaults():
    from runner.config.schema import Settings

    assert validate(compose()).settings == Settings()


def test_help_lists_every_choice_with_a_line():
    text = help_text(CONFIGS)
    for _, name in CHOICES:
        assert f"  {name} " in text
    assert all(len(line) < 180 for line in text.splitlines())


def test_no_line_of_help_breaks_off():
    """Only the first line of a file's comment is shown: it must not go on in the second one."""
    for group, name in CHOICES:
        comments = re.findall("^# ?(?!@package)(.*)", (CONFIGS / group / f"{name}.yaml").read_text(), re.MULTILINE)
        goes_on = len(comments) > 1 and not comments[0].endswith(".") and re.match("[a-z]+ ", comments[1])
        assert not goes_on, (group, name)


def test_a_saved_config_composes_to_itself(tmp_path):
    config = validate(compose("task=autoencoder", "optim=adam", "wrap=[lookahead]", "wrap.lookahead.k=7"))
    assert validate(config.plain).plain == config.plain


@pytest.mark.parametrize("package", ["main.py"])
def test_main_is_short_enough_to_read_at_a_glance(package):
    assert len((ROOT / package).read_text().splitlines()) < 30
