"""One run of a sweep in a process of its own, on Linux, macOS and Windows.

A pipe connects the process that starts a run with the run. Through it the run is asked to stop, on every system in
the same way, and sends the error that kept it from starting. It closes with the process that started the run, however
that ends, and the run then saves and stops as well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from optim.external.config import ExternalConfig
from results.earlier_code import changed_files
from results.values import first_line
from runner.callbacks import Callbacks
from runner.config.schema import Config
from runner.sweep.run_job import run_job
from runner.sweep.slots import Slot
from runner.train.signals import StopRequest, blocked_signals, ignore_signals, request_stop

#: On Linux runs are forked from a server that has imported torch once, and start in some 30 ms. Windows has no fork;
#: on macOS system libraries do not survive one, so Python's own default is spawn there too. A spawned run imports
#: torch itself, which takes a second or two.
START_METHOD = "spawn" if sys.platform in ("win32", "darwin") else "forkserver"
#: modules that a run imports, loaded once by the fork server
PRELOAD = ("torch", "omegaconf", "optim.optimizer", "runner.train.build", "runner.train.trainer")
#: what external optimizers and compiled networks or steps import beside them: two seconds
COMPILER = "torch._dynamo"
POLL_S = 0.2  # seconds between two checks for a request to stop


class RunProcess:
    """A run in a process of its own, started at once."""

    def __init__(self, config: Config, slot: Slot, callbacks: Callbacks, code: dict[str, str] | None = None) -> None:
        """code: Config.code where the sweep was planned, if that is not this process."""
        context: Any = multiprocessing.get_context(START_METHOD)
        if START_METHOD == "forkserver":
            compiler = [COMPILER] if imports_compiler(config) else []
            context.set_forkserver_preload([*PRELOAD, *callbacks.preload, *compiler])
            resource_tracker.ensure_running()  # it unblocks signals
        self.connection, child_connection = context.Pipe()
        self.process = context.Process(
            target=run_in_process,
            args=(pickle.dumps(config), config.code if code is None else code, slot, child_connection, callbacks),
        )
        with blocked_signals():  # in the run until it handles them, and in the fork server for its life
            self.process.start()
        child_connection.close()

    @property
    def sentinel(self) -> int:
        """For multiprocessing.connection.wait: ready once the process has ended."""
        return self.process.sentinel

    def is_alive(self) -> bool:
        return self.process.is_alive()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask the run to save and stop. number: the signal that the sweep received."""
        with contextlib.suppress(OSError):  # it has just ended
            self.connection.send(number)

    def result(self) -> tuple[int, str]:
        """Wait for the end; return the exit code, negative for the signal that killed the run, and why it could not
        start ("" if it could)."""
        self.process.join()
        try:
            error = self.connection.recv() if self.connection.poll() else ""
        except (EOFError, OSError):
            error = ""
        code = self.process.exitcode or 0
        self.process.close()
        self.connection.close()
        return code, error


def imports_compiler(config: Config) -> bool:
    """Whether a run with these settings imports torch's compiler, so far as they tell."""
    settings = config.settings
    return settings.compile or settings.backend == "compile" or isinstance(config.optim, ExternalConfig)


def run_in_process(
    pickled_config: bytes, planned_code: dict[str, str], slot: Slot, connection: Connection, callbacks: Callbacks
) -> None:
    """Body of the process: run, send the error, exit with the run's code.

    pickled_config: read here, as a file of plugins/ may have become one that can't be imported. planned_code:
    Config.code in the sweep's process; this one reads the files anew.
    """
    if hasattr(os, "setsid"):  # a terminal's Ctrl-C then reaches the sweep only, which asks each run to stop once
        os.setsid()
    ignore_signals()
    with StopRequest(forwarded=True):  # a signal to all processes arrives twice, here and through the pipe
        threading.Thread(target=stop_on_request, args=(connection,), daemon=True).start()
        if slot.gpu is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = slot.gpu
        try:
            config: Config = pickle.loads(pickled_config)
            edited = ", ".join(changed_files(planned_code, config.code))
        except Exception as error:  # of any kind: the user's code
            edited = f"a file ({first_line(error)})"
        if edited:
            connection.send(f"{edited} was edited after the sweep had started; repeat the command")
            raise SystemExit(2)
        settings = dataclasses.replace(config.settings, threads=config.settings.threads or slot.threads)
        code, error = run_job(dataclasses.replace(config, settings=settings), callbacks)
        if error:
            connection.send(error)
    raise SystemExit(code)


def stop_on_request(connection: Connection) -> None:
    """Stop this process as a signal does, once it is asked to or the process that started it has ended."""
    try:
        number = connection.recv()
    except (EOFError, OSError):
        number = signal.SIGTERM
    request_stop(number)
