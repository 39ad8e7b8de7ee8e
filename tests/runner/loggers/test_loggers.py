"""Where rows go beside metrics.jsonl: what each tracker then holds, and that none of them can harm a run."""

import contextlib
import importlib.machinery
import json
import os
import signal
import sys
import time
import types
from pathlib import Path

import harness
import pytest

from results.metrics import read_rows
from results.run_folder import RunFolder, signature
from runner.cli.main import main
from runner.config.compose import compose
from runner.config.registry import entries
from runner.config.validate import validate
from runner.loggers import mlflow as mlflow_sink
from runner.loggers import sink as sink_module
from runner.loggers.buffered import BufferedLogger, LoggerCollection
from runner.loggers.logger import Logger
from runner.loggers.run_info import columns, flat
from runner.loggers.scalars import Points
from runner.train.metrics_writer import MetricsWriter

SMALL = ["epochs=2", "limit_train=64", "limit_val=50", "limit_test=50", "threads=1"]


class Noted(Logger):
    """Remembers what it was told; fails where `broken` says. Its class has no name, so that no registry finds it."""

    modules, install, every_s = (), "nothing", 0.0
    broken = ""

    def __init__(self, told, kept):
        super().__init__(told, kept)
        self.name, self.calls = "noted", []

    def note(self, call, *what):
        self.calls.append((call, *what))
        if self.broken == call:
            raise ConnectionError("the server is gone\nand more")

    def open(self):
        self.note("open")
        self.kept["id"] = 7

    def write(self, rows):
        self.note("write", *[row["step"] for row in rows])

    def close(self, ending):
        self.note("close", ending)


@pytest.fixture
def fed(tmp_path):
    """fed(**attributes) -> (records with one sink, the sink, what was said)."""
    folder = RunFolder(tmp_path)

    def make(**attributes):
        said, sink, found = [], Noted(None, {}), LoggerCollection(folder)
        vars(sink).update(attributes)
        found.feeds = [BufferedLogger(sink, said.append, found.save)]
        return MetricsWriter(tmp_path, sinks=found), sink, said

    return make


# --- feeding ------------------------------------------------------------------------------------------------------


def test_a_row_only_waits_until_the_flush(fed, tmp_path):
    records, sink, _ = fed()
    records.add({"epoch": 1, "step": 1})
    records.add({"epoch": 1, "step": 2})
    assert sink.calls == [] and not (tmp_path / "sinks.json").exists()
    records.flush()
    records.flush()
    assert sink.calls == [("open",), ("write", 1, 2)]
    assert json.loads((tmp_path / "sinks.json").read_text()) == {"noted": {"id": 7}}
    records.add({"epoch": 1, "step": 3})
    records.close()
    records.loggers.close("done")
    records.loggers.close("failed")  # too late: it has ended
    assert sink.calls[2:] == [("write", 3), ("close", "done")]


def test_a_slow_sink_is_written_to_now_and_then_and_at_the_end(fed):
    records, sink, _ = fed(every_s=1000.0)
    for step in (1, 2, 3):
        records.add({"epoch": 1, "step": step})
        records.flush()
    records.close()
    records.loggers.close("done")
    assert sink.calls == [("open",), ("write", 1), ("write", 2, 3), ("close", "done")]


@pytest.mark.parametrize("broken", ["open", "write", "close"])
def test_a_sink_that_fails_is_off_after_one_line_and_no_row_is_lost(fed, tmp_path, broken):
    records, sink, said = fed(broken=broken)
    for step in (1, 2):
        records.add({"epoch": 1, "step": step})
        records.flush()
    records.close()
    records.loggers.close("done")
    assert [call for call, *_ in sink.calls].count(broken) == 1 and sink.calls[-1][0] == broken
    assert said == [
        "logger=noted is off: ConnectionError: the server is gone; the run goes on, and metrics.jsonl has every row"
    ]
    assert [row["step"] for row in read_rows(tmp_path / "metrics.jsonl")] == [1, 2]


def test_an_ending_without_rows_is_told_and_an_interruption_is_not(fed):
    for ending, calls in (("diverged", [("open",), ("close", "diverged")]), ("interrupted", [])):
        records, sink, _ = fed()
        records.close()
        records.loggers.close(ending)
        assert sink.calls == calls


def test_a_resumed_run_gives_the_rows_that_count_again(fed, tmp_path):
    records, *_ = fed()
    records.add({"epoch": 1, "step": 1})
    lengths = records.lengths()
    records.add({"epoch": 1, "step": 2})
    records.close()
    sink, found = Noted(None, {}), LoggerCollection(RunFolder(tmp_path))
    found.feeds = [BufferedLogger(sink, print, found.save)]
    records = MetricsWriter(tmp_path, lengths, found)
    records.add({"epoch": 1, "step": 3})
    records.close()
    found.close("done")
    assert sink.calls == [("open",), ("write", 1, 3), ("close", "done")]


@pytest.fixture
def noted(monkeypatch, tmp_path):
    """Every run's sink by the name of TensorBoard is a Noted, in the order in which they are made."""
    made = []

    class Listed(Noted):
        def __init__(self, told, kept):
            super().__init__(told, kept)
            self.name = "tensorboard"
            made.append(self)

    monkeypatch.setitem(entries("logger"), "tensorboard", Listed)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    monkeypatch.chdir(tmp_path)
    return made


def endings(made):
    return [(sink.about.name, sink.calls[-1]) for sink in made]


def test_each_ending_is_told_with_the_runs_exit_code_unchanged(noted, monkeypatch, capsys):
    from runner.train.trainer import Trainer

    assert main([*SMALL]) == 0
    assert main([*SMALL, "optim.lr=1e30", "log.every=0"]) == 0
    for error, code in ((RuntimeError("broke"), 1), (KeyboardInterrupt(), 130)):

        def broken(self, error=error):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "test", broken)
            assert main([*SMALL, f"seed={code}"]) == code
    assert [call for _, call in endings(noted)] == [
        *(("close", "done"), ("close", "diverged"), ("close", "failed"), ("close", "interrupted"))
    ]


def test_a_run_is_finished_only_once_its_sinks_have_everything(noted, monkeypatch):
    """One that is killed before is taken up again, and they get the rest."""
    seen = []

    def close(self, ending):
        seen.append((json.loads((self.about.folder / "status.json").read_text())["status"], ending))

    monkeypatch.setattr(Noted, "close", close)
    assert main(SMALL) == 0
    assert seen == [("running", "done")]


@pytest.mark.parametrize("broken", ["open", "write", "close"])
def test_a_run_survives_a_tracker_that_fails(noted, monkeypatch, capsys, broken):
    monkeypatch.setattr(Noted, "broken", broken)
    assert main(SMALL) == 0
    assert capsys.readouterr().out.count("logger=tensorboard is off: ConnectionError: the server is gone;") == 1
    folder = noted[0].about.folder
    assert "logger=tensorboard is off" in (folder / "log.txt").read_text()
    assert len(read_rows(folder / "metrics.jsonl")) == 6


@pytest.mark.parametrize("words", [[], ["hydra/launcher=stacked", "hydra.launcher.form=vmap"]])
def test_each_run_of_a_sweep_has_its_own(noted, words):
    assert main(["-m", *SMALL, *words, "optim.lr=0.1,1e30", "seed=0,1"]) == 0
    assert sorted(endings(noted)) == [
        ("aggmo seed=0", ("close", "done")),
        ("aggmo seed=1", ("close", "done")),
        ("aggmo,lr=1e+30 seed=0", ("close", "diverged")),
        ("aggmo,lr=1e+30 seed=1", ("close", "diverged")),
    ]
    assert all(sink.calls[0] == ("open",) for sink in noted)


def test_processes_beside_the_first_have_none():
    from runner.train.null_writers import NullMetricsWriter

    assert NullMetricsWriter().sinks.feeds == []


# --- the key ------------------------------------------------------------------------------------------------------


def test_logger_decides_nothing_of_the_result():
    default, none = validate(compose()), validate(compose("logger=[]"))
    assert signature(default) == signature(none) and default.run_path == none.run_path


def test_unknown_and_missing_sinks_are_refused_in_one_message(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["main.py"])
    monkeypatch.chdir(tmp_path)
    for command, words in (
        ("logger=[mlfow]", ["mlfow is unknown", "mlflow?", "mlflow, tensorboard, wandb", "logger=[]"]),
        ("logger=[wandb,wandb]", ["names wandb twice"]),
        ("logger=tensorboard", ["'logger=[tensorboard]'"]),
        ("logger=null", ["'logger=[]'"]),
        ("log.tensorboard=false", ["log.tensorboard is not a key", "logger=[tensorboard] or logger=[]?"]),
    ):
        assert main([command]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and all(word in said for word in words), said
    monkeypatch.setattr(sink_module, "find_spec", lambda name: None)
    assert main(["logger=[mlflow]"]) == 2
    assert capsys.readouterr().err == "error: logger=mlflow needs mlflow: pip install 'mlflow>=3.17,<4'\n"
    assert main(["-m", "logger=[wandb]", "seed=0,1"]) == 2
    said = capsys.readouterr()
    assert said.out.count("logger=wandb needs wandb: pip install 'wandb>=0.31,<1'") == 1 and "2 refused" in said.out
    assert not list(tmp_path.iterdir())


def test_a_folder_of_a_packages_name_is_not_the_package(tmp_path, monkeypatch):
    (tmp_path / "wandbish").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert sink_module.absent("wandbish", "json") == ["wandbish"]


def test_a_record_from_before_the_key_still_runs(tmp_path):
    from runner.config.compose import read_saved

    plain = dict(validate(compose()).plain)
    del plain["logger"]
    for there, logger in ((True, ["tensorboard"]), (False, [])):
        plain["log"] = {**plain["log"], "tensorboard": there}
        (tmp_path / "config.yaml").write_text(json.dumps(plain))
        assert validate(read_saved([f"config={tmp_path}/config.yaml"])).plain["logger"] == logger


# --- what is told -------------------------------------------------------------------------------------------------


def test_points_have_the_best_epoch_so_far():
    points = Points("acc", "max")
    rows = [{"split": "val", "epoch": n, "step": n, "loss": n, "acc": acc} for n, acc in enumerate((0.2, 0.5, 0.5))]
    assert [points(row).get("best/loss") for row in rows] == [0, 1, None]  # the first of equals
    lower = Points("mse", "min")
    assert lower({"split": "val", "step": 1, "mse": 3.0}) == {"val/mse": 3.0, "best/mse": 3.0}
    assert lower({"split": "val", "step": 2, "mse": 4.0}) == {"val/mse": 4.0}


def test_columns_are_words_and_numbers_that_compare():
    found = columns(
        validate(compose("optim=adam", "optim/lr_schedule=exp", "wrap=[lookahead]", "++wrap.lookahead.k=7"))
    )
    assert found["task"] == "digits" and found["optim"] == "adam" and found["optim.lr"] == 0.001
    assert found["optim.betas"] == "[0.9, 0.999]" and found["lr_schedule"] == "exp"
    assert found["wrap"] == "lookahead" and found["wrap.lookahead.k"] == 7 and found["clip_norm"] == "none"
    assert {"seed", "outputs", "device", "data.root"}.isdisjoint(found)
    assert all(isinstance(value, int | float | str) for value in found.values())


def test_settings_are_flat():
    assert flat({"optim": {"lr": 0.1, "betas": [0, 0.9]}, "seed": 0}) == {
        "optim.lr": 0.1,
        "optim.betas": "[0, 0.9]",
        "seed": 0,
    }


# --- TensorBoard --------------------------------------------------------------------------------------------------


def test_tensorboard_compares_runs_of_different_optimizers(tmp_path, monkeypatch):
    """As its HParams tab asks its server: columns of all optimizers, a group a setting, the mean over seeds."""
    monkeypatch.setattr(sys, "argv", ["main.py"])
    monkeypatch.chdir(tmp_path)
    assert main(["-m", *SMALL, "optim=sgd,adam", "seed=0,1"]) == 0
    assert main([*SMALL, "optim=sgd", "optim.lr=1e30"]) == 0
    experiment, groups = hparams_tab(tmp_path / "outputs")
    differing = [info["name"] for info in experiment["hparamInfos"] if info.get("differs")]
    assert differing == ["optim", "optim.lr"]
    names = [info["name"] for info in experiment["hparamInfos"]]
    assert "optim.betas" in names and "optim.weight_decay" in names and "seed" not in names
    metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
    assert metrics[:4] == ["best/acc", "best/loss", "test/acc", "test/loss"]
    assert sorted((name.split("/")[1], len(group["sessions"])) for name, group in groups.items()) == [
        *(("adam", 2), ("sgd", 2), ("sgd,lr=1e+30", 1))
    ]
    for name, group in groups.items():
        status = "STATUS_FAILURE" if "1e+30" in name else "STATUS_SUCCESS"
        assert {session["status"] for session in group["sessions"]} == {status}
        assert [session["name"] for session in group["sessions"]] == [
            f"{name}/seed={seed}" for seed in range(len(group["sessions"]))
        ]
    (name,) = [name for name in groups if "adam" in name]
    found = {value["name"]["tag"]: value["value"] for value in groups[name]["metricValues"]}
    for tag, key in (("best/acc", "best"), ("test/acc", "test"), ("test_last/acc", "test_last"), ("val/acc", "final")):
        values = [
            json.loads((tmp_path / "outputs" / name / f"seed={seed}/status.json").read_text())[key]["acc"]
            for seed in (0, 1)
        ]
        assert found[tag] == pytest.approx(sum(values) / 2)


def hparams_tab(logdir):
    """The plugin's answers: (experiment, groups by name)."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
        from tensorboard.context import RequestContext
        from tensorboard.plugins import base_plugin
        from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups
    from google.protobuf import json_format

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(logdir))
    backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    ask = RequestContext(), backend, ""
    experiment = get_experiment.Handler(*ask, api_pb2.GetExperimentRequest()).run()
    states = [api_pb2.Status.Value(f"STATUS_{word}") for word in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")]
    request = api_pb2.ListSessionGroupsRequest(allowed_statuses=states, slice_size=100)
    found = json_format.MessageToDict(list_session_groups.Handler(*ask, request).run())
    return json_format.MessageToDict(experiment), {group["name"]: group for group in found["sessionGroups"]}


# --- MLflow -------------------------------------------------------------------------------------------------------

LONG = ["limit_train=300", "limit_val=50", "limit_test=50", "batch_size=16", "threads=1", "log.every=3"]


def mlflow_runs(uri):
    """Every MLflow run: (experiment's name, run, points as (name, step) -> values, artifacts)."""
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(uri)
    found = []
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            points = {}
            for key in run.data.metrics:
                for metric in client.get_metric_history(run.info.run_id, key):
                    points.setdefault((key, metric.step), []).append(metric.value)
            files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
            found.append((experiment.name, run, points, files))
    return found


def expected_points(folder):
    points, found = Points("acc", "max"), {}
    for row in read_rows(folder / "metrics.jsonl"):
        for key, value in points(row).items():
            found[key, row["step"]] = [value]
    return found


@pytest.fixture(params=["database", "files"])
def store(request, tmp_path, monkeypatch):
    """The database that is the default, and a folder of files, which MLflow has to be asked for twice."""
    for key, value in mlflow_sink.DEFAULTS.items():
        monkeypatch.setenv(key, value)
    if request.param == "database":
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return f"sqlite:///{tmp_path}/outputs/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/files")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return f"file:{tmp_path}/files"


def child(environment, argv, place):
    os.environ |= environment
    harness.child(argv, str(place), f"{place}/console.txt")


def start(words, place):
    """The harness's children have the environment of its server's start."""
    names = ("MLFLOW_", "WANDB_")
    environment = {key: value for key, value in os.environ.items() if key.startswith(names)}
    process = harness.context.Process(target=child, args=(environment, words, place))
    process.start()
    return process


def run_apart(words, place):
    process = start(words, place)
    process.join(200)
    assert not process.is_alive(), (place / "console.txt").read_text()
    return process.exitcode


def stopped_behind(step, words, place, store, number):
    """Start, and send a signal once MLflow has a point of a later step; return the exit code."""
    process = start(words, place)
    deadline, console = time.monotonic() + 100, place / "console.txt"
    while last_step(store) <= step:
        time.sleep(0.2)
        assert process.is_alive() and time.monotonic() < deadline, console.read_text()
    os.kill(process.pid, number)
    process.join(60)
    return process.exitcode


def last_step(store):
    """Of the one run; -1 as long as there is none."""
    if not Path(store.partition(":")[2].replace("///", "/")).exists():
        return -1
    with contextlib.suppress(Exception):  # the database is just being made
        return max((step for _, _, points, _ in mlflow_runs(store) for _, step in points), default=-1)
    return -1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_each_point_once_whatever_happened(tmp_path, store):
    """Stopped by Ctrl-C, killed far from a checkpoint, ended: one MLflow run with the points of metrics.jsonl."""
    pytest.importorskip("mlflow")
    words = [*LONG, "epochs=600", "logger=[mlflow]", "checkpoint.every=600"]
    assert stopped_behind(0, words, tmp_path, store, signal.SIGINT) == 130
    ((_, run, points, _),) = mlflow_runs(store)
    assert run.info.status == "KILLED" and points == expected_points(harness.folder(tmp_path))
    assert stopped_behind(last_step(store), words, tmp_path, store, signal.SIGKILL) == -signal.SIGKILL
    ((_, run, _, _),) = mlflow_runs(store)
    assert run.info.status == "RUNNING"
    assert run_apart(words, tmp_path) == 0, (tmp_path / "console.txt").read_text()
    ((experiment, run, points, files),) = mlflow_runs(store)
    folder = harness.folder(tmp_path)
    assert points == expected_points(folder)
    assert (experiment, run.info.run_name, run.info.status) == ("digits", "aggmo seed=0", "FINISHED")
    assert run.data.params["optim.lr"] == "0.1" and run.data.tags["ending"] == "done"
    assert run.data.tags["folder"] == str(folder) and run.data.tags["setting"] == "aggmo"
    git = json.loads((folder / "environment.json").read_text())["git"]
    assert run.data.tags.get("mlflow.source.git.commit") == (git and git["commit"])
    assert files == ["config.yaml", "curves.png"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_takes_runs_side_by_side_and_tells_how_they_ended(tmp_path, store):
    pytest.importorskip("mlflow")
    words = [*LONG, "epochs=2", "logger=[mlflow]", "optim.lr=0.1,1e30", "seed=0,1"]
    assert run_apart(["-m", *words, "hydra/launcher=local", "hydra.launcher.n_jobs=4"], tmp_path) == 0
    found = {run.info.run_name: (run, points) for _, run, points, _ in mlflow_runs(store)}
    assert sorted(found) == [f"{setting} seed={seed}" for setting in ("aggmo", "aggmo,lr=1e+30") for seed in (0, 1)]
    for name, (run, points) in found.items():
        assert run.info.status == "FINISHED"
        assert run.data.tags["ending"] == ("diverged" if "lr" in name else "done")
        assert points == expected_points(Path(run.data.tags["folder"]))
    beside = {path.name for path in tmp_path.iterdir()} - {"outputs", "files", "console.txt"}
    assert not beside


@pytest.mark.slow
def test_a_server_that_is_not_there_costs_a_line_and_little_time(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    begun = time.monotonic()
    assert run_apart([*LONG, "epochs=3", "logger=[mlflow]"], tmp_path) == 0
    assert time.monotonic() - begun < 60
    assert (tmp_path / "console.txt").read_text().count("logger=mlflow is off") == 1


# --- Weights & Biases ---------------------------------------------------------------------------------------------


@pytest.fixture
def wandb(monkeypatch):
    """A module in its place that notes what it is told."""

    class Run:
        starting_step = 0

        def __init__(self, **told):
            self.told, self.logged, self.summary, self.code, self.defined = told, [], {}, None, []

        def define_metric(self, *names, **options):
            self.defined.append((names, options))

        def log(self, points, step):
            self.logged.append((step, points))

        def finish(self, exit_code):
            self.code = exit_code

    module = types.ModuleType("wandb")
    module.__spec__ = importlib.machinery.ModuleSpec("wandb", None, origin="here")
    module.runs = []
    module.Settings = lambda **options: options
    module.init = lambda **told: module.runs.append(Run(**told)) or module.runs[-1]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(sys, "argv", ["main.py"])
    monkeypatch.setenv("WANDB_SILENT", "true")
    return module


def test_wandb_is_told_each_row_once_also_by_a_resumed_run(wandb, tmp_path, monkeypatch):
    from runner.train.trainer import Trainer

    monkeypatch.chdir(tmp_path)
    words = [*SMALL, "logger=[wandb]"]

    def stop(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "test", stop)
        assert main(words) == 130
    assert main(words) == 0
    assert main([*words, "optim.lr=1e30"]) == 0
    first, second, diverged = wandb.runs
    rows = read_rows(next(tmp_path.glob("outputs/digits/aggmo/*/seed=0/metrics.jsonl")))
    logged = first.logged + second.logged
    assert [step for step, _ in logged] == list(range(len(rows)))
    assert [points["step"] for _, points in logged] == [row["step"] for row in rows]
    assert logged[-1][1]["test/acc"] == rows[-1]["acc"]
    assert first.told["id"] == second.told["id"] != diverged.told["id"]
    assert (first.code, second.code, diverged.code) == (130, 0, 0)
    assert [run.summary["ending"] for run in wandb.runs] == ["interrupted", "done", "diverged"]
    told = first.told
    assert (told["project"], told["name"], told["resume"]) == ("optrun", "aggmo seed=0", "allow")
    assert told["config"]["optim"]["lr"] == 0.1 and told["dir"].endswith("seed=0")
    assert told["group"] != diverged.told["group"]
    assert first.defined == [(("*",), {"step_metric": "step"})]


@pytest.mark.slow
def test_wandb_itself_writes_runs_offline(tmp_path, monkeypatch):
    """Three runs open at a time, by the real package."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    words = ["-m", *LONG, "epochs=2", "logger=[wandb]", "seed=0,1,2", "hydra/launcher=stacked"]
    assert run_apart([*words, "hydra.launcher.form=vmap"], tmp_path) == 0
    for seed in (0, 1, 2):
        (folder,) = tmp_path.glob(f"outputs/digits/*/*/seed={seed}")
        assert "is off" not in (folder / "log.txt").read_text()
        (file,) = folder.glob("wandb/offline-run-*/*.wandb")
        content = file.read_bytes()
        for word in ("test/acc", "best/acc", "ending", f"aggmo seed={seed}"):
            assert word.encode() in content
        kept = json.loads((folder / "sinks.json").read_text())["wandb"]
        assert kept["rows"] == len(read_rows(folder / "metrics.jsonl")) and kept["id"] in file.name
