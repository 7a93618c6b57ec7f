# SPDX-License-Identifier: Apache-2.0
"""Runs a module or a script as the program, under a tool that listens as we do and does nothing:
what fails here is CPython's doing, not ours.

    any_tool.py KIND MODULE|SCRIPT ARGUMENT...

KIND: monitoring (3.12 and later), profile (before), or the library of an evaluation function.
"""

import os
import runpy
import sys
import threading

EVENTS = ("PY_START", "PY_RESUME", "PY_THROW", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "CALL", "C_RETURN",
          "C_RAISE")
nothing = "".format  # takes any arguments, allocates nothing
kind, sys.argv = sys.argv[1], sys.argv[2:]

if kind == "monitoring":
    monitoring = sys.monitoring
    monitoring.use_tool_id(3, "any tool")
    events = [getattr(monitoring.events, name) for name in EVENTS]
    for event in events:
        monitoring.register_callback(3, event, nothing)
    monitoring.set_events(3, sum(events))
elif kind == "profile":
    threading.setprofile(nothing)
    sys.setprofile(nothing)
else:
    import ctypes
    assert ctypes.PyDLL(kind).set_eval_frame() == 0

if os.path.exists(sys.argv[0]):
    with open(sys.argv[0], encoding="utf-8") as file:
        exec(compile(file.read(), "<string>", "exec"), {"__name__": "__main__"})
else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
