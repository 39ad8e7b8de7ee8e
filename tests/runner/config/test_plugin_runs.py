"""What files of plugins/ may hold, and runs of them."""

import json
import sys

import pytest
import torch
from conftest import ROOT
from plugin_texts import CLOSURE, DATA, LION, NET, SGD, SMALL, TORCH
from runs import configure, read_rows, read_status

from runner.callbacks import Callbacks
from runner.cli.main import BAD_INPUT, main
from runner.sweep.run_process import RunProcess
from runner.sweep.slots import Slot


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
    """SGD beside an abstract class, one that requires a closure and does not call it, and the rule: one training."""
    plain = (
        SGD + "import abc\nclass Base(torch.optim.Optimizer, abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n"
    )
    rule = "from optim.rules.sgd import SGDConfig\nclass Rule(SGDConfig):\n    lr: float = 0.1\n"
    choices = [write_plugin(plain), write_plugin(CLOSURE), write_plugin(rule), "sgd"]
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
    by_both = by_closure.replace("(self, closure", "(self, loss, closure")
    rows = [read_rows(run(*SMALL, f"optim={write_plugin(text)}").folder) for text in (by_loss, by_closure, by_both)]
    assert rows[0] == rows[1] == rows[2] != read_rows(run(*SMALL, "optim=sgd", "optim.lr=0.1").folder)


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


def test_what_steps_print_is_printed_by_the_run_s_steps_only(write_plugin, run):
    name = write_plugin(SGD.replace("step(self):", "step(self):\n        print('a step')"))
    result = run(*SMALL, f"optim={name}")
    assert result.code == 0 and result.out.count("a step") == 2


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


def test_the_project_s_files_that_a_plugin_builds_on_belong_to_its_setting(write_plugin):
    rule = write_plugin("from optim.rules.sgd import SGDConfig\nclass Rule(SGDConfig): ...\n")
    task = write_plugin("from tasks.classification import Classification\nclass T(Classification): ...\n")
    code = configure(f"task={task}", f"optim={rule}").code
    plain = configure("optim=sgd", "task=digits").code
    assert code == {
        **plain,
        f"plugins/{rule}.py": code[f"plugins/{rule}.py"],
        f"plugins/{task}.py": code[f"plugins/{task}.py"],
    }


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


@pytest.mark.slow
def test_a_process_of_a_sweep_notices_what_became_of_the_file(write_plugin):
    """Broken, without a key, edited, gone."""
    texts = {
        "SyntaxError": "x = (",
        "no argument lr": SGD.replace("lr=0.1", "rate=0.1").replace("lr=lr", "lr=rate"),
        ".py was edited": LION,
    }
    facts = {write_plugin(SGD): fact for fact in (*texts, "there is no plugins/")}
    configs = {name: configure(*SMALL, f"optim={name}") for name in facts}
    *_, last = files = [ROOT / "plugins" / f"{name}.py" for name in facts]
    for file, text in zip(files, texts.values(), strict=False):
        file.write_text(text, encoding="utf-8")
    gone = last.rename(last.with_suffix(".gone"))
    processes = {name: RunProcess(config, Slot(1), Callbacks()) for name, config in configs.items()}
    results = {name: process.result() for name, process in processes.items()}
    gone.rename(last)
    for name, (code, error) in results.items():
        assert code == BAD_INPUT and facts[name] in error and name in error and "repeat the command" in error
