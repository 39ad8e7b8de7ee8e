"""Communication of a sweep's process with the workers of a Hydra launcher, by files in a folder that all see."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from results.files import write_atomic
from results.lock import FolderInUse, FolderLock
from runner.sweep.plan import Job
from runner.sweep.run_job import OnEnd
from runner.sweep.run_process import POLL_S
from runner.train.signals import StopRequest


class JobFiles:
    """The files: `stop` asks the workers to stop; `<number>.json` is the exit code and the error of a job.

    In use, it is of the sweep's process, which holds the folder's lock; at the end the folder is removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = FolderLock(folder)

    def __enter__(self) -> JobFiles:
        self.folder.mkdir(parents=True)
        self.lock.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self.lock.release()
        if kind is not KeyboardInterrupt:  # after a second Ctrl-C, jobs that a cluster starts later must find `stop`
            shutil.rmtree(self.folder)

    def in_use(self) -> bool:
        """Whether the sweep's process is alive: the system releases its lock, however it ends."""
        orphaned = self.folder / "orphaned"  # for other workers, which could find the lock held by this test
        if not self.folder.exists() or orphaned.exists():
            return False
        try:
            self.lock.acquire()
        except FolderInUse:
            return True
        orphaned.touch()
        self.lock.release()
        return False

    def request_stop(self) -> None:
        (self.folder / "stop").touch()

    def stop_requested(self) -> bool:
        return (self.folder / "stop").exists()

    def write_result(self, number: int, code: int, error: str) -> None:
        write_atomic(self.folder / f"{number}.json", json.dumps([code, error]).encode())

    def read_result(self, number: int) -> tuple[int, str] | None:
        """None until the job has ended."""
        file = self.folder / f"{number}.json"
        return tuple(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


class JobWatcher:
    """A thread that calls on_end for each job as it ends, and passes a request to stop on to the workers."""

    def __init__(self, jobs: Sequence[Job], on_end: OnEnd, files: JobFiles, stop: StopRequest) -> None:
        self.jobs, self.on_end, self.files, self.stop = list(jobs), on_end, files, stop
        self.ended: set[int] = set()
        self.closing, self.polling = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> JobWatcher:
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self.thread.join()
        self.poll()

    def run(self) -> None:
        while not self.closing.wait(POLL_S):
            self.poll()

    def poll(self) -> None:
        if self.stop.number:
            self.files.request_stop()
        with self.polling:
            for job in self.unfinished():
                if result := self.files.read_result(job.number):
                    self.ended.add(job.number)
                    self.on_end(job, *result)

    def unfinished(self) -> list[Job]:
        return [job for job in self.jobs if job.number not in self.ended]
