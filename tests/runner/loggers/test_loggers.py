"""Rows on their way to loggers: buffered, resumed, closed; none of it can harm a run."""

import json
import signal
import sys

import pytest
from runs import configure, read_rows, read_status

from results.run_folder import RunFolder
from runner.callbacks import Callbacks
from runner.config.registry import entries
from runner.loggers.buffered import BufferedLogger, LoggerCollection
from runner.loggers.logger import Logger, missing_modules
from runner.loggers.run_info import comparison_columns
from runner.train.metrics_writer import MetricsWriter, NullMetricsWriter

SMALL = ["epochs=2", "limit_train=64", "limit_val=50", "limit_test=50"]


class Recorder(Logger):
    """Records its calls; fails in the one named by `broken`. It gets its name where a test registers it."""

    modules, install, flush_every_s = (), "nothing", 0.0
    broken = ""

    def __init__(self, info, state):
        super().__init__(info, state)
        self.name, self.calls = "recorder", []

    def record(self, call, *arguments):
        self.calls.append((call, *arguments))
        if self.broken == call:
            raise ConnectionError("the server is gone\nand more")

    def open(self):
        self.record("open")
        self.state["id"] = 7

    def write(self, rows):
        self.record("write", *[row["step"] for row in rows])

    def close(self, status):
        self.record("close", status)


@pytest.fixture
def make_writer(tmp_path):
    """make_writer(lengths=None, **attributes) -> (a writer with one recorder, the recorder, printed lines)."""

    def make(lengths=None, **attributes):
        lines, recorder, loggers = [], Recorder(None, {}), LoggerCollection(RunFolder(tmp_path))
        vars(recorder).update(attributes)
        loggers.loggers = [BufferedLogger(recorder, lines.append, loggers.save_state)]
        return MetricsWriter(tmp_path, lengths, loggers), recorder, lines

    return make


def close(writer, status="done"):
    writer.close()
    writer.loggers.close(status)


# --- buffering ----------------------------------------------------------------------------------------------------


def test_rows_wait_for_the_flush(make_writer, tmp_path):
    writer, recorder, _ = make_writer()
    writer.add({"epoch": 1, "step": 1})
    writer.add({"epoch": 1, "step": 2})
    assert recorder.calls == [] and not (tmp_path / "loggers.json").exists()
    writer.flush()
    writer.flush()
    assert recorder.calls == [("open",), ("write", 1, 2)]
    assert json.loads((tmp_path / "loggers.json").read_text()) == {"recorder": {"id": 7}}
    writer.add({"epoch": 1, "step": 3})
    close(writer)
    writer.loggers.close("failed")  # no effect: it is closed
    assert recorder.calls[2:] == [("write", 3), ("close", "done")]


def test_slow_logger_is_written_to_now_and_then_and_at_the_end(make_writer):
    writer, recorder, _ = make_writer(flush_every_s=1000.0)
    for step in (1, 2, 3):
        writer.add({"epoch": 1, "step": step})
        writer.flush()
    close(writer)
    assert recorder.calls == [("open",), ("write", 1), ("write", 2, 3), ("close", "done")]


@pytest.mark.parametrize("broken", ["open", "write", "close"])
def test_logger_that_fails_is_disabled_with_one_line_and_no_row_is_lost(make_writer, tmp_path, broken):
    writer, recorder, lines = make_writer(broken=broken)
    for step in (1, 2):
        writer.add({"epoch": 1, "step": step})
        writer.flush()
    close(writer)
    assert [call for call, *_ in recorder.calls].count(broken) == 1 and recorder.calls[-1][0] == broken
    assert len(lines) == 1 and lines[0].count("\n") == 0
    assert "logger=recorder" in lines[0] and "ConnectionError: the server is gone" in lines[0]
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2]


def test_status_without_rows_is_logged_and_an_interruption_is_not(make_writer):
    for status, calls in (("diverged", [("open",), ("close", "diverged")]), ("interrupted", [])):
        writer, recorder, _ = make_writer()
        close(writer, status)
        assert recorder.calls == calls


def test_resumed_run_passes_the_rows_up_to_the_checkpoint_again(make_writer):
    writer, *_ = make_writer()
    writer.add({"epoch": 1, "step": 1})
    lengths = writer.lengths()
    writer.add({"epoch": 1, "step": 2})
    writer.close()
    writer, recorder, _ = make_writer(lengths)
    writer.add({"epoch": 1, "step": 3})
    close(writer)
    assert recorder.calls == [("open",), ("write", 1, 3), ("close", "done")]


def test_processes_other_than_the_main_one_have_no_loggers():
    assert NullMetricsWriter().loggers.loggers == []


# --- in runs ------------------------------------------------------------------------------------------------------


@pytest.fixture
def recorders(monkeypatch):
    """The recorders of all runs with logger=[recorder], in the order in which they are made."""
    made, registered = [], entries("logger")

    class Listed(Recorder):
        name = "recorder"

        def __init__(self, info, state):
            super().__init__(info, state)
            made.append(self)

    monkeypatch.setitem(registered, "recorder", Listed)
    return made


def closings(recorders):
    return [(recorder.info.name, *recorder.calls[-1]) for recorder in recorders]


def raising(error):
    def fail(folder):
        raise error

    return Callbacks(on_run_end=fail)


def test_each_status_is_logged_with_the_runs_exit_code_unchanged(recorders, run):
    words = [*SMALL, "logger=[recorder]"]
    assert run(*words).code == 0
    assert run(*words, "optim.lr=1e17").code == 0
    assert run(*words, callbacks=raising(RuntimeError("broke"))).code == 1
    assert run(*words, callbacks=raising(KeyboardInterrupt())).code == 128 + signal.SIGINT
    assert [status for *_, status in closings(recorders)] == ["done", "diverged", "failed", "interrupted"]


def test_run_is_finished_only_once_its_loggers_have_everything(recorders, run, monkeypatch):
    """A run that is killed before is resumed, and they get the rest."""
    seen = []
    monkeypatch.setattr(Recorder, "close", lambda self, status: seen.append(read_status(self.info.folder)["status"]))
    assert read_status(run(*SMALL, "logger=[recorder]").folder)["status"] == "done"
    assert seen == ["running"]


def test_run_survives_a_logger_that_fails(recorders, run, monkeypatch):
    monkeypatch.setattr(Recorder, "broken", "write")
    result = run(*SMALL, "logger=[recorder]")
    assert result.code == 0 and result.out.count("logger=recorder") == 1
    assert "logger=recorder" in (result.folder / "log.txt").read_text()
    assert len(read_rows(result.folder)) == 6


@pytest.mark.parametrize("words", [[], ["hydra/launcher=stacked", "hydra.launcher.form=vmap"]])
def test_each_run_of_a_sweep_has_its_own_logger(recorders, run, words):
    assert run("-m", *SMALL, *words, "optim.lr=0.1,1e17", "seed=0,1", "logger=[recorder]").code == 0
    assert sorted(closings(recorders)) == [
        ("aggmo,lr=0.1 seed=0", "close", "done"),
        ("aggmo,lr=0.1 seed=1", "close", "done"),
        ("aggmo,lr=1e+17 seed=0", "close", "diverged"),
        ("aggmo,lr=1e+17 seed=1", "close", "diverged"),
    ]
    assert all(recorder.calls[0] == ("open",) for recorder in recorders)


# --- the key ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "facts"),
    [
        ("logger=[mlfow]", ["mlfow", "mlflow?", "mlflow, tensorboard, wandb", "logger=[]"]),
        ("logger=[wandb,wandb]", ["wandb twice"]),
        ("logger=tensorboard", ["'logger=[tensorboard]'"]),
        ("logger=null", ["'logger=[]'"]),
    ],
)
def test_unknown_loggers_are_refused_in_one_message(word, facts, run, tmp_path):
    result = run(word, outputs=tmp_path / "outputs")
    assert result.code == 2 and result.err.count("\n") == 1 and all(fact in result.err for fact in facts), result.err
    assert not (tmp_path / "outputs").exists()


def test_missing_packages_are_refused_with_what_to_install(run, monkeypatch, tmp_path):
    for name in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    result = run("logger=[mlflow]", outputs=tmp_path / "outputs")
    assert result.code == 2 and "logger=mlflow needs mlflow: pip install 'mlflow>=3.17,<4'" in result.err
    result = run("-m", "logger=[wandb]", "seed=0,1", outputs=tmp_path / "outputs")
    assert result.code == 2 and result.out.count("logger=wandb needs wandb: pip install 'wandb>=0.31,<1'") == 1
    assert not (tmp_path / "outputs").exists()


def test_a_folder_of_a_packages_name_is_not_the_package(tmp_path, monkeypatch):
    (tmp_path / "wandbish").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert missing_modules("wandbish", "json") == ["wandbish"]


def test_columns_are_settings_as_text_and_numbers():
    config = configure("optim=adam", "optim/lr_schedule=exp", "wrap=[lookahead]", "wrap.lookahead.k=7")
    found = comparison_columns(config.plain)
    assert found["task"] == "digits" and found["optim"] == "adam" and found["optim.lr"] == 0.001
    assert found["optim.betas"] == "[0.9, 0.999]" and found["lr_schedule"] == "exp"
    assert found["wrap"] == "lookahead" and found["wrap.lookahead.k"] == 7 and found["clip_norm"] == "none"
    assert {"seed", "outputs", "device", "data.root"}.isdisjoint(found)
    assert all(isinstance(value, int | float | str) for value in found.values())
