# SPDX-License-Identifier: Apache-2.0
"""%%viztracer: a cell of a notebook, recorded and shown.

    %load_ext viztracer_native

    %%viztracer --log_func_args
    work()

What is shown is the page itself, within the notebook: no server, no port, no network.
"""

from __future__ import annotations

import argparse
import html
import importlib
import os
import tempfile

from . import reports, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tracer import VizTracer

DEFAULT_OUTPUT = "./viztracer_report.html"
HEIGHT_PIXELS = 640
# A notebook keeps what it shows: beyond that there is the link alone.
MOST_INLINE_BYTES = 16_000_000


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


def page(text: str) -> str:
    """A self-contained page within the notebook's, which it cannot touch."""
    return (
        f'<div><iframe sandbox="allow-scripts" width="100%" height="{HEIGHT_PIXELS}" style="border:0" '
        f'srcdoc="{html.escape(text, quote=True)}"></iframe></div>'
    )


def link(path: str) -> str:
    return f'<p><a href="{html.escape(path, quote=True)}" target="_blank">{html.escape(path)}</a></p>'


def report(tracer: VizTracer, output: str) -> str:
    """Writes it, and returns a summary of it in Markdown."""
    window = tracer._window()
    if window is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="viztracer-native-") as folder:
        summary = os.path.join(folder, "summary.md")
        reports.make(window, [output, summary])
        with open(summary, encoding="utf-8", errors="replace") as file:
            return file.read()


def show(output: str, summary: str, with_page: bool) -> None:
    shown: Any = importlib.import_module("IPython.display")
    shown.display(shown.Markdown(summary))
    text = ""
    if with_page and output.endswith(".html") and os.path.getsize(output) <= MOST_INLINE_BYTES:
        with open(output, encoding="utf-8", errors="replace") as file:
            text = page(file.read())
    shown.display(shown.HTML(text + link(output)))


def run_cell(shell: Any, line: str, cell: str) -> None:
    """Runs the cell, recorded; then its report is there and shown, also where the cell has failed.

    UsageError for options that there are not, ReportError where no report can be made.
    """
    import shlex

    from .tracer import VizTracer

    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%%viztracer: {error}") from None
    options = _parser().parse_args(words)
    tracer = VizTracer(
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
    )
    others = session.get_global()
    keep = session.in_run() and session.is_recording()
    tracer.start()
    tracer.register_global()
    try:
        result = shell.run_cell(cell, store_history=False)
    finally:
        tracer._stop(keep)
        session.set_global(others)
    show(tracer.output_file, report(tracer, tracer.output_file), not options.no_page)
    if not result.success:
        raise Stopped


def load_ipython_extension(ipython: Any) -> None:
    """What `%load_ext viztracer_native` calls: makes the magic %%viztracer.

        %%viztracer --output_file cell.html --log_func_args
    """

    def viztracer(line: str, cell: str) -> None:
        run_cell(ipython, line, cell)

    viztracer.__doc__ = _parser().format_help()
    ipython.register_magic_function(viztracer, "cell", "viztracer")
