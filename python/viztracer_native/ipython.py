# SPDX-License-Identifier: Apache-2.0
"""%%viztracer: a cell of a notebook, recorded and shown.

    %load_ext viztracer_native

    %%viztracer --log_func_args
    work()

The line magic `%viztracer` records from where it stands to the end of its cell. A cell that begins with `%%viztracer`
is taken as one that begins with `%viztracer`: so it runs as it would without, with `await`, plots, its value shown and
its own lines in tracebacks. Where IPython hands a cell to the cell magic itself (a program does, or another magic
stands below), it is run within.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shlex
import sys
import tempfile

from . import _native, notebook_view, reports, session
from .muting import paused
from .tracer import VizTracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "viztracer"
DEFAULT_OUTPUT = "./viztracer_report.html"
# What runs the cell and shows its result is not recorded; what that calls (a __repr__) is. Nor how a traceback is made.
KERNEL_PACKAGES = ("IPython", "ipykernel", "jupyter_client", "traitlets")
WITHOUT_KERNEL = [f"--hide={name}" for name in KERNEL_PACKAGES] + ["--exclude_subtree=*showtraceback"]


class Stopped(Exception):
    """The cell has failed and said why; what would run after it does not. Shown as nothing."""

    def _render_traceback_(self) -> list[str]:
        return []


class UsageError(ValueError):
    """An option that there is not; the notebook shows the line alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"%%viztracer: {message}")

    def exit(self, status: int = 0, message: str | None = None) -> Any:
        raise Stopped(message)  # of --help, which has been printed


def _parser() -> _Parser:
    parser = _Parser(prog="%%viztracer", description="Records the cell, and shows where its time went.")
    parser.add_argument("--output_file", "-o", default=DEFAULT_OUTPUT, metavar="FILE", help="the report: .html, .json, ...; default: %(default)s")
    parser.add_argument("--max_stack_depth", type=int, default=-1, metavar="N", help="keep the N outermost calls")
    parser.add_argument("--min_duration", default=0, metavar="TIME", help="keep calls that take at least that long: 0.3ms")
    parser.add_argument("--ignore_c_function", action="store_true", help="Python functions only")
    parser.add_argument("--ignore_frozen", action="store_true", help="no functions of frozen modules")
    parser.add_argument("--log_func_args", action="store_true", help="arguments of each call")
    parser.add_argument("--log_func_retval", action="store_true", help="what each call returned")
    parser.add_argument("--log_print", action="store_true", help="what is printed")
    parser.add_argument("--log_sparse", action="store_true", help="only what is marked")
    parser.add_argument("--no_page", action="store_true", help="show the summary alone")
    parser.add_argument("--port", type=int, help="as VizTracer has it; none is needed")
    return parser


def _threads() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}


class Recording:
    """Of a part of a cell; ends with end(), or with the cell that it was begun in, and is shown then.

    UsageError for options that there are not, ValueError and RuntimeError of VizTracer and its start().
    """

    def __init__(self, shell: Any, line: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"%%viztracer: {error}") from None
        options = _parser().parse_args(words)
        self._events = shell.events
        self._with_page = not options.no_page
        self._deeper = 0  # cells that run within this one: magics run some
        self._tracer = VizTracer(
            verbose=0,
            max_stack_depth=options.max_stack_depth,
            min_duration=options.min_duration,
            ignore_c_function=options.ignore_c_function,
            ignore_frozen=options.ignore_frozen,
            log_func_args=options.log_func_args,
            log_func_retval=options.log_func_retval,
            log_print=options.log_print,
            log_sparse=options.log_sparse,
            output_file=os.path.expanduser(options.output_file),
            register_global=False,
            options=[] if session.in_run() else WITHOUT_KERNEL,
        )
        self._before = session.get_global()
        self._keep = session.in_run() and session.is_recording()
        self._others = _threads() - {importlib.import_module("_thread").get_native_id()}
        self._is_over = False
        self._events.register("pre_run_cell", self._cell_begins)
        self._events.register("post_run_cell", self._cell_ends)
        try:
            self._tracer.start()
        except BaseException:
            self._let_go()
            raise
        self._tracer.register_global()
        self._began_ns = _native.now_ns()  # without the start of the recorder

    def _cell_begins(self, info: Any) -> None:
        self._deeper += 1

    def _cell_ends(self, result: Any) -> None:
        if self._deeper > 0:
            self._deeper -= 1
            return
        self.end()

    def _let_go(self) -> None:
        self._is_over = True
        self._events.unregister("pre_run_cell", self._cell_begins)
        self._events.unregister("post_run_cell", self._cell_ends)

    def end(self) -> None:
        """Stops, writes the report and shows it; once. Where there can be none it says so: the cell's result comes first."""
        if self._is_over:
            return
        took_ns = _native.now_ns() - self._began_ns
        self._tracer._stop(self._keep)
        with paused():
            self._let_go()
            session.set_global(self._before)
            try:
                self._show(took_ns)
            except (OSError, reports.ReportError) as error:
                print(f"viztracer-native: no report: {error}", file=sys.stderr)

    def _show(self, took_ns: int) -> None:
        tracer = self._tracer
        window = tracer._window()
        if window is None:
            return
        output = tracer.output_file
        with tempfile.TemporaryDirectory(prefix="viztracer-native-") as folder:
            path = os.path.join(folder, "cell.summary.json")
            reports.make(window, [output, path])
            with open(path, encoding="utf-8", errors="replace") as file:
                data = json.load(file)
        summary = notebook_view.Summary(data, took_ns, self._others)
        display: Any = importlib.import_module("IPython.display")
        display.display(notebook_view.bundle(output, summary, self._with_page), raw=True)


def run_cell(shell: Any, line: str, cell: str) -> None:
    """Runs the cell within the one that runs now. Where it fails, which has been shown, Stopped."""
    recording = Recording(shell, line)
    try:
        result = shell.run_cell(cell, store_history=False)
    finally:
        recording.end()
    if not result.success:
        raise Stopped


def as_line_magic(lines: list[str]) -> list[str]:
    """IPython's transformation of a cell: `%%viztracer` as `%viztracer`, unless another cell magic stands below it."""
    if lines and lines[0].split()[:1] == ["%%" + NAME] and not any(line.startswith("%%") for line in lines[1:2]):
        return [lines[0].replace("%%", "%", 1), *lines[1:]]
    return lines


def load_ipython_extension(ipython: Any) -> None:
    """What `%load_ext viztracer_native` calls: makes the magics %%viztracer and %viztracer.

        %%viztracer --output_file cell.html --log_func_args
    """

    def viztracer(line: str, cell: str | None = None) -> None:
        if cell is None:
            Recording(ipython, line)
        else:
            run_cell(ipython, line, cell)

    viztracer.__doc__ = _parser().format_help()
    ipython.register_magic_function(viztracer, "line_cell", NAME)
    if as_line_magic not in ipython.input_transformers_cleanup:
        ipython.input_transformers_cleanup.append(as_line_magic)
