"""Launchers of Hydra's: every run is reported, whatever becomes of its job. Launchers here are stand-ins."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest
from runs import configure

from runner.callbacks import NO_CALLBACKS
from runner.cli.errors import describe_error
from runner.config.errors import ConfigError
from runner.sweep.hydra_launchers import WORKER_KILLED, errors_returned, run_with_hydra_launcher, threads_per_run
from runner.sweep.job_watcher import JobFiles
from runner.sweep.plan import TODO, Job
from runner.sweep.slots import available_cores
from runner.sweep.worker import Worker, current_site


@pytest.mark.parametrize(
    "launcher, package",
    [
        ("joblib", "hydra-joblib-launcher"),
        ("submitit_local", "hydra-submitit-launcher"),
        ("submitit_slurm", "hydra-submitit-launcher"),
        ("ray", "hydra-ray-launcher"),
    ],
)
def test_a_launcher_that_is_not_installed_names_its_package(launcher, package):
    message = describe_error(Exception(f"Could not find 'hydra/launcher/{launcher}'\n\nAvailable options:"))
    assert f"hydra/launcher={launcher}" in message and package in message


class StandIn:
    """Launches like a plugin: `act(worker, number)` is called for each job, and its result returned."""

    def __init__(self, act):
        self.act, self.rounds = act, []

    def launch(self, job_overrides, initial_job_idx):
        self.rounds.append(job_overrides)
        return [self.act(self.task_function, number) for number in self.task_function.numbers]


def finish(worker, number, code=0, error=""):
    JobFiles(Path(worker.folder)).write_result(number, code, error)


def run_all(act, folder, ended=None):
    """Run three jobs; return the exit code, {number: (exit code, error)}, and the overrides of each launch."""
    ended, launcher = {} if ended is None else ended, StandIn(act)
    jobs = [Job(10 + i, (f"seed={i}",), TODO, configure(f"seed={i}")) for i in range(3)]

    def on_end(job, code, error=""):
        ended[job.number] = code, error

    code = run_with_hydra_launcher(launcher, jobs, on_end, folder, NO_CALLBACKS)
    assert not list(folder.iterdir())
    return code, ended, launcher.rounds


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_runs_are_reported_by_the_workers_files(tmp_path):
    code, ended, rounds = run_all(lambda worker, number: finish(worker, number, number - 10, f"e{number}"), tmp_path)
    assert code == 0 and ended == {10: (0, "e10"), 11: (1, "e11"), 12: (2, "e12")}
    assert rounds == [[["seed=0"], ["seed=1"], ["seed=2"]]]


def test_a_run_is_reported_while_others_go_on(tmp_path):
    ended = {}

    def act(worker, number):
        finish(worker, number)
        assert until(lambda: number in ended)

    assert list(run_all(act, tmp_path, ended)[1]) == [10, 11, 12]


def test_what_a_broken_pool_lost_is_started_once_more(tmp_path):
    def act(worker, number):
        if number == 11:
            raise BrokenProcessPool("killed")
        finish(worker, number)

    code, ended, rounds = run_all(act, tmp_path)
    assert code == 0 and ended == {10: (0, ""), 11: (1, WORKER_KILLED), 12: (1, WORKER_KILLED)}
    assert rounds[1:] == [[["seed=1"], ["seed=2"]]]


def test_a_job_that_died_or_raised_fails_alone(tmp_path):
    results = {10: RuntimeError("no output\nat all"), 11: SimpleNamespace(_return_value=KeyError("x"))}
    code, ended, _ = run_all(lambda worker, number: results.get(number) or finish(worker, number), tmp_path)
    assert code == 0 and ended == {10: (1, "no output"), 11: (1, "'x'"), 12: (0, "")}


def test_a_launcher_that_does_not_work_is_one_message(tmp_path):
    def act(worker, number):
        raise RuntimeError("no Slurm here")

    with pytest.raises(ConfigError, match="StandIn: no Slurm here"):
        run_all(act, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_stop_request_reaches_the_workers(tmp_path):
    def act(worker, number):
        if number == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        assert until(worker.should_stop)

    assert run_all(act, tmp_path)[:2] == (128 + signal.SIGTERM, {})


def test_a_worker_stops_after_a_killed_sweep_on_its_machine_only(tmp_path):
    """Another process, the sweep, uses the job files and is killed."""
    folder = tmp_path / "jobs"
    code = "import sys, time; from pathlib import Path; from runner.sweep.job_watcher import JobFiles\n"
    code += "files = JobFiles(Path(sys.argv[1])).__enter__(); print('in use', flush=True); time.sleep(60)"
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-c", code, str(folder)]
    worker = Worker(".", str(folder), (), 1, current_site(), {}, NO_CALLBACKS)
    elsewhere = Worker(".", str(folder), (), 1, "another machine", {}, NO_CALLBACKS)
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as sweep:
        assert sweep.stdout.readline() == "in use\n"
        assert not worker.should_stop() and not elsewhere.should_stop()
        sweep.kill()
        sweep.wait()
    assert worker.should_stop() and not elsewhere.should_stop()


def test_submitit_jobs_whose_worker_died_are_returned(tmp_path):
    """A job of submitit's that has ended without a result."""
    submitit = pytest.importorskip("submitit")

    class Job(submitit.LocalJob):
        _results_timeout_s = 0  # to wait for a slow file system

    job = Job(folder=tmp_path, job_id="1")
    with errors_returned():
        (error,) = job.results()
    with pytest.raises(type(error)):
        job.results()


@pytest.mark.parametrize(
    "name, settings, jobs, expected",
    [
        ("JoblibLauncher", {"joblib": {"n_jobs": 1}}, 4, available_cores()),
        ("JoblibLauncher", {"joblib": {"n_jobs": 2}}, 8 * available_cores(), max(1, available_cores() // 2)),
        ("LocalLauncher", {"params": {"cpus_per_task": None}}, 1, available_cores()),
        ("LocalLauncher", {"params": {"cpus_per_task": 3}}, 9, 3),
        ("SlurmLauncher", {"params": {"cpus_per_task": None}}, 9, None),
        ("RayLauncher", {"ray_cfg": SimpleNamespace(remote={"num_cpus": 4})}, 9, 4),
        ("RayLauncher", {"ray_cfg": SimpleNamespace(remote={})}, 9, 1),
    ],
)
def test_cores_are_divided_over_the_runs(name, settings, jobs, expected):
    if name == "JoblibLauncher":
        pytest.importorskip("joblib")
    assert threads_per_run(type(name, (), settings)(), jobs) == expected
