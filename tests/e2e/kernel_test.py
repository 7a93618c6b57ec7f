# SPDX-License-Identifier: Apache-2.0
"""%%viztracer in a real kernel, of an environment with our wheel: nbclient runs the cells and tells their outputs."""

import html
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import readme
import support
import venvs
import wheels

LOADED = "%load_ext viztracer_native\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)"

# Reads cells, prints their outputs. The kernel of the name "tested" is found by JUPYTER_PATH.
CLIENT = """
import json, sys
import nbformat
from nbclient import NotebookClient
cells = [nbformat.v4.new_code_cell(cell) for cell in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=120, kernel_name="tested", allow_errors=True, resources={"metadata": {"path": sys.argv[1]}}).execute()
json.dump([cell.outputs for cell in notebook.cells], sys.stdout)
"""


class Kernel(support.TestCase):

    def setUp(self):
        super().setUp()
        if self.interpreter not in venvs.bases():
            self.skipTest("a kernel on one interpreter; ./bootstrap test --all has the others")
        self.environment_folder = os.path.join(self.folder, "env")
        self.python = wheels.environment(self.environment_folder, self.interpreter, "kernel")

    def run_cells(self, *cells, below=()):
        """The outputs of each."""
        kernels = os.path.join(self.folder, "jupyter", "kernels", "tested")
        os.makedirs(kernels, exist_ok=True)
        with open(os.path.join(kernels, "kernel.json"), "w", encoding="utf-8") as file:
            json.dump({"argv": [*below, self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "tested", "language": "python"}, file)
        homes = {name: os.path.join(self.folder, name.lower()) for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
        run = self.run_argv([self.python, self.write("client.py", CLIENT), self.work], data=json.dumps(cells).encode(), timeout=240,
                            env={**homes, "JUPYTER_PATH": os.path.join(self.folder, "jupyter")})
        self.assertEqual(0, run.status, run.stderr.decode())
        return json.loads(run.stdout)

    def shown(self, outputs):
        return [one["data"] for one in outputs if "<th>own</th>" in one.get("data", {}).get("text/html", "")]

    def kinds(self, outputs):
        return [one["output_type"] for one in outputs]

    def test_cells(self):
        cells = {
            "load": LOADED,
            "options": "%%viztracer --log_func_args -o 'first report.html'\nprint(fib(7))\nx = fib(18)\nx",
            "await": "%%viztracer --ignore_c_function\nimport asyncio\nawait asyncio.sleep(0.01)\nlater = 5",
            "later": "later",
            "fails": "%%viztracer\nlater = 6\n1 / 0",
            "nested": "%%viztracer\n%%viztracer -o inner.html\nfib(4)",
            "plot": "%%viztracer\nfrom IPython.display import Image, display\ndisplay(Image(data=b'\\x89PNG\\r\\n', format='png'))\nfib(3)",
            "from_line": "fib(3)\n%viztracer -o r.json\nfib(4)",
            "wrong": "%%viztracer --nothing\nlater = 7",
            "broken": "%%viztracer\n)(",
            "help": "%%viztracer --help",
            "end": "later",
        }
        out = dict(zip(cells, self.run_cells(*cells.values())))
        self.assertEqual([], out["load"])

        self.assertEqual(["stream", "execute_result", "display_data"], self.kinds(out["options"]), out["options"])
        self.assertEqual(("13\n", "2584"), (out["options"][0]["text"], out["options"][1]["data"]["text/plain"]))
        shown, = self.shown(out["options"])
        self.assertRegex(shown["text/plain"], r"\bfib \(")
        self.assertNotIn("InteractiveShell", shown["text/plain"], "what runs the cell is not in it")
        page = html.unescape(shown["text/html"].split('srcdoc="', 1)[1].split('">', 1)[0])
        self.assertNotIn("interactiveshell.py", page)
        self.assertIn("first%20report.html", shown["text/html"])
        with open(os.path.join(self.work, "first report.html"), encoding="utf-8") as file:
            self.assertEqual(file.read(), page)

        self.assertEqual(["display_data"], self.kinds(out["await"]), out["await"])
        self.assertEqual("5", out["later"][0]["data"]["text/plain"])

        self.assertEqual(["error", "display_data"], self.kinds(out["fails"]))
        self.assertEqual("ZeroDivisionError", out["fails"][0]["ename"])
        traceback = re.sub(r"\x1b\[[0-9;]*m", "", "".join(out["fails"][0]["traceback"]))
        self.assertRegex(traceback, r"-> 3 1\s?/\s?0", "the line that it has in the cell")

        self.assertEqual(2, len(self.shown(out["nested"])), out["nested"])
        self.assertEqual(["execute_result", "display_data", "display_data"], self.kinds(out["nested"]))

        self.assertEqual(["display_data", "execute_result", "display_data"], self.kinds(out["plot"]))
        self.assertIn("image/png", out["plot"][0]["data"])

        shown, = self.shown(out["from_line"])
        self.assertNotRegex(shown["text/html"], "<iframe|<button")
        with open(os.path.join(self.work, "r.json"), encoding="utf-8") as file:
            calls = [one for one in json.load(file)["traceEvents"] if one["name"].startswith("fib (")]
        self.assertEqual(9, len(calls), "of fib(4) alone")

        wrong, = out["wrong"]
        self.assertEqual(["%%viztracer: unrecognized arguments: --nothing"], wrong["traceback"])
        self.assertEqual("SyntaxError", out["broken"][0]["ename"])
        self.assertEqual([], self.shown(out["broken"]))
        self.assertIn("--log_func_args", out["help"][0]["text"])
        self.assertEqual("6", out["end"][0]["data"]["text/plain"])

    def test_the_readmes_cells(self):
        text, = [text for language, text in readme.blocks(readme.WITHIN) if not language]
        load, cell = text.split("\n\n", 1)
        loaded, out = self.run_cells(load, cell.strip())
        self.assertEqual([], loaded)
        self.assertEqual(["execute_result", "display_data"], self.kinds(out))
        self.assertIn("<iframe", self.shown(out)[0]["text/html"])

    def test_a_kernel_that_is_recorded_already(self):
        report = os.path.join(self.reports, "kernel.json")
        out = self.run_cells(LOADED.replace("viztracer_native", "viztracer"), "%%viztracer -o cell.json\nfib(7)", "fib(5)",
                             below=[os.path.join(self.environment_folder, "bin", "viztracer-native"), "--quiet", "-o", report, "--"])
        self.assertEqual([], out[0])
        self.assertEqual(["execute_result", "display_data"], self.kinds(out[1]), out[1])
        counts = []
        for path in (os.path.join(self.work, "cell.json"), report):
            with open(path, encoding="utf-8") as file:
                counts.append(sum(one["name"].startswith("fib (") for one in json.load(file)["traceEvents"]))
        self.assertEqual([41, 41 + 15], counts)


if __name__ == "__main__":
    unittest.main()
