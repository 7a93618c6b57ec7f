# SPDX-License-Identifier: Apache-2.0
"""%%viztracer in JupyterLab, behind a path prefix, in a headless Chromium: run, looked at, opened, and opened again untrusted."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))

import chromium  # noqa: E402
import venvs  # noqa: E402
import wheels  # noqa: E402

CELLS = [
    "%load_ext viztracer_native\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)",
    "%%viztracer --log_func_args\nfib(15)",
    # Too large to be kept in the notebook.
    "%%viztracer -o 'in/large one.html' --log_func_args --log_func_retval\nimport os\ndef echo(text):\n    return text\nfor i in range(150_000):\n    echo(os.urandom(24).hex())",
]
PREFIX = "/a/b/"
RUN = "void jupyterapp.commands.execute('notebook:run-all-cells')"
SAVE = "jupyterapp.commands.execute('docmanager:save').then(() => true)"
OPENED = f"window.jupyterapp && document.querySelectorAll('.jp-Notebook .jp-CodeCell').length >= {len(CELLS)}"
KERNEL_IS_READY = "document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"
OUTPUTS = "[...document.querySelectorAll('.jp-OutputArea-output')].filter((one) => one.querySelector('table'))"
# In the frame: what it shows, and what it is drawn for.
FRAME = "window.vtn && vtn.state.view && document.body.innerText.includes('fib') && vtn.state.view.to_ns - vtn.state.view.from_ns"


def until(page, expression, timeout_s=120):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with contextlib.suppress(chromium.PageError):  # of a page that is replaced
            value = page.evaluate(expression)
            if value:
                return value
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout_s} s: {expression}\n{page.messages}")


def notebook(cells):
    return {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "tested", "display_name": "tested", "language": "python"}}}


def code(number, source, outputs=()):
    return {"cell_type": "code", "id": f"c{number}", "source": source, "metadata": {}, "outputs": list(outputs), "execution_count": None}


@unittest.skipIf(chromium.why_not(), chromium.why_not())
class JupyterLab(unittest.TestCase):

    def setUp(self):
        if not venvs.test_all():
            self.skipTest("a minute: ./bootstrap test --all")
        folder = tempfile.TemporaryDirectory(prefix="vtn-lab-", ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        base = venvs.bases()[0]
        server = os.path.join(venvs.need("jupyterlab", base), "bin", "python3")
        tested = wheels.environment(os.path.join(self.folder, "env"), base, "jupyterlab")
        self.write("jupyter/kernels/tested/kernel.json", json.dumps(
            {"argv": [tested, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "tested", "language": "python"}))
        self.write("notebooks/x.ipynb", json.dumps(notebook([code(*one) for one in enumerate(CELLS)])))
        os.mkdir(os.path.join(self.folder, "home"))
        os.mkdir(os.path.join(self.folder, "notebooks", "in"))
        self.address = self.serve(server)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def serve(self, python):
        names = {"HOME": "home", "IPYTHONDIR": "ipython", "JUPYTER_PATH": "jupyter", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_CONFIG_DIR": "config",
                 "JUPYTER_DATA_DIR": "data", "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIZTRACER_NATIVE", "VTN_", "JUPYTER"))}
        environment.update({name: os.path.join(self.folder, value) for name, value in names.items()})
        log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=secret", f"--ServerApp.base_url={PREFIX}",
             f"--ServerApp.root_dir={self.folder}/notebooks", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        runtime = os.path.join(self.folder, "runtime")
        for _ in range(1200):
            for name in os.listdir(runtime) if os.path.isdir(runtime) else ():
                if name.startswith("jpserver-") and name.endswith(".json"):
                    with contextlib.suppress(ValueError), open(os.path.join(runtime, name), encoding="utf-8") as file:
                        return json.load(file)["url"]
            self.assertIsNone(process.poll(), "the server has ended")
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def open(self, browser, name):
        # A workspace of its own: in a common one the notebooks that were open before are opened, too.
        page = browser.open(f"{self.address}lab/workspaces/{name[0]}/tree/{name}?token=secret")
        until(page, OPENED)
        return page

    def click(self, page, selector):
        """As a user does: what is opened by no user is a popup, and blocked."""
        place = f"document.querySelector({json.dumps(selector)})"
        page.call("Page.bringToFront")
        page.evaluate(f"{place}.scrollIntoView({{block: 'center'}})")
        time.sleep(0.5)
        page.click(*page.evaluate(f"(({{x, y}}) => [x + 5, y + 5])({place}.getBoundingClientRect())"))

    def test_a_notebook(self):
        with chromium.Chromium(1400, 1600) as browser:
            page = self.open(browser, "x.ipynb")
            until(page, KERNEL_IS_READY)
            page.evaluate(RUN)
            until(page, f"{OUTPUTS}.length === 2")
            self.assertEqual([1, 0], page.evaluate(f"{OUTPUTS}.map((one) => one.querySelectorAll('iframe').length)"))
            self.assertIn("no page of more than 4.0 MB is kept", page.evaluate(f"{OUTPUTS}[1].innerText"))

            # The frame is alive: it can be zoomed.
            frame = self.frame(browser)
            before_ns = until(frame, FRAME)
            place = page.evaluate("(({x, y, width}) => [x + width / 2, y + 200])(document.querySelector('.jp-OutputArea-output iframe').getBoundingClientRect())")
            page.mouse("mouseWheel", *place, deltaX=0, deltaY=-400, modifiers=2)
            until(frame, f"({FRAME}) < {before_ns}")
            page.screenshot(os.path.join(self.folder, "jupyterlab.png"))

            self.click(page, ".jp-OutputArea-output p > button")
            tab = browser.opened(lambda address: address.startswith("blob:"))
            until(tab, "document.querySelector('iframe') !== null")

            self.click(page, ".jp-OutputArea-output p > button[onclick*='.href']")
            tab = browser.opened(lambda address: "/files/in/large" in address)
            self.assertTrue(page.evaluate("location.pathname").startswith(PREFIX))
            until(tab, "document.body.innerText.includes('echo')")
            tab.screenshot(os.path.join(self.folder, "jupyterlab_file.png"))

            page.evaluate(SAVE)
            with open(os.path.join(self.folder, "notebooks", "x.ipynb"), encoding="utf-8") as file:
                saved = json.load(file)
            self.write("notebooks/y.ipynb", json.dumps(notebook(
                [code(number, "# of somebody else", cell["outputs"]) for number, cell in enumerate(saved["cells"])])))
            other = self.open(browser, "y.ipynb")
            until(other, f"{OUTPUTS}.length === 2")
            self.assertEqual(0, other.evaluate("document.querySelectorAll('.jp-OutputArea-output iframe').length"))
            text = other.evaluate(f"{OUTPUTS}[0].textContent")
            self.assertIn("where the notebook is trusted", text)
            self.assertIn("fib (", text)
            other.screenshot(os.path.join(self.folder, "jupyterlab_untrusted.png"))
        chromium.keep_pictures(self.folder)

    def frame(self, browser):
        for _ in range(300):
            for target in browser.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "iframe" and target["url"] == "about:srcdoc":
                    session = browser.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
                    page = browser.pages[session] = chromium.Page(browser, session)
                    return page
            time.sleep(0.1)
        raise AssertionError("there is no frame")


if __name__ == "__main__":
    unittest.main()
