"""A headless Chromium, driven by its DevTools protocol over a pipe: no driver, no port, no package."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--force-color-profile=srgb", "--hide-scrollbars", "--remote-debugging-pipe"),
)
ANSWER_S = 240  # for one answer, also on a busy machine
KEYS = {"Enter": 13, " ": 32, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "+": 187}


def chromium():
    """The path of the installed browser; skips the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"needs a Chromium on PATH ({', '.join(NAMES)})")


class Browser:
    """One browser with one page.

    requests: the addresses that were requested since the page was opened. errors: the console's errors and warnings,
    uncaught exceptions and violations of the page's policy.
    """

    def __init__(self, profile):
        self.sent_urls, self.errors, self.count, self.left, self.session = {}, [], 0, b"", None
        child_in, self.out = os.pipe()
        self.into, child_out = os.pipe()
        pipes = f'exec 3<&{child_in} 4>&{child_out}; exec "$@"'  # it reads commands from 3, and answers on 4
        command = ["bash", "-c", pipes, "bash", chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=(child_in, child_out), **quiet)
        os.close(child_in), os.close(child_out)
        pages = [each for each in self.send("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        self.session = self.send("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """Send a command and return its answer."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (found := self.read()).get("id") != self.count:
            self.record(found)
        assert "error" not in found, f"{method}: {found['error']}"
        return found["result"]

    def read(self):
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.into], [], [], ANSWER_S)
            got = os.read(self.into, 1 << 20) if ready else b""
            assert got, "Chromium gave no answer" if not ready else "Chromium ended"
            self.left += got
        message, _, self.left = self.left.partition(b"\0")
        return json.loads(message)

    def record(self, event):
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent" if not params["request"]["url"].startswith("data:"):
                self.sent_urls[params["requestId"]] = params["request"]["url"]
            case "Network.loadingFailed" if params.get("blockedReason") == "csp":
                self.sent_urls.pop(params["requestId"], None)  # stopped before it was sent, and an error in the console
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.errors.append(params["entry"]["text"])

    @property
    def requests(self):
        return list(self.sent_urls.values())

    def open(self, path, width=1280, height=900):
        self.sent_urls.clear(), self.errors.clear()
        self.resize(width, height)
        self.send("Page.navigate", url=path.as_uri())
        self.until("document.readyState === 'complete'")

    def resize(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def value(self, expression):
        """What an expression of JavaScript is in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]["exception"]["description"]
        return found["result"].get("value")

    def until(self, expression, limit_s=30):
        """Wait until it is true."""
        end = time.monotonic() + limit_s
        while not self.value(f"!!({expression})"):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def texts(self, selector):
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.textContent)")

    def middle(self, selector, x=0.5, y=0.5):
        """A point of an element, scrolled into view. x, y: shares of its width and height."""
        box = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{box}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        left, top, width, height = self.value(
            f"(({{x, y, width, height}}) => [x, y, width, height])({box}.getBoundingClientRect())"
        )
        return left + width * x, top + height * y

    def mouse(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector, times=1):
        x, y = self.middle(selector)
        self.mouse("mouseMoved", x, y)
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.mouse(kind, x, y, button="left", clickCount=count)

    def hover(self, selector, x=0.5, y=0.5):
        self.mouse("mouseMoved", *self.middle(selector, x, y))

    def drag(self, selector, start, end):
        self.mouse("mousePressed", *self.middle(selector, *start), button="left", clickCount=1)
        self.mouse("mouseMoved", *self.middle(selector, *end), button="left", buttons=1)
        self.mouse("mouseReleased", *self.middle(selector, *end), button="left", clickCount=1)

    def press(self, key, shift=False):
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        details = {"key": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **details)
        self.send("Input.dispatchKeyEvent", type="keyUp", **details)

    def prefer(self, **features):
        """Media features: prefer("dark" as prefers-color-scheme) and so on, underscores for dashes."""
        pairs = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=pairs)

    def picture(self, path, whole=True):
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        try:
            self.session = None
            self.send("Browser.close")
            self.process.wait(20)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.out), os.close(self.into)
