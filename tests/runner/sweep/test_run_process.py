"""Slots, and the connection between a run's process and the one that started it."""

import multiprocessing
import signal
import threading

import pytest

from runner.sweep.run_process import stop_on_request
from runner.sweep.slots import Slot, available_cores, available_gpus, process_slots


def test_cores_are_divided_over_processes(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cores = available_cores()
    assert process_slots(None, 1, "cpu", None) == [Slot(1)] * cores
    assert process_slots(1, 1, "auto", None) == [Slot(cores)]
    assert process_slots(4 * cores, 1, "auto", None) == [Slot(1)] * 4 * cores
    assert process_slots(3, 1, "cpu", 5) == [Slot(5)] * 3


def test_gpus_are_shared_by_jobs_per_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert available_gpus() == ["2", "5"]
    assert [slot.gpu for slot in process_slots(None, 2, "auto", 1)] == ["2", "5", "2", "5"]
    assert {slot.gpu for slot in process_slots(None, 2, "cpu", 1)} == {None}


@pytest.mark.parametrize("request_stop", [lambda parent: parent.send(signal.SIGTERM), lambda parent: parent.close()])
def test_a_run_stops_on_request_and_when_its_parent_is_gone(request_stop):
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    parent, child = multiprocessing.Pipe()
    thread = threading.Thread(target=stop_on_request, args=(child,))
    try:
        thread.start()
        request_stop(parent)
        thread.join(60)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]
