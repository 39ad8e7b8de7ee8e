"""`-m suite=...`: the runs of both stages, what the manifest says of them, and what is refused."""

import json

import pytest
from small_sweeps import SmallSweep, statuses

from results.suite_runs import read_suite_runs
from runner.callbacks import NO_CALLBACKS, Callbacks
from runner.cli.main import main
from scripts.record_suite import record

SUITE = """# Two small tasks
trials: 2
seeds: [0, 1]
shared: ["limit_train=64", "limit_val=50", "limit_test=50"]
tasks:
  valley: {overrides: [task=rosenbrock, data.num_steps=2], epochs: 1, metric: distance, better: min, near: 1.0}
  digits: {overrides: [task=digits], epochs: 2, metric: acc, better: max, near: 0.1}
  images: {overrides: [task=mnist], has_files: true, epochs: 1, metric: acc, better: max, near: 0.1}
  made_up: {overrides: [task=digits, batch_size=16], instead_of: images, epochs: 1, metric: acc, better: max, near: 0.1}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch, capsys):
    """suite(*words) runs the small suite in this process; returns its exit code and console."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["main.py"])
    (tmp_path / "small.yaml").write_text(SUITE)

    def run(*words, callbacks=NO_CALLBACKS, launcher="basic"):
        fixed = ["suite=small.yaml", "threads=1", f"data.root={tmp_path / 'none'}", f"hydra/launcher={launcher}"]
        code = main(["-m", *fixed, *words], callbacks)
        console = capsys.readouterr()
        return code, console.out + console.err

    run.folder = tmp_path / "outputs" / "suites" / "small"
    return run


def seeds_by_setting(runs):
    found = {}
    for run in runs:
        found.setdefault(run.setting, []).append(run.seed)
    return found


def test_every_setting_has_the_first_seed_and_the_best_one_all(suite):
    ends = []
    code, console = suite(
        "optim=sgd,adam", callbacks=Callbacks(on_suite_end=lambda folder: ends.append(folder) or "END")
    )
    assert code == 0 and "images: made_up in its place" in console and console.rstrip().endswith("END"), console
    assert "3 tasks x 2 optimizers x 2 settings, then 2 seeds of the best: 18 runs" in console
    assert "12 runs of 1 to 2 epochs, then 6 more: about " in console and "\n6 runs of 1 to 2 epochs: about " in console
    found = read_suite_runs(suite.folder)
    assert [folder.resolve() for folder in ends] == [suite.folder]
    assert sorted(found.runs) == ["digits", "made_up", "valley"]
    assert sorted(found.manifest.spaces["adam"]) == ["optim.betas[0]", "optim.lr"]
    for task, runs in found.runs.items():
        for optimizer in ("adam", "sgd"):
            own = [run for run in runs if run.optimizer == optimizer]
            by_setting = seeds_by_setting(own)
            assert sorted(map(len, by_setting.values())) == [1, 2], (task, by_setting)
            metric, sign = own[0].metric, -1 if task != "valley" else 1
            values = {run.setting: sign * run.status["best"][metric] for run in own if run.seed == 0}
            (repeated,) = [setting for setting, seeds in by_setting.items() if len(seeds) == 2]
            assert values[repeated] == min(values.values()), task
    check_records(found, suite.folder.with_name("records"))
    before = {folder: status["seconds"] for folder, status in statuses(suite.folder.parents[1]).items()}
    code, console = suite("optim=adam")
    assert code == 0 and "6 runs: 6 done" in console and "3 runs: 3 done" in console
    assert before == {folder: status["seconds"] for folder, status in statuses(suite.folder.parents[1]).items()}
    assert {run.optimizer for run in read_suite_runs(suite.folder).runs["digits"]} == {"adam", "sgd"}


def check_records(found, folder):
    """All results, the curves of the settings with both seeds, and a target that half of the optimizers reach."""
    text = record(found, folder)
    recorded = read_suite_runs(folder)
    assert recorded.manifest.spaces == found.manifest.spaces and not recorded.manifest.runs
    for task, runs in found.runs.items():
        back = {(run.setting, run.seed): run for run in recorded.runs[task]}
        assert back.keys() == {(run.setting, run.seed) for run in runs}
        for run in runs:
            mine = back[run.setting, run.seed]
            assert mine.status["best"][run.metric] == pytest.approx(run.status["best"][run.metric], rel=1e-5)
            repeated = len([each for each in runs if each.setting == run.setting]) == 2
            curve = run.curve("val", run.metric) if repeated else []
            assert mine.curve("val", run.metric) == pytest.approx(curve, rel=1e-5)
    best = []
    for optimizer in ("adam", "sgd"):
        own = [run for run in recorded.runs["digits"] if run.optimizer == optimizer and run.rows]
        one, two = (run.curve("val", "acc") for run in own)
        best.append(max((a + b) / 2 for a, b in zip(one, two, strict=True)))
    assert f"target: {min(best):.3g}" in next(line for line in text.splitlines() if line.startswith("digits"))


def test_a_run_has_the_settings_of_its_trial_and_not_of_its_task(suite):
    """The task sets a learning rate of its own, which is no optimizer's default."""
    code, _ = suite("optim=adam", "wrap=ema")
    assert code == 0
    found = read_suite_runs(suite.folder)
    assert 0.001 in {run.config["optim"]["lr"] for run in found.runs["valley"]}
    assert {run.optimizer for run in found.runs["valley"]} == set(found.manifest.spaces) == {"adam+ema"}


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        ([], ["optim=NAME"]),
        (["optim=adm"], ["adm", "adam"]),
        (["optim=adam", "epochs=3"], ["epochs=", "optim="]),
        (["optim=adam", "optim.lr=0.1"], ["optim.lr=", "search space"]),
        (["optim=adam", "seed=3"], ["seed="]),
        (["optim=adam", "wrap=ema,lookahead"], ["wrap=", "several values"]),
        (["optim=adam", "sweep=momentum"], ["sweep=momentum", "suite=small.yaml"]),
        (["optim=adam", "--budget", "5min"], ["--budget", "suite=small.yaml"]),
        (["optim=adam", "suite=quik"], ["suite=quik is unknown", "quick"]),
        (["optim=adam", "suite=nowhere/mine.yaml"], ["nowhere/mine.yaml"]),
    ],
)
def test_what_a_suite_decides_itself_is_refused(suite, words, facts):
    code, console = suite(*words)
    assert code == 2 and console.count("error:") == 1 and all(fact in console for fact in facts), console
    assert not suite.folder.exists()


def test_a_suite_is_a_sweep(capsys):
    assert main(["suite=quick", "optim=adam"]) == 2 and "add -m" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_suite_goes_on_and_ends_the_same(tmp_path, monkeypatch, capsys):
    (tmp_path / "small.yaml").write_text(SUITE.replace("epochs: 1", "epochs: 2"))
    words = ["suite=../small.yaml", "optim=sgd,adam", f"data.root={tmp_path}", "sweep.halving=2"]
    results = []
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
        sweep = SmallSweep(tmp_path / name, monkeypatch, capsys)
        monkeypatch.setattr("small_sweeps.SMALL", ["threads=1"])
        if name == "stopped":
            code, _ = sweep.stopped(*words)
            assert code > 128
        code, console = sweep(*words)
        assert code == 0, console
        manifest = json.loads((tmp_path / name / "outputs/suites/small/suite.json").read_text())
        ends = {
            str(folder): (status["status"], status["best"], status["epochs_done"])
            for folder, status in statuses(tmp_path / name).items()
        }
        results.append((manifest["runs"], ends))
    assert results[0] == results[1]
