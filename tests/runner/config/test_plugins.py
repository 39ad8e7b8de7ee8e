"""Bad files of plugins/: one clear line for each, and no other run is harmed."""

import sys

import pytest
from plugin_texts import DATA, NET, SGD, SMALL, TASK, TORCH
from runs import read_status

from runner.cli.main import BAD_INPUT, main

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
    "wrapper without a place": (
        "from optim.transform import Wrapper\nclass W(Wrapper): ...\n",
        "wrap=[NAME]",
        ["W lacks place"],
    ),
    "rule without transforms": (
        "from optim.config import OptimizerConfig\nclass R(OptimizerConfig): ...\n",
        "optim=NAME",
        ["R lacks transforms"],
    ),
    "wrapped": (SGD, "optim=NAME wrap=[ema]", ["wrap=[ema]"]),
    "model typo": (NET, "model=NAME model.widht=3", ["model.widht", "did you mean model.width?"]),
    "data raises": (DATA.replace("torch.lin", "no.lin"), "data=NAME", ["NameError", "NAME.py, line 3"]),
    "data of other lengths": (DATA.replace("(x, (x", "(x[1:], (x", 1), "data=NAME", ["training", "19 inputs", "20"]),
    "no data": (DATA.replace("40).reshape(20", "0).reshape(0"), "data=NAME", ["training", "0 inputs"]),
    "data of words": (DATA.replace("(x, (x", "([['a']] * 20, (x", 1), "data=NAME", ["training"]),
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
    "rate as a word": (
        SGD.replace("lr=0.1", "lr='auto'").replace("lr='a", "lr: str = 'a"),
        "optim=NAME",
        ["no argument lr"],
    ),
    "step with other arguments": (
        SGD.replace("step(self)", "step(self, loss, hessian, **rest)"),
        "optim=NAME",
        ["its step requires hessian"],
    ),
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


def test_a_bad_file_that_another_imports_is_named(write_plugin, capsys, monkeypatch):
    bad = write_plugin("\nx = (\n")
    monkeypatch.setattr(sys, "argv", ["main.py"])
    assert main([f"optim={write_plugin(f'import sys, os; import plugins.{bad}')}"]) == BAD_INPUT
    assert f"(plugins/{bad}.py, line 2)" in capsys.readouterr().err


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
