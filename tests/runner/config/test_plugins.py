"""Files of plugins/: what they may hold, and one clear line for each that is wrong."""

import json
import sys

import pytest
import torch
from conftest import ROOT
from runs import configure, read_rows, read_status

from runner.cli.main import BAD_INPUT, main

SMALL = ["task=digits", "epochs=2", "limit_train=64", "limit_val=50", "limit_test=50"]
TORCH = "import torch\nfrom torch import nn\n"
LION = (ROOT / "plugins" / "example_optimizer.py").read_text()
SGD = f"""{TORCH}
class SGD(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, dict(lr=lr))

    def step(self):
        for p in self.param_groups[0]["params"]:
            p.data.sub_(self.param_groups[0]["lr"] * p.grad)
"""
CLOSURE = SGD.replace("def step(self):", "def step(self, closure):")
NET = f"""{TORCH}
class Net(nn.Module):
    def __init__(self, classes, width: int = 8):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, x):
        return self.layers(x)
"""
DATA = """import torch
def points():
    x = torch.linspace(-1, 1, 40).reshape(20, 2)
    return (x, (x.sum(1) > 0).long()), (x, (x.sum(1) > 0).long())
"""

TASK = """from tasks.task import Task
from torch.nn.functional import cross_entropy
class T(Task):
    metric, better = 'acc', 'max'
    def loss(self, output, x, y):
        return cross_entropy(output, y)
    def metric_sum(self, output, x, y):
        return (output.argmax(1) == y).sum()
"""

# text, what it is chosen as, facts that the message must hold; NAME is the plugin's
BAD = {
    "syntax error": ("x = (\n", "optim=NAME", ["NAME.py", "SyntaxError", "line 1"]),
    "import error": ("\nimport no_such_module\n", "optim=NAME", ["NAME.py, line 2", "no_such_module"]),
    "exits": ("import sys\nsys.exit(3)\n", "optim=NAME", ["NAME.py, line 2", "SystemExit"]),
    "empty": ("", "optim=NAME", ["NAME.py has nothing for optim="]),
    "two": (SGD + SGD.replace("class SGD", "class Other"), "optim=NAME", ["optim=NAME.SGD", "optim=NAME.Other"]),
    "none of this name": (SGD, "optim=NAME.Sgd", ["no Sgd", "optim=NAME.SGD"]),
    "unhinted argument": (SGD.replace("lr=0.1", "k, lr=0.1"), "optim=NAME", ["argument k", "no default"]),
    "no lr": (SGD.replace("lr=0.1", "rate=0.1").replace("lr=lr", "lr=rate"), "optim=NAME", ["no argument lr"]),
    "around another": (SGD.replace("params", "optimizer"), "optim=NAME", ["goes around another optimizer"]),
    "typo": (SGD, "optim=NAME optim.lrr=1", ["optim.lrr", "did you mean optim.lr?"]),
    "wrong type": (SGD, "optim=NAME optim.lr=fast", ["optim.lr=fast is not a number"]),
    "raises in __init__": (SGD.replace("super()", "{}[0]; super()"), "optim=NAME", ["KeyError", "NAME.py, line 6"]),
    "backend": (SGD, "optim=NAME backend=loop", ["backend=loop", "NAME"]),
    "wrapped": (SGD, "optim=NAME wrap=[ema]", ["wrap=[ema]"]),
    "model typo": (NET, "model=NAME model.widht=3", ["model.widht", "did you mean model.width?"]),
    "data raises": (DATA.replace("torch.lin", "no.lin"), "data=NAME", ["NameError", "NAME.py, line 3"]),
    "data of other lengths": (DATA.replace("(x, (x", "(x[1:], (x", 1), "data=NAME", ["training", "19 inputs", "20"]),
    "data not in pairs": (DATA.replace("return ", "return 1 #"), "data=NAME", ["((x, y), (x, y))"]),
    "data with nan": (DATA.replace("(x, (x", "(x / 0, (x", 1), "data=NAME", ["training", "nan"]),
    "task without metric": (
        "from tasks.task import Task\nclass T(Task): ...",
        "task=NAME",
        ["metric", "better", "loss"],
    ),
    "task's direction": (TASK.replace("'max'", "'higher'"), "task=NAME", ["better='higher'", "'max'", "'min'"]),
    "metric called loss": (TASK.replace("'acc'", "'loss'"), "task=NAME", ["metric='loss'"]),
    "task with __init__": (TASK + "    def __init__(self, k=1): ...\n", "task=NAME", ["__init__", "T "]),
    "task's list": (TASK + "    k: list = []\n", "task=NAME", ["mutable default", "field k"]),
    "no class of torch": (SGD.replace("(torch.optim.Optimizer)", ""), "optim=NAME", ["torch.optim.Optimizer class"]),
    "only **arguments": (SGD.replace("lr=0.1", "**rest"), "optim=NAME", ["no argument lr", "**arguments"]),
    "no step": (SGD.replace("def step", "def stop"), "optim=NAME", ["SGD has no method step"]),
    "no super().__init__": (SGD.replace("super()", "0 and super()"), "optim=NAME", ["super().__init__(params"]),
    "word of configurations": (
        SGD.replace("lr=0.1", "lr=0.1, defaults=3"),
        "optim=NAME",
        ["argument defaults", "rename"],
    ),
    "method of networks": (NET.replace("width: int", "build: int"), "model=NAME", ["argument build", "rename"]),
    "key of all data": (DATA.replace("points(", "points(std=1.0"), "data=NAME", ["argument std", "rename"]),
    "unknown output": (NET + "    output = 'pictures'\n", "model=NAME", ["output='pictures'", "image"]),
}

# as above, of plugins that train: the run ends as failed, and its record and log are kept
FAILING = {
    "raises in step": (SGD.replace("p.data.sub_(", "p.no_such("), "optim=NAME", ["no_such", "NAME.py, line 10"]),
    "exits in step": (
        SGD.replace("p.data.sub_(", "raise SystemExit("),
        "optim=NAME",
        ["SystemExit", "NAME.py, line 10"],
    ),
    "network refuses samples": (NET.replace("64", "63"), "model=NAME", ["(1, 8, 8)", "NAME.py, line 10"]),
    "wrong scores": (NET.replace(", classes))", ", 9))"), "model=NAME", ["(2, 9)", "(2, 10)"]),
    "network without parameters": (
        NET.replace("self.layers(x)", "x.flatten(1)[:, :10]").replace("self.layers", "layers"),
        "model=NAME",
        ["model=NAME has no parameters"],
    ),
    "step gives other shapes": (
        SGD.replace("p.data.sub_(", "p.data = p.data.flatten(); str("),
        "optim=NAME",
        ["optim=NAME", "shape"],
    ),
    "loss of each sample": (
        TASK.replace("(output, y)", "(output, y, reduction='none')"),
        "task=NAME",
        ["task=NAME: loss"],
    ),
    "metric as a number": (TASK.replace(".sum()", ".sum().item()"), "task=NAME", ["metric_sum", "int"]),
    "no network": (TORCH + "def net(): return 3", "model=NAME", ["int", "Module"]),
}


@pytest.mark.parametrize(("text", "words", "facts"), BAD.values(), ids=BAD)
def test_a_bad_plugin_is_refused_in_one_line(write_plugin, capsys, monkeypatch, tmp_path, text, words, facts):
    name = write_plugin(text)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    monkeypatch.chdir(tmp_path)
    assert main([*words.replace("NAME", name).split()]) == BAD_INPUT
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1, printed.err
    for fact in facts:
        assert fact.replace("NAME", name) in printed.err, printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "words", "facts"), FAILING.values(), ids=FAILING)
def test_a_plugin_that_fails_in_training_ends_its_run_only(write_plugin, run, text, words, facts):
    name = write_plugin(text)
    result = run(*SMALL, words.replace("NAME", name))
    failed = [line for line in result.out.splitlines() if line.startswith("failed: ")]
    assert result.code == 1 and len(failed) == 1 and "Traceback" not in result.out + result.err
    error = read_status(result.folder)["error"]
    for fact in facts:
        assert fact.replace("NAME", name) in error and fact.replace("NAME", name) in failed[0]
    assert "Traceback" in (result.folder / "log.txt").read_text()


def test_other_runs_of_a_sweep_go_on(write_plugin, run):
    broken, raising, good = (write_plugin(text) for text in ("import nothing_like_it", SGD.replace("sub_", "no"), SGD))
    result = run("-m", *SMALL, f"optim={broken},{raising},{good}")
    assert result.code == 1
    assert "refused: 1 run" in result.out + result.err and f"plugins/{broken}.py, line 1" in result.out + result.err
    statuses = {folder.parts[-3]: read_status(folder)["status"] for folder in result.folder.glob("*/*/*/seed=0")}
    assert statuses == {f"{raising},lr=0.1": "failed", f"{good},lr=0.1": "done"}


def test_nan_ends_a_run_as_diverged(write_plugin, run):
    result = run(*SMALL, f"optim={write_plugin(SGD.replace('* p.grad', '* float(chr(110) + chr(97) + chr(110))'))}")
    assert result.code == 0 and read_status(result.folder)["status"] == "diverged" and "resume" not in result.out


def test_what_is_printed_at_import_is_kept_out_of_the_output(write_plugin, capsys, monkeypatch):
    name = write_plugin("print('hello')\n" + SGD)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    assert main(["--cfg", "job", f"optim={name}"]) == 0
    printed = capsys.readouterr()
    assert "hello" in printed.err and "hello" not in printed.out and f"name: {name}" in printed.out


def test_the_same_numbers_as_the_project_s_own(write_plugin, run):
    """SGD as a class, SGD that requires a closure and does not call it, and SGD as a rule: one training."""
    rule = "from optim.rules.sgd import SGDConfig\nclass Rule(SGDConfig):\n    lr: float = 0.1\n"
    choices = [write_plugin(SGD), write_plugin(CLOSURE), write_plugin(rule), "sgd"]
    rows = [read_rows(run(*SMALL, f"optim={choice}", "optim.lr=0.1").folder) for choice in choices]
    assert rows[0] == rows[1] == rows[2] == rows[3]


def test_steps_get_the_loss_or_a_closure_by_their_signature(write_plugin, run):
    """A step that scales by the loss, given or recomputed at the same weights."""
    by_loss = SGD.replace("def step(self):", "def step(self, closure=None, loss=None):").replace(
        "* p.grad", "* loss * p.grad"
    )
    by_closure = CLOSURE.replace("        for p", "        loss = closure().detach()\n        for p").replace(
        "* p.grad", "* loss * p.grad"
    )
    rows = [read_rows(run(*SMALL, f"optim={write_plugin(text)}").folder) for text in (by_loss, by_closure)]
    assert rows[0] == rows[1] != read_rows(run(*SMALL, "optim=sgd", "optim.lr=0.1").folder)


@pytest.mark.parametrize(
    ("yaml", "facts"),
    [
        ("optim: {lrr: 1}", ["optim.lrr", "did you mean optim.lr?"]),
        ("optm: {lr: 1}", ["NAME.yaml", "optm", "optim"]),
        ("optim: [", ["NAME.yaml", "no YAML"]),
        ("optim: 3", ["NAME.yaml: optim=3", "group of keys"]),
    ],
)
def test_a_bad_yaml_beside_a_plugin_is_refused_in_one_line(write_plugin, run, yaml, facts):
    name = write_plugin(yaml, ".yaml", write_plugin(SGD))
    result = run(f"optim={name}")
    assert result.code == BAD_INPUT and result.err.count("\n") == 1
    assert all(fact.replace("NAME", name) in result.err for fact in facts), result.err


def test_one_file_for_everything(write_plugin, run):
    """Keys from the signature, lazy layers, regression by a task of one's own, three parts of data, a YAML."""
    text = f"""{TORCH}
from tasks.task import Task
def line(n: int, slope=2.0, unused=None) -> tuple:
    x = torch.linspace(0, 1, n).unsqueeze(1)
    return (x, slope * x), (x[::2], slope * x[::2]), (x[::3], slope * x[::3])

def network(classes, bias: bool = True) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes, bias=bias))

class Squares(Task):
    metric, better = "error", "min"
    scale: float = 1.0
    def loss(self, output, x, y):
        return self.scale * ((output - y) ** 2).mean()
    def metric_sum(self, output, x, y):
        return (output - y).abs().sum()
"""
    name = write_plugin(text)
    write_plugin("data:\n  n: 60\nmodel:\n  bias: false\n", ".yaml", name)
    words = [
        f"task={name}",
        f"data={name}",
        f"model={name}",
        "task.scale=0.5",
        "optim=sgd",
        "optim.lr=0.1",
        "epochs=15",
        "batch_size=4",
    ]
    result = run(*words, "data.slope=3", "data.unused=[1,2]")
    assert result.code == 0, result.out + result.err
    assert f"60 train, 30 validation, 20 test samples of {name}; {name} with 1 parameters" in result.out
    assert read_status(result.folder)["test"]["error"] < 0.05
    assert run(*words, "data.n=2", "data.val_fraction=0.2").code == BAD_INPUT
    recorded = (result.folder / "config.yaml").read_text()
    assert "plugins" not in recorded and "slope: 3" in recorded and "bias: false" in recorded


def test_an_edited_file_is_another_setting_and_its_text_is_recorded(write_plugin, run):
    name = write_plugin(LION)
    folder = run(*SMALL, f"optim={name}").folder
    sources = json.loads((folder / "environment.json").read_text())["sources"]
    assert sources == {f"plugins/{name}.py": LION}
    texts = LION, LION.replace("0.99", "0.98"), LION + "# a comment\n"
    (this,), (edited,), (commented,) = (
        configure(f"optim={write_plugin(text)}").optim.source.values() for text in texts
    )
    assert edited != this == commented == configure(*SMALL, f"optim={name}").code[f"plugins/{name}.py"]


def test_files_of_other_encodings(write_plugin):
    """With the byte order mark of Windows' editors, and with a declared encoding."""
    digests = [*configure(f"optim={write_plugin(SGD)}").optim.source.values()]
    for content in (SGD.encode("utf-8-sig"), b"# -*- coding: latin-1 -*-\n# \xe9\n" + SGD.encode()):
        name = write_plugin("")
        (ROOT / "plugins" / f"{name}.py").write_bytes(content)
        assert [*configure(f"optim={name}").optim.source.values()] == digests


def test_random_data_are_the_same_in_every_run(write_plugin):
    """Also where a run before it has drawn other random numbers."""
    drawn = DATA.replace("torch.linspace(-1, 1, 40)", "(torch.rand(40) + torch.tensor(numpy.random.rand(40)))")
    name = write_plugin(f"import numpy\n{drawn}")
    first, second = (configure(f"data={name}", "model=mlp", f"data.split_seed={i}").data.read()[0].x for i in (0, 1))
    assert torch.equal(first, second)


def test_a_name_of_the_project_is_refused(write_plugin, run):
    write_plugin(SGD, name="nesterov")
    result = run("optim=nesterov")
    assert result.code == BAD_INPUT and "rename plugins/nesterov.py" in result.err


@pytest.mark.parametrize("example", sorted(path.stem for path in (ROOT / "plugins").glob("example_*.py")))
def test_the_examples_run(run, example):
    group = example.removeprefix("example_").replace("optimizer", "optim")
    words = [f"{group}={example}", *(["model=mlp"] if group == "data" else [])]
    result = run(*SMALL[1 if group == "task" else 0 :], *words)
    assert result.code == 0 and read_status(result.folder)["status"] == "done"


def test_a_run_of_a_file_that_is_gone(write_plugin, run, capsys, monkeypatch):
    """Evaluating needs the file, and says so."""
    name = write_plugin(NET)
    command = [f"evaluate={run(*SMALL, f'model={name}').folder}", "device=cpu"]
    monkeypatch.setattr(sys, "argv", ["main.py"])
    file = ROOT / "plugins" / f"{name}.py"
    gone = file.rename(file.with_suffix(".gone"))
    capsys.readouterr()
    try:
        assert main(command) == BAD_INPUT
    finally:
        gone.rename(file)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"model.name={name}" in error and f"there is no plugins/{name}.py" in error
    assert main(command) == 0
