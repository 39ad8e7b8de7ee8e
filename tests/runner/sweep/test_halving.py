"""sweep.halving: which settings go on, and that a run that does is the run that it would have been."""

import importlib.util
import json
from types import SimpleNamespace

import pytest
from small_sweeps import SmallSweep, metrics, runs, statuses, table

from runner.cli.main import main
from runner.config.errors import ConfigError
from runner.sweep.halving import Bracket, Setting, best_of, hyperband, num_halvings, value_at
from runner.sweep.settings import HalvingSettings, read_halving

WORDS = ["task=digits", "optim=adam", "seed=0,1", "optim.lr=0.01,0.1", "sweep.halving=2"]


def setting(name, epochs=9, first=0, better="max", folder=None):
    """A setting as the rules see it, without a configuration."""
    settings = SimpleNamespace(epochs=epochs, first_epoch=first, epochs_to_train=epochs - first)
    config = SimpleNamespace(settings=settings, task=SimpleNamespace(better=better, metric="acc"))
    return Setting(name, (SimpleNamespace(checked_config=config, folder=folder),))


def names(settings):
    return [each.name for each in settings]


def test_the_rungs_divide_the_epochs_and_the_settings():
    for num, epochs, words, expected in (
        (27, 9, {"halving": 3}, [1, 3, 9]),
        (4, 30, {"halving": 3}, [3, 10, 30]),  # two rungs before the last bring four settings down to one
        (81, 30, {"halving": 3}, [1, 3, 10, 30]),
        (81, 30, {"halving": 3, "min_epochs": 2}, [3, 10, 30]),
        (100, 10, {"halving": 2}, [1, 3, 5, 10]),
        (100, 10, {"halving": 10}, [1, 10]),
        (100, 10, {"halving": 2, "min_epochs": 5}, [5, 10]),
    ):
        halving, group = HalvingSettings(**words), [setting(str(i), epochs) for i in range(num)]
        halvings = num_halvings([group, group[:1]], halving)
        assert [group[0].epoch(halving.eta, k) for k in range(halvings, -1, -1)] == expected, words
    assert [setting("branch", 25, first=16).epoch(3, k) for k in (2, 1, 0)] == [17, 19, 25]
    for group, words, named in (
        ([setting("alone")], {"halving": 3}, "one setting only"),
        ([setting("a", 2), setting("b", 2)], {"halving": 3}, "epochs=3"),
        ([setting("a"), setting("b")], {"halving": 3, "min_epochs": 4}, "epochs=12"),
    ):
        with pytest.raises(ConfigError, match=named):
            num_halvings([group], HalvingSettings(**words))


def test_the_best_go_on_and_those_without_a_value_never():
    for values, over, better, expected in (
        ([1, 5, 3, 4], [], "max", "bd"),
        ([1, 5, 3, 4], [], "min", "ac"),
        ([2, 2, 2, 2], [], "max", "ab"),  # ties: the first
        ([None, 1, None, None], [], "max", "b"),  # diverged or failed: places stay empty
        ([None] * 4, [], "min", ""),
        ([9, 1, 2, 0], ["a"], "max", "bc"),  # ended by early stopping: it has its result, and takes no place
        ([1, 2, 3], [], "max", "bc"),  # half of three, rounded up
    ):
        every = tuple(setting(name, better=better) for name in "abcd"[: len(values)])
        by_name = dict(zip("abcd", values, strict=False))
        assert "".join(names(best_of(Bracket(1, every), by_name, set(over), eta=2))) == expected, values


def test_hyperband_deals_every_setting_to_a_bracket_in_the_papers_proportions():
    group = [setting(f"lr={i}") for i in range(34)]
    brackets = hyperband(group, halvings=2, eta=3)  # 9, 5 and 3 of 17
    assert [(each.start, len(each.settings)) for each in brackets] == [(2, 18), (1, 10), (0, 6)]
    assert sorted(sum((names(each.settings) for each in brackets), [])) == sorted(names(group))
    assert [names(each.settings) for each in hyperband(group[::-1], 2, 3)] == [names(e.settings) for e in brackets]
    assert [(each.start, len(each.settings)) for each in hyperband(group[:2], 2, 3)] == [(2, 1), (1, 1)]


def test_a_value_depends_on_the_epochs_up_to_the_rung_only(tmp_path):
    accs = [0.5, 0.7, 0.6, 0.9]
    rows = [{"split": "val", "per": "epoch", "epoch": i, "step": i, "acc": acc} for i, acc in enumerate(accs, 1)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = setting("a", folder=tmp_path).jobs[0]
    diverged = {"epoch": 3, "step": 9, "what": "loss is nan"}
    for status, found in (
        ({"status": "running"}, [0.5, 0.7, 0.7, 0.9, None]),
        ({"status": "failed", "error": "x"}, [0.5, 0.7, 0.7, 0.9, None]),
        ({"status": "diverged", "diverged": diverged}, [0.5, 0.7, None, None, None]),
        ({"status": "done", "stopped_early": True, "epochs_done": 4}, [0.5, 0.7, 0.7, 0.9, 0.9]),
    ):
        (tmp_path / "status.json").write_text(json.dumps({"metric": "acc", "better": "max", **status}))
        assert [value_at(job, epoch) for epoch in range(1, 6)] == found, status
    smaller = SimpleNamespace(**{**vars(job.checked_config), "task": SimpleNamespace(better="min", metric="acc")})
    assert value_at(SimpleNamespace(folder=tmp_path, checked_config=smaller), 3) == 0.5


def test_what_goes_on_is_the_run_that_it_would_have_been_and_decisions_are_followed(tmp_path, monkeypatch, capsys):
    halved, alone = tmp_path / "halved", tmp_path / "alone"
    for folder in (halved, alone):
        folder.mkdir()
    sweep, words = SmallSweep(halved, monkeypatch, capsys), [*WORDS, "checkpoint.every=2"]
    code, console = sweep(*words)
    assert code == 0, console
    for line in ("rung 1 of 2: 2 settings (4 runs) to epoch 1", "1 of 2 go on", "rung 2 of 2", "steps in place of"):
        assert line in console, console
    found = statuses(halved)
    ends = {(name.parent, each["status"], each["epochs_done"]) for name, each in found.items()}
    assert sorted(end[1:] for end in ends) == [("done", 2), ("stopped", 1)]  # all seeds of a setting together
    assert [each["stopped"] for each in found.values() if "stopped" in each] == [{"epoch": 1, "by": "halving"}] * 2
    rows = table(halved)
    assert {(row["status"], row["stopped_at_rung"]) for row in rows} == {("done", ""), ("stopped", "1")}

    kept = next(row["optim.lr"] for row in rows if row["status"] == "done")
    assert SmallSweep(alone, monkeypatch, capsys)(*WORDS[:-2], f"optim.lr={kept}")[0] == 0
    assert "stopped_at_rung" not in table(alone)[0]
    assert len(metrics(alone)) == 2 and metrics(alone).items() <= metrics(halved).items()

    (file,) = halved.glob("**/halving.json")
    record, before = json.loads(file.read_text()), files(halved)
    sweep = SmallSweep(halved, monkeypatch, capsys)
    code, console = sweep(*words)  # again: nothing is left to do
    assert code == 0 and "2 done, 2 stopped" in console and files(halved) == before
    (rung,) = record["rungs"]
    other = {**rung, "go_on": list(rung["stopped"]), "stopped": dict.fromkeys(rung["go_on"])}
    for rungs, done, after in (
        ([{**other, "failed": ["digits/x"]}], 2, [rung]),  # with a failed run: decided anew
        ([other], 4, [other]),  # as recorded; the other setting goes on from its checkpoint
    ):
        file.write_text(json.dumps({**record, "rungs": rungs}))
        assert sweep(*words)[0] == 0
        assert [each["status"] for each in statuses(halved).values()].count("done") == done
        assert json.loads(file.read_text())["rungs"] == after


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_words_of_halving_that_cannot_be(tmp_path, monkeypatch, capsys):
    for values, named in (
        ({"halving": 1}, "sweep.halving=1"),
        ({"halving": "many"}, "sweep.halving=many"),
        ({"halving": 3, "min_epochs": 0}, "sweep.min_epochs=0"),
        ({"halving": 3, "brackets": "two"}, "hyperband"),
        ({"halving": None, "min_epochs": 2}, "sweep.halving"),
    ):
        with pytest.raises(ConfigError, match=named):
            read_halving(values)
    monkeypatch.chdir(tmp_path)
    for words, named in (
        (["sweep.halving=3"], "-m"),
        (["-m", "sweep.haling=3"], "sweep.halving"),
        (["-m", "optim.lr=0.1,1", "sweep.halving=3", "rerun=true"], "rerun"),
        (["-m", "sweep.halving=3", "--budget", "1h"], "--budget"),
        (["-m", "sweep.halving=3", "hydra/sweeper=optuna"], "hydra.sweeper.pruner"),
    ):
        monkeypatch.setattr("sys.argv", ["main.py"])
        assert main(words) == 2, words
        message = capsys.readouterr().err
        assert message.startswith("error: ") and message.count("\n") == 1 and named in message, message
    assert not runs(tmp_path)


@pytest.mark.slow
def test_every_launcher_stops_the_same_runs(tmp_path, monkeypatch, capsys):
    words = ["task=digits", "optim=sgd,adam", "optim.lr=0.01,0.1,1e8", "seed=0,1", "epochs=3", "sweep.halving=3"]
    found = {}
    for launcher in ("basic", "local", "joblib", "stacked"):
        if launcher == "joblib" and importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher") is None:
            continue
        (folder := tmp_path / launcher).mkdir()
        form = ["hydra.launcher.form=vmap"] if launcher == "stacked" else []
        code, console = SmallSweep(folder, monkeypatch, capsys)(*words, f"hydra/launcher={launcher}", *form)
        assert code == 0, console
        assert "rung 2 of 2: 2 settings (4 runs) to epoch 3" in console, console
        ends = {name: (each["status"], each["epochs_done"]) for name, each in statuses(folder).items()}
        found[launcher] = ends, metrics(folder) if launcher != "stacked" else None
    kept = {row["optim.name"] for row in table(tmp_path / "basic") if row["status"] == "done"}
    assert kept == {"sgd", "adam"}  # each keeps its best setting
    endings = [status for status, _ in found["basic"][0].values()]
    assert sorted(endings) == ["diverged"] * 4 + ["done"] * 4 + ["stopped"] * 4
    assert all(each == found["basic"] for launcher, each in found.items() if launcher != "stacked")
    assert found["stacked"][0] == found["basic"][0]
    folder, whole = tmp_path / "basic", tmp_path / "whole"
    whole.mkdir()
    for place in (folder, whole):  # without halving the others go on, as if they had never paused
        assert SmallSweep(place, monkeypatch, capsys)(*words[:-1])[0] == 0
    assert metrics(folder) == metrics(whole)


@pytest.mark.slow
def test_hyperbands_brackets_begin_at_different_rungs(tmp_path, monkeypatch, capsys):
    words = ["task=digits", "optim=adam", "optim.lr=0.001,0.003,0.01,0.03,0.1,0.3", "epochs=4", "sweep.halving=2"]
    code, console = SmallSweep(tmp_path, monkeypatch, capsys)(*words, "sweep.brackets=hyperband")
    assert code == 0, console  # of weights 4, 3 and 3: two settings each
    for line in ("rung 1 of 3: 2 settings to epoch 1", "rung 2 of 3: 3 settings to epoch 2", "rung 3 of 3: 4 settings"):
        assert line in console, console
    assert [row["status"] for row in table(tmp_path)].count("done") == 4
