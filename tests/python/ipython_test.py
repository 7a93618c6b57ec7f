# SPDX-License-Identifier: Apache-2.0
"""%%viztracer, beside a shell that stands in for IPython's."""

import builtins
import html
import os
import sys
import types
import unittest
import warnings

from support import Case, fake

from viztracer_native import ReportError, VizTracer, get_tracer, load_ipython_extension


class Shell:
    def __init__(self):
        self.magics, self.cells = {}, []

    def register_magic_function(self, function, kind, name):
        self.magics[kind, name] = function

    def run_cell(self, cell, store_history):
        self.cells.append((cell, store_history, fake.state(), get_tracer()))
        try:
            exec(cell, {})
        except Exception as error:
            return types.SimpleNamespace(success=False, error=error)
        return types.SimpleNamespace(success=True, error=None)


class Cells(Case):
    def setUp(self):
        super().setUp()
        self.shown = []
        display = types.ModuleType("IPython.display")
        display.HTML = lambda text: ("html", text)
        display.Markdown = lambda text: ("markdown", text)
        display.display = self.shown.append
        package = types.ModuleType("IPython")
        package.display = display
        for module in (package, display):
            before = sys.modules.get(module.__name__)
            sys.modules[module.__name__] = module
            self.addCleanup(sys.modules.pop, module.__name__)
            if before is not None:
                self.addCleanup(sys.modules.__setitem__, module.__name__, before)
        self.shell = Shell()
        load_ipython_extension(self.shell)
        self.magic = self.shell.magics["cell", "viztracer"]

    def test_a_cell(self):
        self.magic("", "import builtins; builtins.seen_by_test = 3")
        self.assertEqual(3, builtins.__dict__.pop("seen_by_test"))
        (cell, history, state, tracer), = self.shell.cells
        self.assertEqual((False, 1), (history, state))
        self.assertIsInstance(tracer, VizTracer)
        self.assertIsNone(get_tracer())
        self.assertEqual(3, fake.state())
        words = self.words()
        output, summary = self.after(words, "-o")
        self.assertEqual("./viztracer_report.html", output)
        self.assertTrue(os.path.exists(output))
        self.assertEqual(("markdown", f"report {summary}"), self.shown[0])
        kind, text = self.shown[1]
        self.assertEqual("html", kind)
        self.assertIn('sandbox="allow-scripts"', text)
        self.assertIn('srcdoc="report ./viztracer_report.html"', text)
        self.assertIn('href="./viztracer_report.html"', text)

    def test_what_is_in_a_page_stays_in_it(self):
        from viztracer_native import ipython
        text = '<script>"a" & \'b\'</script>'
        shown = ipython.page(text)
        inside = shown.split('srcdoc="', 1)[1].split('"', 1)[0]
        self.assertEqual(text, html.unescape(inside))
        self.assertNotIn("<", inside)
        self.assertEqual('<p><a href="a&quot;b.html" target="_blank">a&quot;b.html</a></p>', ipython.link('a"b.html'))

    def test_options(self):
        self.magic("--output_file 'my reports/x.json' --max_stack_depth 5 --ignore_c_function --ignore_frozen --log_func_args "
                   "--log_func_retval --log_print --log_sparse --min_duration 1ms --port 9001", "pass")
        self.assertEqual(["--max_stack_depth=5", "--ignore_c_function", "--ignore_frozen", "--log_func_retval", "--log_func_args", "--log_print",
                          "--log_sparse", "--ignore_multiprocess", "--min_duration=1ms"], fake.named("begin")[0][1])
        self.assertEqual("my reports/x.json", self.after(self.words(), "-o")[0])
        self.assertNotIn("iframe", self.shown[1][1])

    def test_another_cell_with_other_options(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for options in ("", "--log_func_args", "--log_func_args"):
                self.magic(options, "pass")
        self.assertEqual(["begin", "stop", "end", "begin", "stop", "start", "stop"], [call[0] for call in fake.calls if call[0] != "flush"])

    def test_a_large_page_is_a_link(self):
        from viztracer_native import ipython
        before, ipython.MOST_INLINE_BYTES = ipython.MOST_INLINE_BYTES, 10
        try:
            self.magic("", "pass")
        finally:
            ipython.MOST_INLINE_BYTES = before
        self.assertNotIn("iframe", self.shown[1][1])
        self.assertIn("href", self.shown[1][1])

    def test_without_the_page(self):
        self.magic("--no_page", "pass")
        self.assertNotIn("iframe", self.shown[1][1])

    def test_a_cell_that_fails_is_shown_and_stops_what_follows(self):
        from viztracer_native.ipython import Stopped
        with self.assertRaises(Stopped) as caught:
            self.magic("", "1 / 0")
        self.assertEqual([], caught.exception._render_traceback_())
        self.assertEqual(2, len(self.shown))
        self.assertTrue(os.path.exists("viztracer_report.html"))

    def test_options_that_there_are_not(self):
        for line in ("--nothing", "--max_stack_depth x", "--output_file", "'open"):
            with self.assertRaisesRegex(ValueError, "%%viztracer: ") as caught:
                self.magic(line, "pass")
            self.assertEqual([str(caught.exception)], caught.exception._render_traceback_())
        self.assertEqual([], self.shell.cells)

    def test_a_tracer_of_the_notebooks_stays(self):
        mine = VizTracer(verbose=0)
        self.magic("", "pass")
        self.assertIs(mine, get_tracer())

    def test_a_run_goes_on(self):
        self.in_run()
        self.magic("", "pass")
        self.assertEqual(1, fake.state())

    def test_a_report_that_fails(self):
        self.refuse("disk full")
        with self.assertRaisesRegex(ReportError, "disk full"):
            self.magic("", "pass")
        self.assertEqual(3, fake.state())

    def test_help(self):
        self.assertIn("--log_func_args", self.magic.__doc__)


if __name__ == "__main__":
    unittest.main()
