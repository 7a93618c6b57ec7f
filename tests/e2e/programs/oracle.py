# SPDX-License-Identifier: Apache-2.0
"""Runs a program under a recorder written in Python, or without it.

    oracle.py PROGRAM RECORDING     records with sys.setprofile, writes JSON to RECORDING
    oracle.py PROGRAM               the same modules, the same frames, no recorder: to be traced

RECORDING holds one list per thread: ["call", name], ["return"], ["c_call", name], ["c_return"].
"""

import gc
import json
import sys
import threading
import types


class Recorder:
    def __init__(self):
        self.threads = []
        self.local = threading.local()

    def __call__(self, frame, event, argument):
        try:
            events = self.local.events
        except AttributeError:
            events = self.local.events = []
            self.threads.append(events)
        if event == "call":
            code = frame.f_code
            name = getattr(code, "co_qualname", code.co_name)
            events.append((event, f"{name} ({code.co_filename}:{code.co_firstlineno})"))
        elif event == "c_call":
            events.append((event, argument.__name__))
        else:
            events.append(("return",) if event == "return" else ("c_return",))


def main():
    path = sys.argv[1]
    recorder = Recorder()
    with open(path, encoding="utf-8") as file:
        code = compile(file.read(), path, "exec")
    oracle, program = sys.modules["__main__"], types.ModuleType("__main__")
    program.__file__ = path
    sys.modules["__main__"] = program
    # Neither run may collect garbage where the other does not.
    gc.collect()
    gc.disable()
    if len(sys.argv) > 2:
        threading.setprofile(recorder)
        sys.setprofile(recorder)
    exec(code, vars(program))
    if len(sys.argv) > 2:
        sys.setprofile(None)
        threading.setprofile(None)
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            json.dump(recorder.threads, file)
    sys.modules["__main__"] = oracle


main()
