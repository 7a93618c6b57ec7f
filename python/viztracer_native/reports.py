# SPDX-License-Identifier: Apache-2.0
"""Reports of what this process has recorded so far, made by the launcher in a process of its own.

The recording goes on meanwhile. What happens on the calling thread for it is not recorded.
"""

from __future__ import annotations

import atexit
import os
import subprocess

from . import _native
from .muting import paused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# The launcher, as a child of a process that is recorded, is not to be a part of the recording that it reads.
NOT_TRACED = "VIZTRACER_NATIVE"


class ReportError(RuntimeError):
    """A report could not be made; says why, in one line.

        try:
            tracer.save("/full/x.html")
        except ReportError as error:
            print(error)
    """


class Window:
    """What of which recording: a process, from one time of the recorder's clock to another. None: all of them, no border."""

    __slots__ = ("recording", "pid", "from_ns", "to_ns")

    def __init__(self, recording: str, pid: int | None, from_ns: int | None = None, to_ns: int | None = None) -> None:
        self.recording = recording
        self.pid = pid
        self.from_ns = from_ns
        self.to_ns = to_ns


def with_pid(path: str, pid: int) -> str:
    """"a.json.gz" -> "a_4711.json.gz"."""
    folder, name = os.path.split(path)
    packed = ".gz" if name.endswith(".gz") else ""
    stem, ending = os.path.splitext(name[: len(name) - len(packed)])
    for more in (".summary", ".speedscope"):
        if ending == ".json" and stem.endswith(more):
            stem, ending = stem[: -len(more)], more + ending
    return os.path.join(folder, f"{stem}_{pid}{ending}{packed}")


def command(window: Window, outputs: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """The launcher's words. "@" stands before times of the recorder's clock, rather than of the report's axis."""
    words = [_native.info()["launcher"], "--quiet", "--convert", window.recording]
    if window.pid is not None:
        words += ["--process", str(window.pid)]
    if window.from_ns is not None:
        words += ["--from", f"@{window.from_ns}"]
    if window.to_ns is not None:
        words += ["--to", f"@{window.to_ns}"]
    for output in outputs:
        words += ["-o", output]
    return [*words, *options]


def _launch(words: Sequence[str], outputs: Sequence[str], stderr: int | None) -> subprocess.Popen[str]:
    for output in outputs:
        os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env={**os.environ, NOT_TRACED: "0"},
            text=True,
            errors="backslashreplace",
        )
    except OSError as error:
        raise ReportError(f"cannot run {words[0]} to make a report: {error.strerror or error}") from error


def _run(words: Sequence[str], outputs: Sequence[str]) -> None:
    with _launch(words, outputs, subprocess.PIPE) as process:
        said = process.communicate()[1].strip()
    # Its status may have been taken by a handler of the program's that waits for any child.
    if process.returncode != 0 or not all(os.path.exists(output) for output in outputs):
        last = said.splitlines()[-1] if said else f"the launcher ended with status {process.returncode} and no report"
        raise ReportError(last.removeprefix("viztracer-native: "))


def make(window: Window, outputs: Sequence[str], options: Sequence[str] = ()) -> None:
    """Writes them; their names' ends say what each is. ReportError, OSError of folders that cannot be made."""
    with paused():
        _native.flush()
        _run(command(window, outputs, options), outputs)


class Saving:
    """A report that is being made in the background. The methods are those of multiprocessing.Process that make sense.

    Whoever drops it loses nothing: the program's end waits for it.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        """None while it goes on, 0 for a report that is there."""
        return self._process.poll()

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self, timeout: float | None = None) -> None:
        """Waits for the report, or so many seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass

    def terminate(self) -> None:
        """Gives it up."""
        self._process.terminate()

    kill = terminate


_in_background: list[Saving] = []


def _wait_for_all() -> None:
    while _in_background:
        _in_background.pop().join()


atexit.register(_wait_for_all)


def begin_making(window: Window, outputs: Sequence[str], options: Sequence[str] = ()) -> Saving:
    """Like make(), but returns at once; an error is a line on stderr."""
    with paused():
        _in_background[:] = [one for one in _in_background if one.is_alive()]
        _native.flush()
        saving = Saving(_launch(command(window, outputs, options), outputs, None))
        _in_background.append(saving)
        return saving


def read(window: Window) -> dict[str, Any]:
    """The report as VizTracer's JSON, with each single call. ReportError."""
    with paused():
        import json
        import tempfile

        with tempfile.TemporaryDirectory(prefix="viztracer-native-") as folder:
            path = os.path.join(folder, "report.json")
            make(window, [path], ["--full"])
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                data: dict[str, Any] = json.load(file)
        return data


def write(data: dict[str, Any], output: str, options: Sequence[str] = ()) -> None:
    """A report of events that the program has changed. What JSON has no word for is told by its type. ReportError."""
    with paused():
        import json
        import tempfile

        from .events import plain

        os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
        text = json.dumps(plain(data), separators=(",", ":"))
        if output.endswith(".json") and not output.endswith((".summary.json", ".speedscope.json")):
            with open(output, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
            return
        with tempfile.TemporaryDirectory(prefix="viztracer-native-") as folder:
            path = os.path.join(folder, "report.json")
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
            _run([_native.info()["launcher"], "--quiet", "--convert", path, "-o", output, *options], [output])
