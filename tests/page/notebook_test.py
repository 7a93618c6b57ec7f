# SPDX-License-Identifier: Apache-2.0
"""What %%viztracer shows in a notebook, in a headless Chromium: report.html in a frame that can reach nothing."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("support", "python")]

import chromium  # noqa: E402
import support  # noqa: E402, F401  (the package, and the fake beneath it)

from viztracer_native import notebook_view  # noqa: E402

LAUNCHER = os.environ.get("VIZTRACER_NATIVE")
# Added to the report: says what it shows and what it can reach, as the page around it cannot look in.
TELL = """<script>
setInterval(() => {
  const reached = [];
  for (const [name, reach] of [['page', () => parent.document.title], ['storage', () => localStorage.length], ['cookies', () => document.cookie]]) {
    try { reach(); reached.push(name); } catch (fault) { /* as it should be */ }
  }
  parent.postMessage({ text: document.body.innerText, reached }, '*');
}, 200);
</script>"""
LISTEN = """
window.told = { text: '' };
addEventListener('message', (event) => { window.told = event.data; });
"""
UNTIL_SHOWN = """new Promise((done, fail) => {
  const end_ms = performance.now() + 90000;
  const again = () => {
    if (window.told.text.includes('2 functions')) done(window.told);
    else if (performance.now() > end_ms) fail(new Error('it shows: ' + window.told.text));
    else setTimeout(again, 20);
  };
  again();
})"""


@unittest.skipIf(chromium.why_not(), chromium.why_not())
class Notebook(unittest.TestCase):
    def test_the_page_within_a_notebook(self):
        with tempfile.TemporaryDirectory(prefix="vtn-notebook-") as folder:
            program, report, notebook = (os.path.join(folder, name) for name in ("x.py", "x.html", "notebook.html"))
            with open(program, "w", encoding="utf-8") as file:
                file.write("def visit(n):\n    return '</iframe><b>\"&quot;'\nfor n in range(20):\n    visit(n)\n")
            subprocess.run([LAUNCHER, "--quiet", "--mine", "--python", sys.executable, "-o", report, program], cwd=folder, check=True)
            with open(report, encoding="utf-8") as file:
                page_text = file.read()
            with open(report, "w", encoding="utf-8") as file:
                file.write(page_text + TELL)
            summary = notebook_view.Summary({"processes": [], "lost_events": 0}, 1_500_000, ())
            shown = notebook_view.bundle(report, summary, True)["text/html"]
            with open(notebook, "w", encoding="utf-8") as file:
                file.write(f"<!doctype html><meta charset=utf-8><title>{json.dumps(folder)}</title><body>{shown}")
            with chromium.Chromium() as browser:
                page = browser.open("file://" + notebook, before=LISTEN)
                page.wait_until_read()
                told = page.evaluate(UNTIL_SHOWN)
                self.assertEqual([], page.messages)
                self.assertEqual([], told["reached"])
                self.assertIn("visit", told["text"])
                # Nothing of the page has got out of its frame.
                self.assertEqual(["1.50 ms, 0 calls", "own\tshare\ttotal\tcalls\tfunction", f"Open the report {report}"],
                                 [line for line in page.evaluate("document.body.innerText").splitlines() if line.strip()])
                # The button: a tab with the page of this cell, whatever the file has become.
                os.unlink(report)
                page.click(*page.evaluate("(({x, y}) => [x + 5, y + 5])(document.querySelector('button').getBoundingClientRect())"))
                tab = browser.opened(lambda address: address.startswith("blob:"))
                tab.evaluate(LISTEN)
                told = tab.evaluate(UNTIL_SHOWN)
                tab.screenshot(os.path.join(folder, "notebook_tab.png"))
                self.assertEqual([], told["reached"])
                self.assertEqual([], page.messages)
            chromium.keep_pictures(folder)


if __name__ == "__main__":
    unittest.main()
