"""Launchers of Hydra's: every run is reported by name, whatever happens to workers, runs and the sweep itself."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT

from runner.cli.errors import describe_error
from runner.config.compose import compose
from runner.config.errors import ConfigError
from runner.config.validate import validate
from runner.sweep import engines
from runner.sweep.hydra_launchers import LOST, run_by, threads
from runner.sweep.plan import TODO, Job
from runner.sweep.worker import Worker, cores, site

ENGINES = {"joblib": "hydra_joblib_launcher", "submitit_local": "hydra_submitit_launcher", "ray": "hydra_ray_launcher"}


@pytest.mark.parametrize("choice, package", {**ENGINES, "submitit_slurm": ENGINES["submitit_local"]}.items())
def test_a_launcher_that_is_not_installed_names_its_package(choice, package):
    message = describe_error(
        Exception(f"Could not find 'hydra/launcher/{choice}'\n\nAvailable options in 'hydra/launcher'")
    )
    assert f"hydra/launcher={choice} needs" in message and package.replace("_", "-") in message


def test_an_unknown_launcher_is_answered_with_the_known():
    assert "did you mean joblib?" in describe_error(Exception("Could not find 'hydra/launcher/jobib'"))


class Engine:
    """Launches like a plug-in; `act(self, i, number)` says what becomes of each job."""

    def __init__(self, act):
        self.act, self.rounds = act, []

    def launch(self, job_overrides, initial_job_idx):
        self.rounds.append(job_overrides)
        return [self.act(self, i, self.task_function.numbers[i]) for i in range(len(job_overrides))]


def note(engine, number, outcome='[0, ""]'):
    Path(engine.task_function.notes, f"{number}.json").write_text(outcome)


def jobs(count=3):
    return [Job(10 + i, (f"seed={i}",), TODO, config=SimpleNamespace()) for i in range(count)]


def outcomes(engine, folder):
    ended = {}
    code = run_by(engine, jobs(), lambda job, code, error="": ended.update({job.number: (code, error)}), folder)
    assert not list(folder.glob("notes*"))
    return code, ended


def test_runs_are_reported_from_the_workers_notes(tmp_path):
    engine = Engine(lambda engine, i, number: note(engine, number, f'[{i}, "e{i}"]'))
    assert outcomes(engine, tmp_path) == (0, {10: (0, "e0"), 11: (1, "e1"), 12: (2, "e2")})
    assert engine.rounds == [[["seed=0"], ["seed=1"], ["seed=2"]]]


def test_a_run_is_reported_while_others_go_on(tmp_path):
    seen = []

    def act(engine, i, number):
        note(engine, number)
        until(lambda: len(seen) == i + 1)

    run_by(Engine(act), jobs(), lambda job, *_: seen.append(job.number), tmp_path)
    assert seen == [10, 11, 12]


def test_a_broken_pool_starts_what_it_lost_once_more(tmp_path):
    def act(engine, i, number):
        if number == 11:
            raise BrokenProcessPool("killed")
        note(engine, number)

    engine = Engine(act)
    assert outcomes(engine, tmp_path) == (0, {10: (0, ""), 11: (1, LOST), 12: (1, LOST)})
    assert engine.rounds[1] == [["seed=1"], ["seed=2"]]


def test_a_job_that_died_or_raised_fails_alone(tmp_path):
    died, raised = RuntimeError("no output\nat all"), SimpleNamespace(_return_value=KeyError("x"))
    results = {10: died, 11: raised}
    engine = Engine(lambda engine, i, number: results.get(number) or note(engine, number))
    assert outcomes(engine, tmp_path) == (0, {10: (1, "no output"), 11: (1, "'x'"), 12: (0, "")})


def test_an_engine_that_does_not_work_is_one_message(tmp_path):
    def act(engine, i, number):
        raise RuntimeError("no Slurm here")

    with pytest.raises(ConfigError, match="Engine: no Slurm here"):
        outcomes(Engine(act), tmp_path)
    assert not list(tmp_path.glob("notes*"))


def test_a_stop_request_reaches_the_workers(tmp_path):
    def act(engine, i, number):
        if i == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        assert until(engine.task_function.stopped)

    code, ended = outcomes(Engine(act), tmp_path)
    assert (code, ended) == (128 + signal.SIGTERM, {})


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_a_worker_stops_with_a_sweep_on_its_machine_only(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    here = {"directory": ".", "notes": str(tmp_path), "numbers": (), "threads": 1}
    assert Worker(**here, sweep=gone.pid, site=site()).stopped()
    assert not Worker(**here, sweep=gone.pid, site="elsewhere").stopped()
    assert not Worker(**here, sweep=os.getpid(), site=site()).stopped()


def test_submitit_jobs_that_die_are_returned_and_not_raised():
    submitit = pytest.importorskip("submitit")
    error = submitit.core.utils.UncompletedJobError("gone")

    class Lost(submitit.Job):
        _cancel_at_deletion = False

        def __init__(self):
            pass

        def wait(self):
            raise error

    with engines.every_job_awaited():
        assert Lost().results() == [error]
    with pytest.raises(type(error)):
        Lost().results()


@pytest.mark.parametrize(
    "name, settings, jobs, expected",
    [
        ("JoblibLauncher", {"joblib": {"n_jobs": 1}}, 4, lambda: cores()),
        ("JoblibLauncher", {"joblib": {"n_jobs": cores()}}, 4 * cores(), lambda: 1),
        ("LocalLauncher", {"params": {"cpus_per_task": None}}, 1, lambda: cores()),
        ("LocalLauncher", {"params": {"cpus_per_task": 3}}, 9, lambda: 3),
        ("SlurmLauncher", {"params": {"cpus_per_task": None}}, 9, lambda: None),
        ("RayLauncher", {"ray_cfg": SimpleNamespace(remote={"num_cpus": 4})}, 9, lambda: 4),
        ("RayLauncher", {"ray_cfg": SimpleNamespace(remote={})}, 9, lambda: 1),
    ],
)
def test_cores_are_divided_over_the_runs(name, settings, jobs, expected):
    assert threads(type(name, (), settings)(), jobs) == expected()


# The rest starts the program itself, with each engine that is installed.


class Sweep:
    """`python main.py -m hydra/launcher=...` in a folder of its own, and a look at its processes."""

    def __init__(self, cwd, engine, *words):
        words = [f"hydra/launcher={engine}", "task=digits", "logger=[]", *words]
        words += ["hydra.launcher.n_jobs=2"] if engine == "joblib" else []
        self.cwd, self.command = cwd, [sys.executable, str(ROOT / "main.py"), "-m", *words]

    def start(self):
        with open(self.cwd / "console.txt", "w") as out:
            self.process = subprocess.Popen(self.command, cwd=self.cwd, stdout=out, stderr=out, start_new_session=True)
        return self

    def end(self):
        code = self.process.wait(300)
        return code, (self.cwd / "console.txt").read_text()

    def descendants(self):
        listed = subprocess.run(["ps", "-e", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        found = {self.process.pid: ""}
        for _ in range(6):  # generations
            found |= {int(pid): args for pid, parent, args in rows if int(parent) in found}
        return found

    def running(self):
        """The folders of runs that train."""
        files = self.cwd.glob("outputs/digits/*/*/*/status.json")
        return {file.parent.parts[-3]: file.parent for file in files if '"running"' in file.read_text()}

    def process_in(self, folder):
        """The process that holds a run's folder."""
        for pid in self.descendants():
            for handle in Path(f"/proc/{pid}/fd").glob("*"):
                try:
                    if os.readlink(handle) == str(folder):
                        return pid
                except OSError:
                    continue
        raise AssertionError(f"nothing runs in {folder}")


@pytest.fixture(params=ENGINES)
def engine(request):
    if importlib.util.find_spec("hydra_plugins." + ENGINES[request.param]) is None:
        pytest.skip(f"{ENGINES[request.param]} is not installed")
    return request.param


def folder_of(cwd, *words):
    from results.run_folder import folder_of

    return cwd / folder_of(validate(compose("logger=[]", *words)))


@pytest.mark.slow
def test_a_killed_run_and_one_that_raises_fail_by_name(tmp_path, engine):
    sweep = Sweep(tmp_path, engine, "optim=sgd,adam,aggmo", "epochs=400")
    obstacle = folder_of(tmp_path, "optim=sgd", "epochs=400") / "timings.jsonl"
    obstacle.mkdir(parents=True)
    sweep.start()
    assert until(lambda: "adam" in sweep.running())
    os.kill(sweep.process_in(sweep.running()["adam"]), signal.SIGKILL)
    code, text = sweep.end()
    assert code == 1, text
    assert "digits adam lr=0.001 seed=0: failed: killed by signal 9" in text
    assert "digits sgd lr=0.01 seed=0: failed; see outputs/digits/sgd" in text
    assert "digits aggmo lr=0.1 seed=0: test acc" in text
    assert "3 runs: 3 to do" in text and "samples of digits" not in text  # quiet workers

    obstacle.rmdir()
    code, text = sweep.start().end()
    assert code == 0, text
    assert "3 runs: 1 done, " in text
    assert not list(tmp_path.rglob("notes.*"))


@pytest.mark.slow
def test_killed_workers_lose_no_run(tmp_path, engine):
    sweep = Sweep(tmp_path, engine, "optim=sgd,adam,aggmo", "epochs=300").start()
    assert until(lambda: len(sweep.running()) == 2)
    marks = ("popen_loky", "submitit.core._submit", "ray::_run_job")

    def workers():  # a process that has just begun has no command line yet
        return [pid for pid, args in sweep.descendants().items() if any(map(args.__contains__, marks))]

    try:
        assert until(workers), sweep.descendants()
    except BaseException:
        sweep.process.kill()
        sweep.process.communicate()
        raise
    os.kill(workers()[0], 9)
    code, text = sweep.end()
    if engine == "submitit_local":  # which says which job died, and does not try again
        assert code == 1 and text.count(": failed: ") + text.count(": interrupted") == 1, text
        assert text.count(": test acc") == 2
        code, text = sweep.start().end()
    assert code == 0, text
    assert text.count(" done  ") == 3


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_stopped_sweep_leaves_nothing_running_and_goes_on(tmp_path, engine, number, code):
    sweep = Sweep(tmp_path, engine, "optim=sgd,adam,aggmo", "epochs=300").start()
    assert until(lambda: len(sweep.running()) == 2)
    processes = sweep.descendants()
    if number == signal.SIGINT:
        os.killpg(sweep.process.pid, number)  # as a terminal does
    else:
        sweep.process.send_signal(number)
    assert sweep.end()[0] == code
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 30)
    code, text = sweep.start().end()
    assert code == 0, text
    assert "to resume" in text and text.count(" done  ") == 3
