# SPDX-License-Identifier: Apache-2.0
"""What a notebook shows of a recorded cell: a table, a button that opens the report, and the page itself.

The page lies in a frame that can reach neither the notebook nor the network: no server, no port. A notebook keeps what
it shows, so of a large page there is the button alone. Where a notebook is not trusted (somebody else's, opened again)
Jupyter takes frames and scripts out of it: table and name are left, and the words that stand in the frame.
"""

from __future__ import annotations

import html
import os
import urllib.parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

HEIGHT_PIXELS = 640
# Notebooks are read, saved and compared whole, and GitHub shows none that is much larger.
MOST_INLINE_BYTES = 4_000_000
MOST_ROWS = 10
UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
COLUMNS = ("own", "share", "total", "calls", "function")

# Not trusted, the button is dead; so it says where the report is, too.
_OUTSIDE = "<p><em>The report is shown here where the notebook is trusted, or when the cell has run again.</em></p>"
# A page of this very cell, whatever has become of the file; below it the frame is as closed as here.
_OPEN_FRAME = (
    "const f=this.parentElement.parentElement.querySelector('iframe');"
    "window.open(window.URL.createObjectURL(new Blob(['<!doctype html><meta charset=utf-8><title>viztracer-native</title>"
    "<style>html,body,iframe{margin:0;border:0;width:100%;height:100%;overflow:hidden}</style>',f.outerHTML],{type:'text/html'})))"
)
_OPEN_FILE = "window.open(this.parentElement.querySelector('a').href)"


class Row:
    """A function of the table, over the threads that it is of."""

    __slots__ = ("calls", "function", "own_ns", "total_ns")

    def __init__(self, function: str) -> None:
        self.function = function
        self.calls = self.own_ns = self.total_ns = 0


def duration(value_ns: int) -> str:
    """Three digits and a unit: "12.3 ms"."""
    for unit_ns, unit in UNITS:
        if value_ns >= unit_ns:
            value = value_ns / unit_ns
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    return f"{value_ns} ns"


def size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _function(entry: dict[str, Any]) -> str:
    if entry["file"] is None:
        return str(entry["name"])
    return f"{entry['name']} ({os.path.basename(entry['file'])}:{entry['line']})"


class Summary:
    """Of some threads of a report: the kernel's own, which mostly wait, would hide what the cell does."""

    def __init__(self, data: dict[str, Any], took_ns: int, others: Collection[int]) -> None:
        """`data`: a .summary.json of one process. `others`: threads that are none of the cell's."""
        threads = [thread for process in data["processes"] for thread in process["threads"] if thread["tid"] not in others]
        rows: dict[tuple[str, str | None, int], Row] = {}
        for thread in threads:
            for entry in thread["functions"]:
                key = entry["name"], entry["file"], entry["line"]
                row = rows.setdefault(key, Row(_function(entry)))
                row.calls += entry["calls"]
                row.own_ns += entry["own_ns"]
                row.total_ns += entry["total_ns"]
        self.rows = sorted(rows.values(), key=lambda row: -row.own_ns)
        self.threads = len(threads)
        self.took_ns = took_ns
        self.lost_events: int = data["lost_events"]

    def title(self) -> str:
        calls = sum(row.calls for row in self.rows)
        threads = f" in {self.threads} threads" if self.threads > 1 else ""
        lost = f"; {self.lost_events:,} events were lost" if self.lost_events else ""
        return f"{duration(self.took_ns)}, {calls:,} call{'s' if calls != 1 else ''}{threads}{lost}"

    def table(self) -> list[tuple[str, ...]]:
        whole_ns = sum(row.own_ns for row in self.rows) or 1
        return [
            (duration(row.own_ns), f"{100 * row.own_ns / whole_ns:.1f} %", duration(row.total_ns), f"{row.calls:,}", row.function)
            for row in self.rows[:MOST_ROWS]
        ]

    def as_text(self) -> str:
        lines = [COLUMNS, *self.table()]
        widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS) - 1)]
        shown = ["  ".join([*(cell.rjust(width) for cell, width in zip(line, widths)), line[-1]]) for line in lines]
        return "\n".join([self.title(), *shown])

    def as_html(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in COLUMNS)
        lines = [
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line[:-1]) + f'<td style="text-align:left"><code>{html.escape(line[-1])}</code></td></tr>'
            for line in self.table()
        ]
        return f"<p><b>{html.escape(self.title())}</b></p><table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def frame(text: str) -> str:
    """A self-contained page within the notebook's, which it cannot touch."""
    inside = text.replace("&", "&amp;").replace('"', "&quot;")
    return f'<iframe sandbox="allow-scripts" width="100%" height="{HEIGHT_PIXELS}" style="border:0" srcdoc="{inside}">{_OUTSIDE}</iframe>'


def link(path: str) -> str:
    """To a file below the notebook's folder, which the notebook's server has; of any other the name."""
    shown = html.escape(path, quote=True)
    relative = os.path.relpath(path)
    if relative.startswith(os.pardir + os.sep):
        return f"<code>{shown}</code>"
    return f'<a href="{html.escape(urllib.parse.quote(relative), quote=True)}" target="_blank">{shown}</a>'


def bundle(output: str, summary: Summary, with_page: bool) -> dict[str, str]:
    """What is handed to IPython.display.display(raw=True)."""
    page, note = "", ""
    if with_page and output.endswith(".html"):
        with open(output, encoding="utf-8", errors="replace") as file:
            page = frame(file.read())
        if len(page) > MOST_INLINE_BYTES:
            note = f" {size(os.path.getsize(output))}: no page of more than {size(MOST_INLINE_BYTES)} is kept in the notebook"
            page = ""
    where = link(output)
    opens = _OPEN_FRAME if page else _OPEN_FILE if output.endswith(".html") and "<a " in where else ""
    button = f'<button type="button" onclick="{opens}">Open the report</button> ' if opens else ""
    return {
        "text/plain": f"{summary.as_text()}\nreport: {output}",
        "text/html": f"<div>{summary.as_html()}<p>{button}{where}{note}</p>{page}</div>",
    }
