# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that is asked through a pipe (--remote-debugging-pipe): no library, no port.

    with Chromium() as browser:
        page = browser.open("file:///tmp/report.html")
        page.evaluate("document.title")
        page.screenshot("/tmp/report.png")

`why_not()` says why there is none. A page's errors and what it writes to its console stand in page.messages.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

# Software drawing, so that it is the same everywhere.
ARGUMENTS = ["--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync", "--mute-audio",
             "--remote-debugging-pipe"]


def executable():
    return os.environ.get("VTN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def why_not():
    return None if executable() else "there is no Chromium (apt-get install chromium)"


def keep_pictures(folder):
    """Pictures of a test, to be looked at when something is to be judged that no test can: into $VTN_KEEP_PICTURES, if there is one."""
    keep = os.environ.get("VTN_KEEP_PICTURES")
    if keep:
        os.makedirs(keep, exist_ok=True)
        for name in os.listdir(folder):
            if name.endswith(".png"):
                shutil.copy(os.path.join(folder, name), keep)


class PageError(Exception):
    """What the page's script threw."""


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.messages = []

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def event(self, method, params):
        if method == "Runtime.consoleAPICalled":
            self.messages.append((params["type"], " ".join(str(one.get("value", one.get("description"))) for one in params["args"])))
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.messages.append(("exception", details.get("exception", {}).get("description") or details["text"]))
        elif method == "Log.entryAdded":
            self.messages.append((params["entry"]["level"], params["entry"]["text"]))

    def evaluate(self, expression):
        """The value of an expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait_until_read(self):
        """Until the browser has read the whole file."""
        self.evaluate("new Promise((done) => document.readyState === 'loading' ? addEventListener('DOMContentLoaded', () => done()) : done())")

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def key(self, key, text=""):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path):
        answer = self.call("Page.captureScreenshot", format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))


class Chromium:
    def __init__(self, width=1400, height=900, timeout_s=120, arguments=()):
        self.size = (width, height)
        self.timeout_s = timeout_s
        self.arguments = list(arguments)
        self.ids = itertools.count(1)
        self.answers, self.pages = {}, {}
        self.buffer = b""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_browser, self.write_fd = os.pipe()
        self.read_fd, from_browser = os.pipe()
        # The browser finds the pipe at its descriptors 3 and 4; a shell puts it there whatever numbers it has here.
        # `exec`, so that the process that is ended is the browser.
        command = [executable(), *ARGUMENTS, f"--user-data-dir={self.folder.name}", f"--window-size={self.size[0]},{self.size[1]}", *self.arguments, "about:blank"]
        # sh knows descriptors of one digit only.
        high = [os.dup(one) for one in (to_browser, from_browser)]
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec 3<&{high[0]} 4>&{high[1]} && exec "$@"', "bash", *command], pass_fds=high,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.folder.name})
        for one in (to_browser, from_browser, *high):
            os.close(one)
        return self

    def __exit__(self, *_):
        try:
            self.send({"id": next(self.ids), "method": "Browser.close"})
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.read_fd)
        os.close(self.write_fd)
        self.folder.cleanup()

    def send(self, message):
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write_fd, data):]

    def receive(self, until):
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.read_fd], [], [], left)[0]:
                raise TimeoutError("Chromium does not answer")
            data = os.read(self.read_fd, 1 << 20)
            if not data:
                raise ConnectionError(f"Chromium ended with status {self.process.wait(10)}")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(message)
        if "id" in message:
            self.answers[message["id"]] = message
        elif message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].event(message["method"], message["params"])

    def call(self, method, session=None, **params):
        number = next(self.ids)
        self.send({"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})})
        until = time.monotonic() + self.timeout_s
        while number not in self.answers:
            self.receive(until)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def opened(self, wanted, timeout_s=30):
        """The page that another one has opened, of an address that `wanted` says yes to."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            for target in self.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "page" and wanted(target["url"]):
                    return self.attach(target["targetId"])
            time.sleep(0.05)
        raise TimeoutError("no page has been opened")

    def attach(self, target):
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=self.size[0], height=self.size[1], deviceScaleFactor=1, mobile=False)
        return page

    def open(self, address, before=""):
        """A page of that address, being loaded. `before` is evaluated in it before any of its own scripts."""
        page = self.attach(self.call("Target.createTarget", url="about:blank")["targetId"])
        if before:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        page.call("Page.navigate", url=address)
        return page
