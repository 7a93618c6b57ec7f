# SPDX-License-Identifier: Apache-2.0
"""Stands in for the recorder: knows the states a process goes through, and writes down what it is asked for.

`calls` has each call as (name, arguments...); what is only asked (state, now_ns, info, settings) is not in it. The clock goes
on by a microsecond each time it is looked at.
"""

import sys
import threading
import types

IN_NO_SESSION, RECORDING, PAUSED, STOPPED = range(4)


class Fake(types.ModuleType):
    def __init__(self):
        super().__init__("viztracer_native._native")
        self.reset()

    def reset(self, state=IN_NO_SESSION, settings=None, output=""):
        self.calls = []
        self.current = state
        self.recorded = dict(settings or {})
        self.output = output
        self.launcher = "/nowhere/viztracer-native"
        self.refusal = None  # what begin() raises with
        self.clock = 1_000_000
        self.sessions = 0
        self.muted = {}  # of each thread how often
        self.open = {}  # of each thread the names of its spans

    def note(self, *call):
        self.calls.append(call)

    def tell(self, *what):
        """What the program logs: while it is recorded."""
        if self.current not in (PAUSED, STOPPED):
            self.note(*what)

    def named(self, *names):
        return [call for call in self.calls if call[0] in names]

    # The module's functions.

    def state(self):
        return self.current

    def begin(self, settings, /):
        if self.refusal:
            raise RuntimeError(self.refusal)
        if self.current != IN_NO_SESSION:
            raise RuntimeError("this process is recorded already")
        assert set(settings) == {"arguments"} and all(type(word) is str for word in settings["arguments"]), settings
        option, output, *words = settings["arguments"]
        assert option == "-o" and output.startswith("/"), settings
        self.begun_output = output
        self.note("begin", words)
        for word in words:
            name, _, value = word[2:].partition("=")
            self.recorded[name] = value or True
        self.sessions += 1
        self.current = RECORDING

    def _move(self, name, to):
        assert self.current != IN_NO_SESSION, f"{name} in no session"
        self.note(name)
        self.current = to

    def end(self):
        self.note("end")
        self.current = IN_NO_SESSION

    def start(self):
        self._move("start", RECORDING)

    def stop(self):
        self._move("stop", STOPPED)

    def pause(self):
        self._move("pause", PAUSED)

    def resume(self):
        self._move("resume", RECORDING)

    def mute(self):
        thread = threading.get_ident()
        self.muted[thread] = self.muted.get(thread, 0) + 1

    def unmute(self):
        thread = threading.get_ident()
        assert self.muted.get(thread, 0) > 0, "unmute without mute"
        self.muted[thread] -= 1

    def is_muted(self):
        return self.muted.get(threading.get_ident(), 0) > 0

    def instant(self, name, values, scope, /):
        if not isinstance(name, str) or not isinstance(scope, str):
            raise TypeError("an instant's name and scope are texts")
        if scope not in ("g", "p", "t"):
            raise ValueError(f"no scope: {scope}")
        self.tell("instant", name, values if values is None or isinstance(values, dict) else {"value": values}, scope)

    def counter(self, name, values, /):
        if not isinstance(name, str) or not isinstance(values, dict):
            raise TypeError("a counter has a text and a dict")
        for value in values.values():
            if not isinstance(value, (int, float)):
                raise TypeError(f"a counter takes int or float, not {type(value).__name__}")
        self.tell("counter", name, values)

    def variable(self, name, value, /):
        if not isinstance(name, str):
            raise TypeError("a variable's name is a text")
        self.tell("variable", name, value)

    def object_event(self, ph, obj_id, name, args, /):
        assert ph in ("N", "O", "D") and type(obj_id) is str and type(name) is str
        self.tell("object_event", ph, obj_id, name, args)

    def raw(self, event, /):
        assert type(event) is str
        self.note("raw", event)

    def argument(self, key, value, /):
        if not isinstance(key, str):
            raise TypeError("a key is a text")
        self.tell("argument", key, value)

    def event(self, name, /):
        if not isinstance(name, str):
            raise TypeError("an event's name is a text")
        caller = sys._getframe(2)
        return Span(f"{name} ({caller.f_code.co_filename}:{caller.f_lineno})", {})

    def now_ns(self):
        self.clock += 1000
        return self.clock

    def base_time_ns(self):
        return 1_700_000_000_000_000_000

    def flush(self):
        self.note("flush")

    def info(self):
        return {"launcher": self.launcher, "recording": f"/recordings/{self.sessions}.vtn", **({"output": self.output} if self.output else {})}

    def settings(self):
        return dict(self.recorded)


class Span:
    """As the recorder's own type: made by __new__, derived from, no other state."""

    __slots__ = ("name", "values")

    def __new__(cls, name, values, /):
        assert type(name) is str and isinstance(values, dict)
        self = object.__new__(cls)
        self.name, self.values = name, values
        return self

    def __enter__(self):
        fake.note("enter", self.name, dict(self.values))
        fake.open.setdefault(threading.get_ident(), []).append(self.name)
        return self

    def __exit__(self, kind, error, traceback, /):
        fake.note("exit", self.name, kind)
        fake.open[threading.get_ident()].remove(self.name)


fake = Fake()
fake.Span = Span
sys.modules[fake.__name__] = fake
