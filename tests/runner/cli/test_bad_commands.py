"""Each bad command: one clear message that names the key and the way out, exit code 2, no folder left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, write_mnist

from runner.cli.main import BAD_INPUT, main

# command, facts that its message must hold
BAD = [
    # unknown keys: the nearest valid one is named
    ("optim.lrr=0.1", ["optim.lrr", "optim.lr?"]),
    ("+optim.lrr=0.1", ["optim.lrr", "optim.lr?"]),
    ("++optim.lrr=0.1", ["optim.lrr", "optim.lr?"]),
    ("lr=0.1", ["lr is not a key", "optim.lr?"]),
    ("epoch=3", ["epoch is not a key", "epochs?"]),
    ("++epochss=3", ["epochss", "epochs?"]),
    ("batchsize=3", ["batchsize", "batch_size?"]),
    ("limit_trian=3", ["limit_trian", "limit_train?"]),
    ("optim.beta=[0.9]", ["optim.beta", "optim.betas?"]),
    ("optim=adam optim.betas2=0.9", ["optim.betas2", "optim.betas?", "optim (adam)"]),
    ("optim=sgd optim.eps=0.9", ["optim.eps", "optim (sgd)", "weight_decay"]),
    ("optim=sgd optim.nesterov=true", ["optim.nesterov", "momentum"]),
    ("optim=aggmo optim.k=3", ["optim.k is not a key", "betas"]),
    (
        "experiment=aggmo/autoencoder optim=momentum",
        ["optim.betas is not a key", "experiment=aggmo/autoencoder sets it", "'~optim.betas'"],
    ),
    (
        "experiment=aggmo/autoencoder optim=adam",
        ["optim.betas=[0,0.9,0.99,0.999] has 4 values", "experiment=aggmo/autoencoder sets it", "'~optim.betas'"],
    ),
    ("model.widths=[3]", ["model.widths", "hidden"]),
    ("model.hiden=[3]", ["model.hiden", "model.hidden?"]),
    ("data.valfraction=0.2", ["data.valfraction", "data.val_fraction?"]),
    ("task.nam=x", ["task.nam", "task.name?"]),
    ("finetune.epoch=3", ["finetune.epoch ", "finetune.epochs?"]),
    ("checkpoint.evry=3", ["checkpoint.evry", "checkpoint.every?"]),
    ("optim.lr_schedule.lr_decay=0.5", ["optim.lr_schedule.lr_decay", "constant"]),
    (
        "optim/lr_schedule=step optim.lr_schedule.milestone=[3]",
        ["milestone", "optim.lr_schedule.milestones?"],
    ),
    ("wrap=[lookahead] wrap.lookahead.kk=3", ["wrap.lookahead.kk", "wrap.lookahead.k"]),
    # unknown choices
    ("published=aggmo/autoencoder", ["scripts/report.py", "--against aggmo/autoencoder"]),
    ("optim=agmo", ["optim=agmo", "aggmo?"]),
    ("task=minst", ["task=minst", "mnist?"]),
    ("data=cifar", ["data=cifar", "digits"]),
    ("model=transformer", ["model=transformer", "autoencoder"]),
    ("optim/lr_schedule=cos", ["cos", "cosine"]),
    ("optim/lr_shedule=step", ["optim/lr_shedule", "optim/lr_schedule"]),
    ("wrap=[lokahead]", ["lokahead", "lookahead?"]),
    ("wrap.lookahead.k=3", ["wrap.lookahead", "wrap=[lookahead]"]),
    ("wrap.lookahed.k=3", ["wrap.lookahed", "lookahead?"]),
    ("groups=[nodecay]", ["groups=nodecay", "no_decay?"]),
    ("groups=[muon,muon]", ["groups=[muon,muon]", "twice"]),
    ("groups.no_decay.weight_decay=0.1", ["groups.no_decay", "groups=[no_decay]"]),
    ("groups=no_decay groups.no_decay.weight_decy=0", ["groups.no_decay.weight_decy", "weight_decay?"]),
    ("groups=no_decay groups.no_decay.weight_decay=-1", ["groups.no_decay.weight_decay=-1", "[0, inf)"]),
    ("groups.adamw.optim.lr=0.001", ["groups.adamw.optim.name is missing", "groups=[muon]"]),
    ("groups=3", ["groups=3 is unknown", "no_decay"]),
    ("optim=1e-3", ["optim=1e-3 is unknown", "adam"]),
    ("groups=layers groups.layers.layer_decay=2", ["groups.layers.layer_decay=2 is not in (0, 1]\n"]),
    ("groups=muon groups.adamw.optim.lrr=3", ["groups.adamw.optim.lrr", "lr"]),
    ("groups=muon groups.adamw.optim.name=adamq", ["groups.adamw.optim.name=adamq", "adam?"]),
    ("groups=muon groups.b.ndim=1 groups.b.optim=sgd", ["groups.adamw.optim", "groups.b.optim", "one optimizer"]),
    ("groups.a.name=*.wieght groups.a.lr_scale=2", ["groups.a.name", "*.wieght", "1.weight"]),
    ("groups.a=3", ["groups.a=3", "group of keys"]),
    ("optim=example_optimizer optim.lr=-1", ["optim.lr=-1.0 is not in [0, inf)"]),
    ("optim=example_optimizer groups.a.ndim=1 groups.a.lr=-1", ["groups.a.lr=-1.0 is not in [0, inf)"]),
    ("optim=torch/NAdam groups.a.ndim=1 groups.a.lr=abc", ["groups.a.lr=abc is not a number"]),
    ("optim=torch/NAdam groups.a.ndim=1 groups.a.foreach=3", ["groups.a.foreach=3 is not true or false"]),
    ("groups.a.ndim=1 groups.a.optim.name=numpy/Adam", ["numpy is none of the packages", "; the packages are torch"]),
    ("groups=muon groups.adamw.optim.name=torch/AdamW wrap=ema", ["wrap=[ema]", "torch/AdamW"]),
    ("-m seed=0,1 --budget 1h --budget=2h", ["--budget", "twice"]),
    ("experiment=aggmo/autoencoders", ["autoencoders", "autoencoder"]),
    ("optin=aggmo", ["optin", "optim?"]),
    ("optim.name=os.system", ["optim.name=os.system", "aggmo"]),
    ("model.name=torch.nn.Linear", ["model.name", "mlp"]),
    ("task.objective=eval", ["task.objective", "classification"]),
    # values that no key can hold
    ("optim.name=[1,2]", ["optim.name=[1,2]", "not a name", "aggmo"]),
    ("task.objective={a:1}", ["task.objective", "not a name", "classification"]),
    ("epochs=1e308", ["epochs=1e+308", "2^63"]),
    (f"seed={2**63}", [f"seed={2**63}", "2^63"]),
    (f"optim.lr=1{'0' * 400}", ["optim.lr=1000", "too large"]),
    (f"device={'x' * 5000}x epochss=3", ["epochss", "epochs?"]),
    (f"optim={'x' * 5000}", ["optim=xxx", "is unknown"]),
    ("wrap=${oc.create:[1]}", ["wrap=${oc.create:[1]}", "name of a choice"]),
    (f"epochs={'x' * 5000}", ["epochs=xxx", "5000 characters"]),
    ("-inf", ["-inf is not a flag", "key=value"]),
    # wrong types
    ("optim.lr=fast", ["optim.lr=fast", "number"]),
    ("optim.lr=null", ["optim.lr=null", "number"]),
    ("optim.lr=true", ["optim.lr=true", "number"]),
    ("epochs=many", ["epochs=many", "whole number"]),
    ("epochs=2.5", ["epochs=2.5", "whole number"]),
    ("seed=abc", ["seed=abc", "whole number"]),
    ("optim.betas=0.9", ["optim.betas=0.9", "[0.9]"]),
    ("optim.betas=[0,x]", ["optim.betas[1]=x", "number"]),
    ("optim=adam optim.betas=[0.9]", ["optim.betas=[0.9]", "2"]),
    ("rerun=maybe", ["rerun=maybe", "true or false"]),
    ("model.hidden=wide", ["model.hidden=wide", "list"]),
    ("data.split=frist", ["data.split=frist", "random, first"]),
    ("checkpoint.unit=day", ["checkpoint.unit=day", "epoch, step"]),
    ("log=3", ["log=3", "group of keys"]),
    # out of range
    ("optim.lr=-1", ["optim.lr=-1", "[0, inf)"]),
    ("optim.lr=nan", ["optim.lr=nan", "[0, inf)"]),
    ("optim.lr=inf", ["optim.lr=inf", "[0, inf)"]),
    ("optim.betas=[0,1.2]", ["optim.betas[1]=1.2", "[0, 1)"]),
    ("optim.weight_decay=-0.1", ["optim.weight_decay=-0.1", "[0, inf)"]),
    ("epochs=0", ["epochs=0", "[1, inf)"]),
    ("batch_size=0", ["batch_size=0", "[1, inf)"]),
    ("seed=-1", ["seed=-1", "[0, inf)"]),
    ("limit_train=0", ["limit_train=0", "[1, inf)"]),
    ("data.val_fraction=1", ["data.val_fraction=1", "(0, 1)"]),
    ("clip_norm=0", ["clip_norm=0", "(0, inf)"]),
    ("task.label_smoothing=1", ["task.label_smoothing=1.0", "[0, 1)"]),
    ("task.mixup=-0.2", ["task.mixup=-0.2", "[0, inf)"]),
    ("task.mixup=0.2 batch_size=1", ["task.mixup=0.2", "batch_size=1"]),
    ("task=autoencoder task.mixup=0.2", ["task.mixup is not a key", "task (reconstruction)"]),
    ("task=quadratic task.label_smoothing=0.1", ["task.label_smoothing is not a key", "task (quadratic)"]),
    ("wrap=[lookahead] wrap.lookahead.alpha=2", ["wrap.lookahead.alpha=2", "(0, 1]"]),
    ("optim=aggmo_exp optim.k=0", ["optim.k=0", "[1"]),
    ("model.hidden=[0]", ["model.hidden[0]=0", "[1, inf)"]),
    ("optim/lr_schedule=step optim.lr_schedule.milestones=[5,3]", ["milestones", "rise"]),
    # impossible combinations
    ("task=autoencoder model=mlp", ["task=autoencoder", "model=autoencoder"]),
    ("task=digits model=autoencoder", ["task=digits", "model=autoencoder draws images"]),
    ("task=autoencoder data=digits data.normalize=true", ["task=autoencoder", "data.normalize"]),
    ("optim=sgd finetune.epochs=2", ["finetune.epochs=2", "optim=sgd has no momentum"]),
    ("epochs=5 finetune.epochs=5", ["finetune.epochs=5", "epochs=5"]),
    ("epochs=3 optim/lr_schedule=cosine optim.lr_schedule.warmup=4", ["warmup=4", "epochs=3"]),
    ("task.name=../evil", ["task.name=../evil"]),
    # networks that can't be, or can't take the data
    ("model=resnet34 model.depth=19", ["model.depth=19 is not one of 18, 34, 50"]),
    ("model=resnet20 model.depth=21", ["model.depth=21 is not 6n+2", "20 or 26"]),
    ("model=resnet20 model.shortcut=C", ["model.shortcut=C is not one of A, B"]),
    ("model=vgg16", ["model=vgg16", "at least 32x32 pixels, not 8x8", "data=digits"]),
    ("model=vit_tiny", ["model.patch=16 does not divide images of 8x8 pixels", "data=digits"]),
    ("model=torchvision_resnet18", ["3 channels, not 1", "data=digits"]),
    ("model.std=0.2", ["model.std=0.2 is of model.init=normal", "model.init=default"]),
    # the machine can't
    ("device=cuda:9", ["device=cuda:9", "CUDA"]),
    ("device=tpu", ["device=tpu", "auto, cpu, cuda"]),
    ("task=mnist data.root=FOLDER/none", ["train-images-idx3-ubyte", "FOLDER/none", "task=digits"]),
    ("task=mnist data.root=FOLDER/damaged", ["FOLDER/damaged/train-images-idx3-ubyte", "damaged"]),
    ("outputs=/proc/none", ["outputs", "/proc/none"]),
    ("outputs=FOLDER/file/below", ["outputs", "FOLDER/file/below"]),
    ("config=FOLDER/no.yaml", ["config=FOLDER/no.yaml", "No such file"]),
    ("config=FOLDER/file optim=sgd", ["optim=sgd does not go with config=FILE"]),
    ("config=FOLDER/file", ["FOLDER/file is not a run's config.yaml"]),
    ("config=FOLDER/damaged/t10k-images-idx3-ubyte", ["no YAML"]),
    ("-m config=FOLDER/file seed=1,2", ["-m does not go with config=FILE"]),
    ("-m outputs=/proc/none seed=0,1", ["can't write /proc/none"]),
    ("outputs=", ["outputs= is empty"]),
    ("threads=1000000", ["threads=1000000", "[1, 1024]"]),
    # nothing chosen, or too much
    ("optim=null", ["optim= needs a choice"]),
    ("data=", ["data= needs a choice"]),
    ("~model", ["model is missing", "model=NAME"]),
    ("wrap=[lookahead,lookahead]", ["names a wrapper twice"]),
    # choices that are no names
    ("wrap=[[lookahead]]", ["wrap=[[lookahead]]", "wrap=[ema,lookahead]", "-m"]),
    ("-m wrap=[[],[lookahead]]", ["wrap=[[],[lookahead]]", "wrap=[ema],[]", "-m"]),
    ("wrap=[ema,1]", ["wrap=[ema,1]", "a list of names"]),
    ("wrap=[null]", ["wrap=[null]", "a list of names"]),
    ("wrap={a:1}", ["wrap={a:1}", "a list of names"]),
    ("-m wrap=ema,[true]", ["wrap=ema,[true]", "a list of names"]),
    ("groups=[[no_decay]]", ["groups=[[no_decay]]", "groups=[no_decay,muon]"]),
    ("optim=[adam,sgd]", ["optim=[adam,sgd]", "one name", "-m optim=adam,sgd"]),
    ("optim={a:1}", ["optim={a:1}", "one name"]),
    ("-m data=digits,[[x]]", ["data=digits,[[x]]", "one name"]),
    ("optim/lr_schedule={a:1}", ["optim/lr_schedule={a:1}", "one name"]),
    ("-m optim=adam,null", ["optim=adam,null", "one name"]),
    ("-m hydra/launcher=[1,2] seed=0,1", ["hydra/launcher=[1,2]", "one name"]),
    ("-m hydra/launcher=null seed=0,1", ["hydra/launcher=null", "one name"]),
    ("data=)", ["data=)", "can't be read"]),
    ("model=é", ["model=é", "can't be read"]),
    ("seed=0,1", ["seed=0,1 holds several values", "-m"]),
    ("lr_schedule=cosine", ["lr_schedule is not a key", "optim/lr_schedule?"]),
    ("optim.lr_schedule=cosine", ["optim/lr_schedule=NAME"]),
    ("optim.lr=${nope}", ["nope"]),
    ("optim=aggmo_exp optim.k=100", ["optim.a=0.1, k=100 make betas[17]=1"]),
    # signs of Hydra's grammar in a value
    ("outputs=a=b", ["outputs=a=b can't be read", "'outputs=\"a=b\"'"]),
    ("outputs=a#b", ["outputs=a#b can't be read", "'outputs=\"a#b\"'"]),
    ("outputs=a,b", ["outputs=a,b holds several values", "'outputs=\"a,b\"'"]),
    ("config=FOLDER/good.yaml outputs=a,b", ["outputs=a,b holds several values", "'outputs=\"a,b\"'"]),
    ("config=FOLDER/good.yaml outputs=a=b", ["outputs=a=b can't be read", "'outputs=\"a=b\"'"]),
    # interpolations
    ("outputs=${hydra:runtime.cwd}/x", ["outputs=${hydra:runtime.cwd}/x", "$PWD"]),
    ("-m outputs=${hydra:runtime.cwd}/x", ["outputs=${hydra:runtime.cwd}/x", "$PWD"]),
    ("outputs=${oc.env:NO_SUCH_VARIABLE}", ["outputs: ", "NO_SUCH_VARIABLE"]),
    ("outputs=${now:%Y}${nope}", ["outputs: ", "nope"]),
    ("config=FOLDER/good.yaml outputs=${oc.env:HOME}", ["outputs=${oc.env:HOME}", "not resolved"]),
    # what no value can hold
    ("outputs=a\0b", ["outputs=a\\x00b", "the character \\x00"]),
    ("outputs=a\udcffb", ["outputs=a\\udcffb", "the character \\udcff"]),
    ("config=a\0b", ["config=a\\x00b", "\\x00"]),
    (f"optim.betas={'[' * 99}1{']' * 99}", ["optim.betas=[[", "nested too deeply"]),
    (f"+x={'{a:' * 99}1{'}' * 99}", ["+x={a:", "nested too deeply"]),
    # recorded configurations
    ("config=FOLDER/good.yaml config=FOLDER/file", ["good.yaml", "FOLDER/file", "one command"]),
    ("config=FOLDER", ["config=FOLDER", "folder, not a file"]),
    ("config=FOLDER/pipe", ["config=FOLDER/pipe", "not a file"]),
    ("config=FOLDER/good.yaml epochs.x=1", ["epochs=1 is one value", "epochs.x"]),
    # not even a command
    ("=1", ["=1 can't be read"]),
    ("optim.lr=[", ["optim.lr=["]),
    ("digits", ["digits"]),
    ("--no-such-flag", []),
]


#: a configuration as runs record it, for `config=`
GOOD = """\
task: {name: digits, objective: classification}
data: {name: digits}
model: {name: mlp}
optim: {name: adam, lr: 1e-3}
epochs: 1
limit_train: 10
"""
#: what stands in its place, or is added, and what the message must hold
BAD_FILES = [
    ("optim: &x {name: adam, lr: *x}", ["is no YAML", "refer to themselves"]),
    ("x: &a [&b [*a]]", ["is no YAML", "refer to themselves"]),
    ("\n".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}' if i else '1'] * 9)}]" for i in range(9)), ["repeat too much"]),
    (f"x: {'[' * 5000}{']' * 5000}", ["is no YAML", "nested too deeply"]),
    (f"x: {'{a: ' * 5000}{'}' * 5000}", ["is no YAML", "nested too deeply"]),
    (f"x:\n{'- ' * 5000}", ["is no YAML", "nested too deeply"]),
    ("epochs: [1]", ["epochs=[1] is not a whole number"]),
    ("epochs: {a: 1}", ["epochs={'a': 1} is not a whole number"]),
    ("epochs: 2020-01-01", ["epochs=2020-01-01 is not a whole number"]),
    ("epochs: !!binary aGk=", ["is no YAML", "binary"]),
    ("epochs: !!int many", ["is no YAML", "many"]),
    ("epochs: !!python/object/apply:os.getpid []", ["is no YAML", "os.getpid"]),
    ("epochs: 1\nepochs: 2", ["is no YAML", "epochs stands twice"]),
    ("device: [cpu]", ["device=[cpu] is not a word"]),
    ("outputs: 'a\x07b'", ["is no YAML", "control characters"]),
    ('outputs: "a\\0b"', ["outputs=a\\x00b", "the character \\x00"]),
    ('outputs: "a\\ud800b"', ["no YAML"]),
    ("outputs: ${oc.env:HOME}", ["outputs=${oc.env:HOME}", "not resolved"]),
    ("task: [a]", ["task=[a] is a list", "group of keys"]),
    ("task: digits", ["task=digits is one value", "group of keys"]),
    ("task: {objective: [a]}", ["task.objective=[a] is not a name"]),
    ("wrap: [lookahead]", ["wrap=[lookahead] is a list"]),
    ("wrap: {lookahead: [1]}", ["wrap.lookahead=[1] is a list"]),
    ("1: 2", ["has the key 1, which is no name"]),
    ("? [a]\n: 1", ["is no YAML"]),
    ("optim: {name: adam, betas: [0.9, {a: 1}]}", ["optim.betas[1]={'a': 1} is not a number"]),
    ("model: {name: mlp, hidden: {a: 1}}", ["model.hidden={'a': 1} is not a list"]),
    ("logger: {a: 1}", ["logger={'a': 1} is not a list"]),
    ("logger: [[a]]", ["logger[0]=[a] is not a word"]),
    ("checkpoint: 3", ["checkpoint=3 is one value"]),
    ("data: {name: digits, split: [random]}", ["data.split=[random] is not one of"]),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory, beside damaged data; torchvision has no network."""
    import torchvision.datasets.mnist

    def refuse(*args, **kwargs):
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", refuse)
    (tmp_path / "file").touch()
    write_mnist(tmp_path / "damaged")
    (tmp_path / "damaged" / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    (tmp_path / "good.yaml").write_text(GOOD)
    os.mkfifo(tmp_path / "pipe")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    return tmp_path


@pytest.mark.parametrize(("command", "words"), BAD, ids=[command for command, _ in BAD])
def test_bad_command_is_refused_in_one_message(place, capsys, command, words):
    argv = command.replace("FOLDER", str(place)).split()
    code = main(argv)
    printed = capsys.readouterr()
    assert code == BAD_INPUT
    assert printed.out == ""
    assert "Traceback" not in printed.err
    if not command.startswith("--"):  # argparse prints its usage beside its message
        assert printed.err.startswith("error: ") and printed.err.count("\n") == 1, printed.err
    for word in words:
        assert word.replace("FOLDER", str(place)) in printed.err
    assert os.listdir(".") == []


@pytest.mark.parametrize(("change", "words"), BAD_FILES, ids=[change[:40] for change, _ in BAD_FILES])
def test_bad_recorded_configuration_is_refused_in_one_message(place, capsys, change, words):
    replaced = change.partition(":")[0]
    kept = [line for line in GOOD.splitlines() if line.partition(":")[0] != replaced]
    (place / "bad.yaml").write_text("\n".join([*kept, change]))
    assert main([f"config={place / 'bad.yaml'}"]) == BAD_INPUT
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and len(printed.err) < 900, printed.err
    for word in words:
        assert word in printed.err
    assert printed.out == "" and os.listdir(".") == []


def test_numbers_in_a_recorded_configuration_are_those_of_the_command_line(place, capsys):
    command = "task=digits optim=adam optim.lr=1e-3 epochs=1 limit_train=10 model.hidden=[64]"
    assert main([f"config={place / 'good.yaml'}", "model.hidden=[64]", "logger=[]", 'outputs="a,b = c#"']) == 0
    assert main([*command.split(), "logger=[]", "outputs=other"]) == 0
    ours, others = (sorted(Path(name).rglob("status.json")) for name in ("a,b = c#", "other"))
    assert ours[0].parts[2:] == others[0].parts[2:], "one label and one signature"


@pytest.mark.parametrize("content", ["a: &a [*a]", "[" * 9999, "a: [1"])
def test_a_chosen_file_of_configs_that_never_ends_is_named(place, monkeypatch, capsys, content):
    (place / "configs" / "experiment").mkdir(parents=True)
    (place / "configs" / "experiment" / "mine.yaml").write_text(content)
    monkeypatch.setattr("runner.cli.group_choice.CONFIGS", place / "configs")
    assert main(["experiment=mine"]) == BAD_INPUT
    assert "configs/experiment/mine.yaml is no YAML" in capsys.readouterr().err


def test_refused_without_torch(tmp_path):
    """In a process of its own, in which torch has not been imported."""
    commands = ("optim.lrr=1", "optim.betas=[0,1.2]", "task=autoencoder model=mlp", "optim=agmo")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from runner.cli.main import main; "
    code += f"codes = [main(command.split()) for command in {commands}]; "
    code += f"assert codes == [{BAD_INPUT}] * {len(commands)} and 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.startswith("error: ") for line in done.stderr.splitlines()] == [True] * len(commands)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "command",
    [
        *("wrap=null", "experiment=null", "wrap=[]", "optim=adam --cfg job seed=1", "optim=adam -m seed=0"),
        *("optim=[adam]", "-m wrap=[ema],[]", "-m wrap=ema", "optim='adam'"),
    ],
)
def test_commands_that_only_look_bad(place, capsys, command):
    """Nothing chosen where a group may be empty; flags between overrides."""
    assert main([*command.split(), "epochs=1", "limit_train=10", "logger=[]"]) == 0, capsys.readouterr().err


def test_home_is_understood_behind_the_equals_sign(place, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(place / "home"))
    assert main(["-m", "outputs=~/results", "epochs=1", "limit_train=10", "logger=[]"]) == 0
    assert list((place / "home" / "results").rglob("status.json")) and os.listdir(".") == []
