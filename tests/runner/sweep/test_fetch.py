"""The data of a sweep are fetched once, before its runs start."""

import pytest
from conftest import write_mnist
from runs import configure
from small_sweeps import SmallSweep

import data.mnist
from runner.sweep.fetch import fetch_data
from runner.sweep.plan import TODO, Job


@pytest.fixture
def asked(monkeypatch):
    """The downloads that were asked for; MNIST's succeeds, Fashion-MNIST's does not."""
    names = []

    def download(name, root, into, is_complete):
        names.append(name)
        if name == "MNIST":
            write_mnist(root / into, num_train=80, num_test=60)
            return None
        return "the download failed (no network)"

    monkeypatch.setattr(data.mnist, "download", download)
    return names


def test_missing_data_are_asked_for_once_and_end_their_runs_alone(tmp_path, asked):
    choices = [(name, seed) for name in ("fashion_mnist", "mnist", "digits") for seed in (0, 1)]
    words = [["task=mnist", "model=mlp", f"data={name}", f"data.root={tmp_path}"] for name, _ in choices]
    jobs = [Job(i, (), TODO, configure(*each, f"seed={i % 2}")) for i, each in enumerate(words)]
    ended = []
    ready = fetch_data(jobs, lambda job, code, error: ended.append((job.number, code, error)))
    assert asked == ["FashionMNIST", "MNIST"] and [job.number for job in ready] == [2, 3, 4, 5]
    assert [end[:2] for end in ended] == [(0, 2), (1, 2)]
    assert all("data=fashion_mnist: files are missing" in error for *_, error in ended)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "local"])
def test_a_sweep_goes_on_without_the_runs_whose_data_are_missing(launcher, tmp_path, asked, monkeypatch, capsys):
    sweep = SmallSweep(tmp_path, monkeypatch, capsys)
    words = ["task=mnist", "data=fashion_mnist,mnist", "seed=0,1", f"++data.root={tmp_path}"]
    code, console = sweep(*words, "epochs=1", "limit_val=8", f"hydra/launcher={launcher}")
    assert code == 1 and asked == ["FashionMNIST", "MNIST"], console
    assert [row["status"] for row in sweep.table()] == ["failed", "failed", "done", "done"], console
    assert console.count("data=fashion_mnist: files are missing") == 2 and "Traceback" not in console
