"""What a sweep runs, known before it starts: grids, states, refusals."""

import json

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from runner.config.compose import CONFIGS, compose
from runner.config.errors import ConfigError
from runner.config.registry import entries
from runner.sweep.composer import Composer
from runner.sweep.grid import expand_grid
from runner.sweep.grid_files import experiments_with_grids, grid_files, paper_files, read_grids
from runner.sweep.plan import DONE, REFUSED, REPEATED, RESUME, TODO, plan_jobs, plan_summary


@pytest.fixture(scope="module")
def composer():
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        loader = GlobalHydra.instance().hydra.config_loader
        return Composer(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))


def test_composing_groups_once_equals_composing_each_run(composer):
    """Values are set on a copy of what Hydra composed for the same groups."""
    cases = [
        ["optim=adam", "++optim.lr=0.5", "++optim.betas=[0.5,0.9]", "++seed=3"],
        ["optim=adam", "++optim.lr=1e-3", "++data.normalize=false", "wrap=[lookahead,ema]", "++wrap.lookahead.k=2"],
        ["experiment=aggmo/autoencoder", "++optim.lr_schedule.lr_decay=0.3", "++limit_train=null"],
        ["++finetune.epochs=3", "++device='cpu'", "++outputs=a b"],
    ]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        expected = [OmegaConf.to_container(hydra_compose("config", case), resolve=True) for case in cases]
    for compose_one in (composer, lambda case: compose(*case)):
        assert [compose_one(case) for case in cases for _ in range(2)][::2] == expected


def test_every_optimizer_has_a_grid_around_its_default_rate():
    swept = {}
    for grid in read_grids(*grid_files("lr_per_optimizer")):
        swept |= {word.removeprefix("optim="): grid.get("++optim.lr", []) for word in grid["optim"]}
    assert set(swept) == set(entries("optim"))
    for name, config in entries("optim").items():
        rates = [float(word.partition("=")[2]) for word in swept[name]]
        assert min(rates) <= config.lr <= max(rates) if rates else config.estimates_lr, name


def test_lists_are_multiplied_from_left_to_right(composer):
    runs = expand_grid(["optim=sgd,adam", "++seed=range(2)", "++epochs=3"], composer.parser)
    assert runs == [
        *(["optim=sgd", "++seed=0", "++epochs=3"], ["optim=sgd", "++seed=1", "++epochs=3"]),
        *(["optim=adam", "++seed=0", "++epochs=3"], ["optim=adam", "++seed=1", "++epochs=3"]),
    ]


def test_a_file_of_grids_gives_each_optimizer_its_own_keys(composer):
    runs = expand_grid(["++optim.lr=0.01"], composer.parser, "momentum")
    found = [(run[0], next(word for word in run if "optim.lr" not in word and "optim." in word)) for run in runs]
    momentum = [
        (f"optim={name}", f"++optim.momentum={m}")
        for name in ("momentum", "nesterov")
        for m in ("0.9", "0.99", "0.999")
    ]
    assert found == [*momentum, *(("optim=aggmo_exp", f"++optim.k={k}") for k in (2, 3, 4))]
    assert all("++optim.lr=0.01" in run for run in runs)


def test_the_command_line_selects_and_replaces(composer):
    runs = expand_grid(["optim=nesterov", "++optim.momentum=0.5", "++seed=3,4"], composer.parser, "momentum")
    assert [run[-1] for run in runs] == ["++seed=3", "++seed=4"]
    assert all({"optim=nesterov", "++optim.momentum=0.5"} <= set(run) for run in runs)


def test_the_grids_of_a_paper(composer, tmp_path, monkeypatch):
    """Of an experiment's own file, of one of its folder by name, and of all of its folder."""
    runs = expand_grid(["experiment=momo/mnist_mlp", "optim=momo,adam", "++seed=0"], composer.parser, "paper")
    momo = [f"++optim.lr={lr}" for lr in ("0.001", "0.01", "0.1", "1", "10", "100", "1000")]
    assert [run[1] for run in runs if "optim=momo" in run] == momo
    assert len(runs) == 13 and all(run[-2:] == ["experiment=momo/mnist_mlp", "++seed=0"] for run in runs)
    monkeypatch.setattr("runner.sweep.grid_files.FOLDER", tmp_path)
    (tmp_path / "paper" / "a" / "b").mkdir(parents=True)
    for name in ("two", "one"):
        (tmp_path / "paper" / "a" / "b" / f"{name}.yaml").write_text("- {}\n")
    assert [file.stem for file in paper_files("paper", "a/b")] == ["one", "two"]
    assert [file.stem for file in paper_files("paper/two", "a/b")] == ["two"]


@pytest.mark.parametrize("share", [pytest.param("last", id="last"), pytest.param("all", marks=pytest.mark.slow)])
def test_every_run_of_a_papers_grid_is_valid(share, composer, monkeypatch, tmp_path):
    """A run that would be refused is one that the paper's table lacks. All: one of those that differ in the seed alone;
    quick: the last run of each experiment."""
    monkeypatch.chdir(tmp_path)
    for name in experiments_with_grids():
        header = (CONFIGS / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
        assert f"experiment={name} sweep=paper" in header, "the command of the experiment's file"
        runs = expand_grid([f"experiment={name}"], composer.parser, "paper")
        settings = {tuple(word for word in run if not word.lstrip("+").startswith("seed=")): run for run in runs}
        jobs = plan_jobs([*settings.values()] if share == "all" else runs[-1:], composer)
        assert {job.state for job in jobs} <= {TODO, REPEATED}, plan_summary(jobs)


def test_a_grid_deletes_a_key_of_its_experiment(composer):
    words = ["experiment=aggmo/autoencoder", "optim=momentum", "++seed=0", "++optim.lr=1"]
    runs = expand_grid(words, composer.parser, "paper/table1")
    assert [job.checked_config.optim.name for job in plan_jobs(runs, composer)] == ["momentum"]


@pytest.mark.parametrize(
    "words, file, parts",
    [
        (["optim=nesterov,adam"], "momentum", ["optim=adam", "sweep=momentum", "configs/sweep/momentum.yaml"]),
        ([], "momentm", ["sweep=momentm", "momentum"]),
        ([], "paper", ["sweep=paper", "experiment=", "momo/mnist_mlp"]),
        (["experiment=amsgrad/none"], "paper", ["amsgrad/none", "no grid", "momo/mnist_mlp"]),
        (["experiment=momo/mnist_mlp"], "paper/papr", ["sweep=paper/papr", "momo/mnist_mlp", "paper"]),
        (["experiment=momo/mnist_mlp", "optim=lars"], "paper", ["optim=lars", "paper/momo/mnist_mlp.yaml"]),
        (["++optim.lr=interval(0,1)"], None, ["optim.lr=interval(0,1)", "hydra/sweeper=optuna"]),
        (["++seed=range(1,1e9)"], None, ["seed=range(1,1e9)", "100,000"]),
        ([f"++{key}=range(1,1001)" for key in ("seed", "epochs")], None, ["1,000,000 runs", "100,000"]),
    ],
)
def test_grids_that_are_refused(composer, words, file, parts):
    with pytest.raises(ConfigError) as error:
        expand_grid(words, composer.parser, file)
    assert all(part in str(error.value) for part in parts)


def test_states(composer, tmp_path):
    """By the files that runs leave: one that is done, one that has a checkpoint, and one that has neither."""
    words = [["task=digits", f"++outputs={tmp_path}", f"++seed={seed}"] for seed in (0, 1, 2, 2)]
    done, resumed, *_ = (job.folder for job in plan_jobs(words, composer))
    for folder, status in ((done, "done"), (resumed, "interrupted")):
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "checkpoints" / "last.pt").touch()
        result = {key: {"acc": 0.5, "epoch": 1} for key in ("best", "final", "test", "test_last")}
        (folder / "status.json").write_text(
            json.dumps({"status": status, "metric": "acc", "better": "max", "seconds": {"train": 1}, **result})
        )
    jobs = plan_jobs([*words, ["++optim.lrr=1"]], composer)
    assert [job.state for job in jobs] == [DONE, RESUME, TODO, REPEATED, REFUSED]
    assert [job.number for job in jobs] == [0, 1, 2, 3, 4]
    counts, refusal, *_ = plan_summary(jobs).splitlines()
    assert counts == "5 runs: 1 done, 1 to resume, 1 to do, 1 repeated, 1 refused"
    assert "1 run with optim.lrr=1" in refusal and jobs[4].error in refusal


def test_refusals_are_described_by_what_distinguishes_them(composer):
    words = [[f"optim={name}", f"++optim.momentum={m}"] for name in ("adam", "momentum") for m in (0.5, 0.9)]
    jobs = plan_jobs(words, composer)
    assert [job.state for job in jobs] == [REFUSED, REFUSED, TODO, TODO]
    assert "2 runs with optim=adam: optim.momentum is not a key" in plan_summary(jobs)
