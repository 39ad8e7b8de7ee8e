"""The launcher `local`: runs in parallel processes on this machine, one process a run; a killed one fails its run only.

CPU cores are divided over the processes, because more threads than cores cost 2 to 40 times the speed. With GPUs each
process sees one, and `jobs_per_gpu` processes share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import wait

from runner.callbacks import Callbacks
from runner.sweep.plan import Job
from runner.sweep.run_job import OnEnd
from runner.sweep.run_process import POLL_S, RunProcess
from runner.sweep.slots import Slot
from runner.train.signals import STOPPED_BY_SIGNAL, StopRequest


def run_parallel(jobs: Sequence[Job], on_end: OnEnd, slots: Sequence[Slot], callbacks: Callbacks) -> int:
    """Run all jobs, as many at a time as there are slots; return 0, or 128 + the signal that stopped the sweep or one
    of its runs."""
    queue, free = list(jobs), list(slots)
    running: list[tuple[Job, Slot, RunProcess]] = []
    stop_sent, stopped = False, 0
    with StopRequest() as stop:
        while running or (queue and not stop.number):
            while queue and free and not stop.number:
                job, slot = queue.pop(0), free.pop(0)
                running.append((job, slot, RunProcess(job.checked_config, slot, callbacks)))
            wait([process.sentinel for *_, process in running], timeout=POLL_S)
            if stop.number and not stop_sent:
                stop_sent = True
                for *_, process in running:
                    process.stop(stop.number)
            for each in [each for each in running if not each[-1].is_alive()]:
                running.remove(each)
                job, slot, process = each
                free.append(slot)
                code, error = process.result()
                stopped = max(stopped, code if code > STOPPED_BY_SIGNAL else 0)
                on_end(job, code, error)
    return STOPPED_BY_SIGNAL + stop.number if stop.number else stopped
