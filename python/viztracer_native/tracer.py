# SPDX-License-Identifier: Apache-2.0
"""class VizTracer: recording under a program's own control."""

from __future__ import annotations

import _thread
import builtins
import os
import sys
import warnings

from . import _native, session, settings
from .compatibility import Compatibility
from .muting import paused
from .plugins import PluginManager
from .tracer_marks import TracerMarks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Sequence
    from typing import Any

    from .reports import Saving, Window

STOP_OPTIONS = (None, "flush_as_finish")


class VizTracer(TracerMarks, Compatibility):
    """Records this process from start() to stop(); save() writes a report of it.

        with VizTracer(output_file="result.html", log_func_args=True) as tracer:
            work()

    Arguments, each of them an attribute as well; TypeError or ValueError says which one means nothing:

    tracer_entries: keeps the newest so many calls and marks. Unless another number is given, all are kept.
    verbose: 0 says nothing; otherwise save() tells on stderr where the report is.
    max_stack_depth: keeps so many outermost calls of each thread; -1: all.
    include_files, exclude_files: lists of files and folders whose functions alone, or not, are recorded.
    ignore_c_function, ignore_frozen: records no C functions, no frozen ones.
    log_func_args, log_func_retval: with each Python call its arguments, what it returned. log_func_with_objprint:
        with what is in the objects' __dict__.
    log_print, log_gc: what is printed, when garbage is collected. log_audit: audit events; a list of regular
        expressions, empty for all.
    log_sparse: no calls, but spans and functions marked by log_sparse.
    ignore_multiprocess: False follows the processes that this one starts, too.
    pid_suffix: save() puts the process's id into the report's name. file_info: puts sources into it.
    register_global: get_tracer() returns this one.
    min_duration: keeps calls that take so many microseconds, or a text such as "0.3ms".
    process_name: shown in reports. output_file: where save() writes; its end says what (.html, .json, ...).
    plugins: VizPluginBase objects, or texts "module arguments".
    options: further words of the launcher's command line, such as ["--log_exception", "--mine"].

    In a process that is recorded already its recording is acted upon: start() and stop() resume and pause it, and one
    warning says which arguments come too late. Methods may be called by any thread.
    """

    tracer_entries: int
    verbose: int
    max_stack_depth: int
    include_files: list[str] | None
    exclude_files: list[str] | None
    ignore_c_function: bool
    ignore_frozen: bool
    log_func_retval: bool
    log_func_args: bool
    log_func_repr: Callable[[object], str] | None
    log_func_with_objprint: bool
    log_print: bool
    log_gc: bool
    log_sparse: bool
    log_async: bool
    log_torch: bool
    log_audit: list[str] | None
    ignore_multiprocess: bool
    pid_suffix: bool
    file_info: bool
    report_endpoint: str | None
    trace_self: bool
    minimize_memory: bool
    dump_raw: bool
    sanitize_function_name: bool
    min_duration: float | str
    process_name: str | None
    output_file: str

    _values: dict[str, Any]
    _is_whole = False  # what was before start() is its own as well

    def __init__(
        self,
        tracer_entries: int = 1_000_000,
        verbose: int = 1,
        max_stack_depth: int = -1,
        include_files: Sequence[str] | None = None,
        exclude_files: Sequence[str] | None = None,
        ignore_c_function: bool = False,
        ignore_frozen: bool = False,
        log_func_retval: bool = False,
        log_func_args: bool = False,
        log_func_repr: Callable[[object], str] | None = None,
        log_func_with_objprint: bool = False,
        log_print: bool = False,
        log_gc: bool = False,
        log_sparse: bool = False,
        log_async: bool = False,
        log_torch: bool = False,
        log_audit: Sequence[str] | None = None,
        ignore_multiprocess: bool = True,
        pid_suffix: bool = False,
        file_info: bool = True,
        register_global: bool = True,
        report_endpoint: str | None = None,
        trace_self: bool = False,
        minimize_memory: bool = False,
        dump_raw: bool = False,
        sanitize_function_name: bool = False,
        min_duration: float | str = 0,
        process_name: str | None = None,
        output_file: str | os.PathLike[str] = "result.json",
        plugins: Sequence[object] | None = None,
        *,
        options: Sequence[str] = (),
    ) -> None:
        given = locals()
        vars(self)["_values"] = {row.name: row.check(row.name, given[row.name]) for row in settings.ROWS}
        # register_global is a method's name, too.
        vars(self).update((name, value) for name, value in self._values.items() if name != "register_global")
        self._options: list[str] = settings.texts("options", options) or []
        self.cwd = os.getcwd()
        self.data: dict[str, Any] = {}
        self.parsed = False
        self.total_entries = 0
        self._from_ns: int | None = None
        self._to_ns: int | None = None
        self._recording = ""
        self._left_behind = False  # by a save() or parse(): the next start() begins anew
        self._paused = _thread._local()
        self._keeps: list[bool] = []
        self._terminated = False
        self._plugins = PluginManager(self, plugins)
        self.get_args()
        never = settings.never_kept(self._values)
        if never:
            warnings.warn(f"viztracer-native: without effect: {', '.join(never)}", RuntimeWarning, stacklevel=2)
        if session.in_run():
            self._warn_of_late(self._values, self._options)
        self._plugins.event("initialize")
        if register_global:
            self.register_global()

    # Settings are attributes that are checked.

    def __setattr__(self, name: str, value: object) -> None:
        row = settings.BY_NAME.get(name)
        if row is not None and name != "plugins":
            value = row.check(name, value)
            self._values[name] = value
            if session.in_run() or self.enable:
                self._warn_of_late({**settings.DEFAULTS, name: value}, ())
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in settings.BY_NAME:
            raise AttributeError(f"{name} cannot be deleted")
        object.__delattr__(self, name)

    def _warn_of_late(self, values: dict[str, Any], options: Sequence[str]) -> None:
        late = settings.without_effect(values, _native.settings()) + [f"options ({word})" for word in options]
        if late:
            warnings.warn(
                "viztracer-native: the recording of this process has begun without "
                + ", ".join(late)
                + ": give these options to the command that begins it",
                RuntimeWarning,
                stacklevel=3,
            )

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """The arguments to make another one like it with, for another process.

            VizTracer(**tracer.init_kwargs)
        """
        return {**self._values, "plugins": None, "options": list(self._options)}

    def get_args(self) -> list[str]:
        """The launcher's options that record what is asked for. ValueError for what cannot be combined.

            VizTracer(log_gc=True).get_args()  # ["--log_gc", "--ignore_multiprocess"]
        """
        return settings.words_of(self._values) + self._options

    # Recording

    def start(self) -> None:
        """Records from here on; nothing happens where it does already.

        After a save() or parse() what was before is left behind; otherwise it stays part of the report. RuntimeError
        with one line where this process cannot be recorded, ValueError for settings that cannot be combined.

            tracer.start()
            work()
            tracer.stop()
        """
        if self.enable:
            return
        arguments = self.get_args()
        self._plugins.event("pre-start")
        began = _native.now_ns()
        with session.lock:
            as_asked = session.start(self, arguments, os.path.join(self.cwd, self.output_file))
            self._recording = _native.info()["recording"]
            if self._left_behind or (self._from_ns is None and not self._is_whole):
                self._from_ns = began
            self._to_ns = None
            self._left_behind = self.parsed = False
            self._running = True
        if not as_asked:
            self._warn_of_late(self._values, self._options)
        if self.process_name is not None:
            self.add_raw({"ph": "M", "name": "process_name", "args": {"name": self.process_name}})

    def stop(self, stop_option: str | None = None) -> None:
        """Records no more, unless another tracer of the process does. Calls that are open are shown up to here, with
        "flush_as_finish" as without. ValueError for another option.

            tracer.stop()
            tracer.save()
        """
        if stop_option not in STOP_OPTIONS:
            raise ValueError(f"stop_option must be 'flush_as_finish' or None, not {stop_option!r}")
        self._stop(keep=False)

    def _stop(self, keep: bool) -> None:
        if not self.enable:
            return
        with session.lock:
            session.stop(self, keep)
            self._running = self._is_whole
            self._to_ns = _native.now_ns()
        self._plugins.event("post-stop")

    def pause(self) -> None:
        """Nothing of the calling thread is recorded until resume(); other threads are. Twice is as once.

            tracer.pause()
            warm_up_caches()
            tracer.resume()
        """
        if not getattr(self._paused, "now", False):
            self._paused.now = True
            _native.mute()

    def resume(self) -> None:
        """Ends pause() of the calling thread; without one nothing happens.

            tracer.resume()
        """
        if getattr(self._paused, "now", False):
            self._paused.now = False
            _native.unmute()

    def __enter__(self) -> VizTracer:
        keep = session.in_run() and session.is_recording()  # what was recorded before is so afterwards
        self.start()
        self._keeps.append(keep)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        self._stop(keep=self._keeps.pop())
        try:
            # The program's own exception matters more than that its report could not be made.
            self._save_at_end(None, quietly=error is not None)
        finally:
            self.terminate()
            if session.get_global() is self:
                session.set_global(None)

    def _save_at_end(self, output_file: str | None, quietly: bool) -> None:
        try:
            self.save(output_file)
        except Exception as failure:
            if not quietly:
                raise
            warnings.warn(f"viztracer-native: no report: {failure}", RuntimeWarning, stacklevel=3)

    def run(self, command: str, output_file: str | None = None) -> None:
        """Records the execution of Python source as __main__ would run it, and saves a report, also where it raises.

            tracer.run("import json; json.loads('[1]')", "json.html")
        """
        keep = session.in_run() and session.is_recording()
        self.start()
        failed = True
        try:
            exec(command, {"__name__": "__main__", "__builtins__": builtins})
            failed = False
        finally:
            self._stop(keep)
            self._save_at_end(output_file, quietly=failed)

    def install(self) -> None:
        """From now on SIGUSR1 starts it, and SIGUSR2 stops it and saves. Main thread only (ValueError).

            tracer.install()  # then, from a shell: kill -USR1 PID; sleep 5; kill -USR2 PID
        """
        with paused():
            import signal

        # Whatever the program is at when the signal comes, no exception of ours gets into it.
        def start(number: int, frame: object) -> None:
            try:
                self.start()
            except Exception as failure:
                warnings.warn(f"viztracer-native: not started: {failure}", RuntimeWarning, stacklevel=2)

        def stop_and_save(number: int, frame: object) -> None:
            self.stop()
            self._save_at_end(None, quietly=True)

        signal.signal(signal.SIGUSR1, start)
        signal.signal(signal.SIGUSR2, stop_and_save)

    # Reports

    def _window(self) -> Window | None:
        with paused():
            from .reports import Window
        if self._from_ns is None:
            return None
        to_ns = self._to_ns if self._to_ns is not None else _native.now_ns()
        # A session of our own that follows children is theirs as well.
        alone = session.in_run() or self.ignore_multiprocess
        return Window(self._recording, os.getpid() if alone else None, self._from_ns, to_ns)

    def _report_words(self, file_info: bool | None) -> list[str]:
        with_sources = self.file_info if file_info is None else settings.boolean("file_info", file_info)
        return [] if with_sources else ["--no_source"]

    def _output(self, output_file: str | os.PathLike[str] | None) -> str:
        name = str(settings.path("output_file", self.output_file if output_file is None else output_file))
        # The run's own report comes at its end, and would replace it.
        of_run = _native.info().get("output", "") if session.in_run() else ""
        if self.pid_suffix or (of_run and os.path.realpath(name) == os.path.realpath(of_run)):
            with paused():
                from .reports import with_pid
            return with_pid(name, os.getpid())
        return name

    def save(
        self,
        output_file: str | os.PathLike[str] | None = None,
        file_info: bool | None = None,
        verbose: int | None = None,
    ) -> None:
        """Writes a report of what was recorded of this process since the first start(), or since clear().

        `output_file` (or the attribute of that name) says by its end what is written: .html, .json, .json.gz,
        .pftrace, .txt, .svg and more. Recording goes on meanwhile, if it does. Where start() was never called there is
        a RuntimeWarning and no report. ReportError with one line where none can be made, ValueError for no file name.

            tracer.save("requests.html")
        """
        output = self._output(output_file)
        words = self._report_words(file_info)
        window = self._window()
        if window is None:
            warnings.warn("viztracer-native: nothing to save: start() was not called", RuntimeWarning, stacklevel=2)
            return
        with paused():
            from . import reports

            if self._plugins.event("pre-save"):
                reports.write(self.data, output, words)
            else:
                reports.make(window, [output], words)
            self._left_behind = True
            if self.verbose if verbose is None else verbose:
                print(f"viztracer-native: saved {os.path.abspath(output)}", file=sys.stderr)

    def save_report(self, output: Any, file_info: bool | None = None, verbose: int | None = None) -> None:
        """save(), also to an open text file, which gets JSON.

            tracer.save_report(sys.stdout)
        """
        if not hasattr(output, "write"):
            self.save(output, file_info, verbose)
            return
        with paused():
            import json

            from .events import plain

            output.write(json.dumps(plain(self._read())))

    def fork_save(self, output_file: str | os.PathLike[str] | None = None) -> Saving:
        """save() in the background, whatever the start method of multiprocessing; nothing is forked.

        What is returned has join(), is_alive(), exitcode and pid. RuntimeError where start() was never called.

            saving = tracer.fork_save("requests.html")
            ...
            saving.join()
        """
        with paused():
            from . import reports
        output = self._output(output_file)
        window = self._window()
        if window is None:
            raise RuntimeError("nothing to save: start() was not called")
        self._left_behind = True
        return reports.begin_making(window, [output], self._report_words(None))

    def _read(self) -> dict[str, Any]:
        with paused():
            from . import reports
        window = self._window()
        data: dict[str, Any] = {"traceEvents": [], "viztracer_metadata": {}} if window is None else reports.read(window)
        if self._sync_marker_ns is not None:
            data.setdefault("viztracer_metadata", {})["sync_marker"] = self._sync_marker_ns / 1000
        return data

    def parse(self) -> int:
        """Stops, and reads what was recorded into the attribute `data`, as VizTracer's JSON has it.

        Returns how many events there are, those that name processes and threads aside. ReportError.

            print(tracer.parse(), "events:", tracer.data["traceEvents"][:3])
        """
        self.stop()
        if not self.parsed:
            self.data = self._read()
            self.total_entries = sum(event.get("ph") != "M" for event in self.data["traceEvents"])
            self.parsed = self._left_behind = True
        return self.total_entries

    def load(self) -> list[dict[str, Any]]:
        """The events since start() or clear(), as a list of dicts; the next load() has those after them. ReportError.

            longest = max(tracer.load(), key=lambda event: event.get("dur", 0))
        """
        events: list[dict[str, Any]] = self._read()["traceEvents"]
        self.clear()
        return events

    def dump(self, filename: str | os.PathLike[str], sanitize_function_name: bool = False) -> None:
        """Like load(), into a file: JSON, unless its name says otherwise. ReportError.

            tracer.dump("minute.json")
        """
        with paused():
            from . import reports
        window = self._window()
        if window is None:
            raise RuntimeError("nothing to dump: start() was not called")
        reports.make(window, [str(settings.path("filename", filename))], self._report_words(None))
        self.clear()

    def clear(self) -> None:
        """Reports begin here: what was recorded before is in none of this tracer's any more.

            tracer.clear()
            handle(request)
            tracer.save("request.html")
        """
        self.data = {}
        self.parsed = False
        self.total_entries = 0
        self._left_behind = False
        self._from_ns = _native.now_ns() if self.enable or self._is_whole else None

    # The program's end

    def register_global(self) -> None:
        """get_tracer() returns this one.

            tracer.register_global()
            assert get_tracer() is tracer
        """
        session.set_global(self)

    def terminate(self) -> None:
        """Tells the plugins that it is over, once. VizPluginError where one does not agree.

            tracer.terminate()
        """
        if not self._terminated:
            self._terminated = True
            self._plugins.terminate()

    def register_exit(self) -> None:
        """When the program ends, also by SIGTERM, it stops and saves. Below the command nothing is to be done.

            tracer.register_exit()
            tracer.start()
        """
        if session.in_run():
            return
        with paused():
            import atexit
            import signal

        pid = os.getpid()

        def save_once() -> None:
            if os.getpid() == pid:  # a forked child has no report of its own
                self.exit_routine()

        def end(number: int, frame: object) -> None:
            try:
                save_once()
            finally:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTERM)  # so that the status is that of the signal

        atexit.register(save_once)

        try:
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                signal.signal(signal.SIGTERM, end)
        except ValueError:
            pass  # not the main thread: then the end of the interpreter alone

    def exit_routine(self) -> None:
        """Stops, saves into the folder where the tracer was made, and terminates: once.

            tracer.exit_routine()
        """
        if not self._terminated:
            self._stop(keep=False)
            if self._from_ns is not None:
                self.save(os.path.join(self.cwd, self.output_file))
            self.terminate()

    def set_afterfork(self, callback: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Calls `callback(tracer, ...)` in each child that is forked from now on.

            tracer.set_afterfork(lambda tracer: tracer.clear())
        """
        os.register_at_fork(after_in_child=lambda: callback(self, *args, **kwargs))


class RunTracer(VizTracer):
    """The tracer of a run that this program is a part of. It has been started, and reports what was before it, too."""

    _is_whole = True
    _running = True  # whether anything is recorded, the recorder knows

    def __init__(self) -> None:
        super().__init__(register_global=False)
        self._recording = _native.info()["recording"]

    @property
    def enable(self) -> bool:
        return session.is_recording()

    def _window(self) -> Window:
        with paused():
            from .reports import Window
        return Window(self._recording, os.getpid(), self._from_ns, self._to_ns or _native.now_ns())
