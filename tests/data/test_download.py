"""Downloads from a server of the test's own: one at a time, whole files only, no waiting for ever."""

import gzip
import hashlib
import os
import signal
import threading
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import idx_bytes, write_mnist
from torchvision import datasets

import data.download
from data.mnist import FILES, MNIST


class Mirror(ThreadingHTTPServer):
    """Serves `files` by their names. hold: waited for in the middle of each file."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.hold, self.truncate = files, Counter(), threading.Event(), False
        self.hold.set()
        self.reached_hold = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.requests[name] += 1
        content = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        with suppress(OSError):  # torchvision's first request, which follows redirects, reads no content
            self.wfile.write(content[:half])
            self.wfile.flush()
            self.server.reached_hold.set()
            if self.server.truncate:
                return
            self.server.hold.wait(30)
            self.wfile.write(content[half:])

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    arrays = write_mnist(tmp_path / "original", num_train=200)
    files = {f"{name}.gz": gzip.compress(idx_bytes(array)) for name, array in arrays.items()}
    server = Mirror(files)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    checksums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", checksums)
    yield server
    server.hold.set()
    server.shutdown()
    server.server_close()


def test_two_at_once_download_once_and_see_no_part_of_a_file(tmp_path, mirror, capfd):
    MNIST(root=str(tmp_path / "alone")).fetch()
    of_one = dict(mirror.requests)
    mirror.requests.clear()
    mirror.reached_hold.clear()
    mirror.hold.clear()
    found, root = [], tmp_path / "both"
    threads = [threading.Thread(target=lambda: found.append(MNIST(root=str(root)).fetch())) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert mirror.reached_hold.wait(20)
    assert MNIST(root=str(root)).find() is None  # while a file is half written
    mirror.hold.set()
    for thread in threads:
        thread.join(20)
    assert dict(mirror.requests) == of_one and found[0] == found[1] and len(found) == 2
    assert "Waiting for another process" in capfd.readouterr().err
    assert os.listdir(root) == ["MNIST"] and len(MNIST(root=str(root)).load().test) == 20


def test_a_server_that_sends_nothing_is_given_up(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(data.download, "TIMEOUT_S", 0.2)
    mirror.hold.clear()
    with pytest.raises(FileNotFoundError, match=r"http://127.*the server sent nothing for 0\.2 s") as error:
        MNIST(root=str(tmp_path / "none")).load()
    assert "\n" not in str(error.value) and not (tmp_path / "none").exists()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer signals")
def test_a_signal_ends_a_download_at_once(tmp_path, mirror):
    def stop(*_):
        raise KeyboardInterrupt

    mirror.hold.clear()
    previous = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            MNIST(root=str(tmp_path / "none")).load()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert not (tmp_path / "none").exists()


def test_what_broken_downloads_leave_is_neither_read_nor_kept(tmp_path, mirror):
    left = tmp_path / ".MNIST-killed" / "MNIST" / "raw"
    left.mkdir(parents=True)
    (left / FILES[0]).write_bytes(b"half")
    mirror.truncate = True
    with pytest.raises(FileNotFoundError, match="download failed"):
        MNIST(root=str(tmp_path)).load()
    assert os.listdir(tmp_path) == ["original"]
    mirror.truncate = False
    assert len(MNIST(root=str(tmp_path)).load().test) == 20
