# SPDX-License-Identifier: Apache-2.0
"""%%viztracer, beside a shell that stands in for IPython's."""

import builtins
import contextlib
import html
import io
import json
import os
import sys
import threading
import types
import unittest
import warnings

from support import Case, fake, function

from viztracer_native import VizTracer, get_tracer, ipython, load_ipython_extension, notebook_view


class Events:
    def __init__(self):
        self.callbacks = {"pre_run_cell": [], "post_run_cell": []}

    def register(self, event, callback):
        self.callbacks[event].append(callback)

    def unregister(self, event, callback):
        self.callbacks[event].remove(callback)

    def trigger(self, event, argument):
        for callback in list(self.callbacks[event]):
            callback(argument)


class Shell:
    def __init__(self):
        self.magics, self.cells = {}, []
        self.events, self.input_transformers_cleanup = Events(), []

    def register_magic_function(self, function, kind, name):
        self.magics[kind, name] = function

    def run_cell(self, cell, store_history):
        self.events.trigger("pre_run_cell", None)
        self.cells.append((cell, store_history, fake.state(), get_tracer()))
        result = types.SimpleNamespace(success=True)
        try:
            exec(cell, {"get_ipython": lambda: self})
        except Exception:
            result.success = False
        self.events.trigger("post_run_cell", result)
        return result

    def run_line_magic(self, name, line):
        self.magics["line_cell", name](line)


class Cells(Case):
    def setUp(self):
        super().setUp()
        self.shown = []
        display = types.ModuleType("IPython.display")
        display.display = lambda bundle, raw: self.shown.append(bundle) if raw else self.fail("not raw")
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
        self.magic = self.shell.magics["line_cell", "viztracer"]

    def test_a_cell(self):
        self.magic("", "import builtins; builtins.seen_by_test = 3")
        self.assertEqual(3, builtins.__dict__.pop("seen_by_test"))
        (cell, history, state, tracer), = self.shell.cells
        self.assertEqual((False, 1), (history, state))
        self.assertIsInstance(tracer, VizTracer)
        self.assertIsNone(get_tracer())
        self.assertEqual(3, fake.state())
        words = self.words()
        output = self.after(words, "-o")[0]
        self.assertEqual("./viztracer_report.html", output)
        self.assertTrue(os.path.exists(output))
        shown, = self.shown
        self.assertEqual({"text/html", "text/plain"}, set(shown))
        self.assertIn('sandbox="allow-scripts"', shown["text/html"])
        self.assertIn('srcdoc="report ./viztracer_report.html"', shown["text/html"])
        self.assertIn('href="viztracer_report.html"', shown["text/html"])
        self.assertEqual({"pre_run_cell": [], "post_run_cell": []}, self.shell.events.callbacks)

    def test_its_table_is_of_the_cells_threads(self):
        began = threading.Event()
        end = threading.Event()
        other = threading.Thread(target=lambda: (began.set(), end.wait()))
        other.start()
        began.wait()
        summary = json.loads(self.read("summary"))
        summary["processes"][0]["threads"].append({"tid": other.native_id, "functions": [function("waits", "y.py", 1, 1, 10**9, 10**9)]})
        self.write("summary", json.dumps(summary))
        try:
            self.magic("", "pass")
        finally:
            end.set()
            other.join()
        shown, = self.shown
        lines = shown["text/plain"].splitlines()
        self.assertRegex(lines[0], r"^[0-9.]+ .?s, 13 calls in 2 threads$")
        self.assertEqual(["    own   share    total  calls  function",
                          "50.5 ms  95.6 %  50.5 ms      1  time.sleep",
                          "2.34 ms   4.4 %  52.8 ms     12  work (x.py:3)",
                          "report: ./viztracer_report.html"], lines[1:])
        self.assertIn("<td>2.34 ms</td>", shown["text/html"])
        self.assertNotIn("waits", shown["text/html"])

    def test_from_a_line_to_the_end_of_the_cell(self):
        self.shell.run_cell("import builtins; builtins.told = [get_ipython().run_line_magic('viztracer', '-o x.json')]\n"
                            "get_ipython().run_cell('pass', False)", True)
        del builtins.told
        self.assertEqual([0, 1], [cell[2] for cell in self.shell.cells], "a cell within it does not end it")
        self.assertEqual("x.json", self.after(self.words(), "-o")[0])
        self.assertEqual((1, 3), (len(self.shown), fake.state()))
        self.shell.run_cell("pass", True)
        self.assertEqual(1, len(self.shown))

    def test_a_cell_that_begins_with_it_has_it_as_a_line(self):
        transform, = self.shell.input_transformers_cleanup
        load_ipython_extension(self.shell)
        self.assertEqual([transform], self.shell.input_transformers_cleanup, "once, however often it is loaded")
        for cell, expected in ((["%%viztracer -o x.html\n", "await g()\n"], ["%viztracer -o x.html\n", "await g()\n"]),
                               (["%%viztracer\n"], ["%viztracer\n"]),
                               (["%%viztracer\n", "%%time\n", "f()\n"], None), (["%%viztracers\n", "f()\n"], None),
                               (["f()\n", "%%viztracer\n"], None), ([], None), (["\n"], None)):
            self.assertEqual(expected or cell, transform(list(cell)))

    def test_what_is_in_a_page_stays_in_it(self):
        text = '<script>"a" & \'b\'</script></iframe>'
        inside = notebook_view.frame(text).split('srcdoc="', 1)[1].split('"', 1)[0]
        self.assertEqual(text, html.unescape(inside))

    def test_links_are_to_files_that_the_notebooks_server_has(self):
        self.assertEqual('<a href="a%22b%20%26.html" target="_blank">./a&quot;b &amp;.html</a>', notebook_view.link('./a"b &.html'))
        self.assertEqual('<a href="d/x.html" target="_blank">%s/d/x.html</a>' % self.folder, notebook_view.link(self.path("d/x.html")))
        self.assertEqual("<code>/tmp/&lt;x&gt;.html</code>", notebook_view.link("/tmp/<x>.html"))

    def test_times(self):
        self.assertEqual(["0 ns", "999 ns", "1.00 µs", "12.3 µs", "123 ms", "1.50 s", "100 s"],
                         [notebook_view.duration(one) for one in (0, 999, 1000, 12_345, 123_456_789, 1_500_000_000, 100_000_000_000)])

    def test_options(self):
        self.magic("--output_file 'my reports/x.json' --max_stack_depth 5 --ignore_c_function --ignore_frozen --log_func_args "
                   "--log_func_retval --log_print --log_sparse --min_duration 1ms --port 9001", "pass")
        self.assertEqual(["--max_stack_depth=5", "--ignore_c_function", "--ignore_frozen", "--log_func_retval", "--log_func_args", "--log_print",
                          "--log_sparse", "--ignore_multiprocess", "--min_duration=1ms", *ipython.WITHOUT_KERNEL], fake.named("begin")[0][1])
        self.assertEqual("my reports/x.json", self.after(self.words(), "-o")[0])
        self.assertNotIn("iframe", self.shown[0]["text/html"])
        self.assertIn("my reports/x.json", self.shown[0]["text/plain"])

    def test_another_cell_with_other_options(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for options in ("", "--log_func_args", "--log_func_args"):
                self.magic(options, "pass")
        self.assertEqual(["begin", "stop", "end", "begin", "stop", "start", "stop"], [call[0] for call in fake.calls if call[0] != "flush"])

    def test_a_large_page_is_a_link(self):
        before, notebook_view.MOST_INLINE_BYTES = notebook_view.MOST_INLINE_BYTES, 10
        try:
            self.magic("", "pass")
        finally:
            notebook_view.MOST_INLINE_BYTES = before
        text = self.shown[0]["text/html"]
        self.assertNotIn("<iframe", text)
        self.assertIn("href", text)
        self.assertIn("0.0 MB: no page of more than 0.0 MB is kept in the notebook", text)

    def test_without_the_page(self):
        self.magic("--no_page", "pass")
        self.assertNotIn("<iframe", self.shown[0]["text/html"])

    def test_a_cell_that_fails_is_shown_and_stops_what_follows(self):
        from viztracer_native.ipython import Stopped
        with self.assertRaises(Stopped) as caught:
            self.magic("", "1 / 0")
        self.assertEqual([], caught.exception._render_traceback_())
        self.assertEqual(1, len(self.shown))
        self.assertTrue(os.path.exists("viztracer_report.html"))

    def test_options_that_there_are_not(self):
        for line in ("--nothing", "--max_stack_depth x", "--output_file", "'open"):
            with self.assertRaisesRegex(ValueError, "%%viztracer: ") as caught:
                self.magic(line, "pass")
            self.assertEqual([str(caught.exception)], caught.exception._render_traceback_())
        self.assertEqual([], self.shell.cells)
        self.assertEqual({"pre_run_cell": [], "post_run_cell": []}, self.shell.events.callbacks)

    def test_a_tracer_of_the_notebooks_stays(self):
        mine = VizTracer(verbose=0)
        self.magic("", "pass")
        self.assertIs(mine, get_tracer())

    def test_a_run_goes_on(self):
        self.in_run()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.magic("", "pass")
        self.assertEqual(1, fake.state())

    def test_a_report_that_fails(self):
        self.refuse("disk full")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.magic("", "pass")
        self.assertEqual("viztracer-native: no report: disk full\n", said.getvalue())
        self.assertEqual((3, []), (fake.state(), self.shown))

    def test_a_recorder_that_does_not_begin(self):
        fake.refusal = "no room"
        with self.assertRaisesRegex(RuntimeError, "no room"):
            self.magic("", "pass")
        self.assertEqual(([], {"pre_run_cell": [], "post_run_cell": []}), (self.shell.cells, self.shell.events.callbacks))

    def test_help(self):
        self.assertIn("--log_func_args", self.magic.__doc__)


if __name__ == "__main__":
    unittest.main()
