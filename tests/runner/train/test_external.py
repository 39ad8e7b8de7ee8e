"""Optimizers of packages in a run: resuming, evaluation weights, and what a run says that can't resume."""

import pytest
import torch
from runs import read_results, read_rows, read_status, run_folder, run_interrupted

from optim.external.optimizer import ExternalOptimizer
from optim.external.resume_check import check_resume
from runner.config.external import config_class
from runner.config.packages import installed_version

SMALL = ["task=digits", "limit_train=90", "limit_val=50", "limit_test=50", "batch_size=40", "log.every=2", "logger=[]"]
TWELVE = [
    *("torch/Adafactor", "torch/NAdam", "torch/LBFGS", "pytorch_optimizer/SOAP", "pytorch_optimizer/Lion"),
    *("pytorch_optimizer/ADOPT", "schedulefree/AdamWScheduleFree", "schedulefree/SGDScheduleFree"),
    *("prodigyopt/Prodigy", "torch_optimizer/DiffGrad", "timm/nadamw", "heavyball/AdamW"),
]
UNSAVED = """import torch
class Kept:
    pass

class SGD(torch.optim.SGD):
    def step(self):
        super().step()
        self.state[self.param_groups[0]["params"][0]]["kept"] = Kept()
"""
FORGETFUL = """import torch
class Noisy(torch.optim.SGD):
    steps = 0
    def step(self):
        self.steps += 1
        for p in self.param_groups[0]["params"]:
            p.grad.mul_(1 / self.steps)
        super().step()
"""


def skip_unless_installed(choice):
    package = choice.partition("/")[0]
    if installed_version(package) is None:
        pytest.skip(f"{package} is not installed")


def interrupted_and_resumed(run, outputs, words, after):
    assert run_interrupted(*words, f"outputs={outputs}", after=after) == 130
    assert read_status(run_folder(outputs))["status"] == "interrupted"
    return run(*words, outputs=outputs)


def weights(folder):
    tensors = read_results(folder)["tensors"]
    return {name: value for name, value in tensors.items() if name.startswith(("best.", "last."))}


@pytest.mark.parametrize(
    ("choice", "more"),
    [
        ("schedulefree/RAdamScheduleFree", ["epochs=2"]),
        pytest.param("schedulefree/AdamWScheduleFree", ["model=cnn_bn", "epochs=2"], marks=pytest.mark.slow),
        *(pytest.param(choice, ["epochs=3"], marks=pytest.mark.slow) for choice in TWELVE),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_ends_as_if_nothing_had_happened(choice, more, run, tmp_path):
    skip_unless_installed(choice)
    words = [*SMALL, *more, f"optim={choice}", "checkpoint.unit=step", "checkpoint.every=1"]
    whole = run(*words)
    assert whole.code == 0 and "bit-exactly" not in whole.out and "can't resume" not in whole.out
    resumed = interrupted_and_resumed(run, tmp_path / "interrupted", words, 2)
    assert "Resuming after epoch" in resumed.out
    assert read_results(resumed.folder)["metrics"] == read_results(whole.folder)["metrics"]
    assert weights(resumed.folder) == weights(whole.folder)


@pytest.mark.filterwarnings("ignore")
def test_evaluation_shows_the_average_and_leaves_training_alone(make_trainer, run):
    """best.pt holds the weights of eval() with batch norm's statistics of these; last.pt those of training."""
    skip_unless_installed("schedulefree/SGDScheduleFree")
    words = [*SMALL, "model=cnn_bn", "epochs=1", "optim=schedulefree/SGDScheduleFree", "optim.lr=0.1"]
    trainer = make_trainer(*words)
    model, optimizer = trainer.model, trainer.optimizer
    trainer.train_epoch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with trainer.evaluation_weights():
        shown = {name: value.clone() for name, value in model.state_dict().items()}
    for name, p in model.named_parameters():
        torch.testing.assert_close(shown[name], p.lerp(optimizer.state[p]["z"], 1 - 1 / 0.9).detach())
        assert not torch.equal(shown[name], before[name])
    assert not torch.equal(shown["3.running_var"], before["3.running_var"])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert optimizer.param_groups[0]["train_mode"]
    folder = run(*words).folder
    best, last = (torch.load(folder / "checkpoints" / f"{name}.pt")["model"] for name in ("best", "last"))
    assert all(torch.equal(best[name], value) for name, value in shown.items())
    assert all(torch.equal(last[name], value) for name, value in before.items())


def test_what_can_t_resume_says_so_and_trains(write_plugin, run, tmp_path):
    unsaved, forgetful = write_plugin(UNSAVED), write_plugin(FORGETFUL)
    words = [*SMALL, "epochs=2", "optim.lr=0.1", f"optim={unsaved}"]
    result = run(*words)
    assert result.code == 0 and read_status(result.folder)["status"] == "done"
    assert f"A run with optim={unsaved} can't resume" in result.out and f"plugins.{unsaved}.Kept" in result.out
    plain = run(*SMALL, "epochs=2", "optim.lr=0.1", "optim=torch/SGD")
    assert read_rows(plain.folder) == read_rows(result.folder)
    resumed = interrupted_and_resumed(run, tmp_path / "interrupted", words, 4)
    assert resumed.code == 1 and "rerun=true" in resumed.out and f"optim={unsaved}" in resumed.out
    line = check_resume(config_class("optim", forgetful)()).line()
    assert line.startswith(f"optim={forgetful} does not resume bit-exactly")


def test_what_goes_wrong_is_said_in_one_line(run):
    cases = {
        "optim=torch/Muon": "takes matrices only; with groups=muon",
        "optim=pytorch_optimizer/AdaHessian": "needs second derivatives",
        "optim=torch/SparseAdam": "does not support dense gradients",
    }
    for words, fact in cases.items():
        skip_unless_installed(words.removeprefix("optim="))
        result = run(*SMALL, "epochs=1", words)
        (line,) = (line for line in result.out.splitlines() if line.startswith("failed: "))
        assert result.code == 1 and fact in line and fact in read_status(result.folder)["error"]


def test_the_environment_names_the_version(run):
    result = run(*SMALL, "epochs=1", "optim=torch/nadam")
    assert result.folder.parent.parent.name == "torch_NAdam,lr=0.002"
    assert f'"torch": "{torch.__version__.partition("+")[0]}' in (result.folder / "environment.json").read_text()
    assert ExternalOptimizer([torch.nn.Parameter(torch.ones(2))], config_class("optim", "torch/NAdam")()).state == {}
