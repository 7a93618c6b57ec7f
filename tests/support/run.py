# SPDX-License-Identifier: Apache-2.0
"""Runs the unittest files named on the command line and reports in TAP.

    run.py [--only NAME]... FILE...

A TestCase with `per_interpreter = True` (tests/e2e/support.py) runs once per interpreter found, which
it sees as `self.interpreter`, with `each_way_only = True` besides on one for each way of recording
(interpreters.of_each_way): what it tests comes after the calls are recorded. Any other runs once.
VIZTRACER_NATIVE names the launcher under test.
VIZTRACER_NATIVE_TEST_PYTHONS=3.11,3.14 cuts the interpreters down. --only keeps the tests whose id
contains NAME.
"""

import argparse
import faulthandler
import importlib.util
import os
import signal
import sys
import tempfile
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]

import interpreters  # noqa: E402

# What would make two machines differ, or the program under test differ from a user's.
for name in list(os.environ):
    if name.startswith(("PYTHON", "PYENV_VERSION", "PYENV_DIR", "COV_")) or name in (
            "LD_PRELOAD", "VIRTUAL_ENV", "VIZTRACER_NATIVE_LOG", "MALLOC_PERTURB_"):
        del os.environ[name]
# What the tests send must arrive, also if whoever started them ignores it (nohup, a shell's `&`).
for ignored in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(ignored, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["LC_ALL"] = "C.UTF-8"
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def describe(error):
    """The traceback without unittest's own frames."""
    kind, value, trace = error
    while trace is not None and "__unittest" in trace.tb_frame.f_globals:
        trace = trace.tb_next
    inner = trace
    while inner is not None and inner.tb_next is not None:
        if "__unittest" in inner.tb_next.tb_frame.f_globals:
            inner.tb_next = None
            break
        inner = inner.tb_next
    return "".join(traceback.format_exception(kind, value, trace))


def same_file(one, other):
    return os.path.sameopenfile(one.fileno(), other.fileno())


class TapResult(unittest.TestResult):
    """One TAP line per test and per interpreter; what went wrong stands below it as `# ...`.

    It stands on stderr as well, where that is not the same file: `meson test --print-errorlogs` shows
    nothing else of a TAP test.
    """

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.errors = None if same_file(out, sys.stderr) else sys.stderr
        self.count = 0
        self.bad = 0

    @staticmethod
    def name(test):
        interpreter = getattr(test, "interpreter", None)
        return (f"{interpreter.name} " if interpreter else "") + test.id()

    def line(self, ok, test, suffix="", detail=""):
        self.count += 1
        self.bad += not ok
        took = time.monotonic() - getattr(self, "started", time.monotonic())
        name = test if isinstance(test, str) else self.name(test)
        slow = f" ({took:.1f} s)" if took > 2 else ""
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}{slow}{suffix}", file=self.out)
        for text in detail.rstrip().splitlines():
            print(f"#   {text}", file=self.out)
        self.out.flush()
        if not ok and self.errors is not None:
            print(f"not ok {self.count} - {name}\n{detail.rstrip()}", file=self.errors, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.sub_failures = []

    def stopTest(self, test):
        # unittest calls no add* method of the test itself when only its subtests failed.
        if self.sub_failures:
            self.line(False, test, detail="\n".join(self.sub_failures))
        super().stopTest(test)

    def addSuccess(self, test):
        self.line(True, test)

    def addSubTest(self, test, subtest, outcome):
        if outcome is not None:
            self.sub_failures.append(f"{subtest._subDescription()}\n{describe(outcome)}")

    def addFailure(self, test, error):
        self.line(False, test, detail=describe(error))

    addError = addFailure

    def addSkip(self, test, reason):
        self.line(True, test, f" # SKIP {reason}")

    def addExpectedFailure(self, test, error):
        self.line(True, test)

    def addUnexpectedSuccess(self, test):
        self.line(False, test, detail="an expected failure passed: take the mark away")


def load(path):
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()

    faulthandler.enable()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing a test prints may get into the TAP stream
    result = TapResult(out)
    print("TAP version 13", file=out)
    with tempfile.TemporaryDirectory(prefix="vtn-test-") as scratch:
        os.environ["TMPDIR"] = tempfile.tempdir = scratch
        run_files(options, result)
    print(f"1..{result.count}", file=out)
    out.flush()
    if result.bad and result.errors is not None:
        print(f"{result.bad} of {result.count} failed", file=result.errors)
    return 1 if result.bad else 0


def run_suite(tests, result):
    unittest.TestSuite(tests).run(result)
    # It has taken its last class down, and would have the next suite do it again.
    result._previousTestClass = None


def run_files(options, result):
    chosen, skips = None, []
    for path in options.files:
        tests = [test for test in flatten(load(path))
                 if not options.only or any(part in test.id() for part in options.only)]
        once = [test for test in tests if not getattr(test, "per_interpreter", False)]
        each = [test for test in tests if getattr(test, "per_interpreter", False)]
        if once:
            run_suite(once, result)
        if each and chosen is None:
            chosen, skips = interpreters.selected()
            for what, why in skips:
                result.line(True, f"{what} {os.path.basename(path)}", f" # SKIP {why}")
        for interpreter in (chosen or []) if each else []:
            group = []
            for test in each:
                if getattr(test, "each_way_only", False) and interpreter not in interpreters.of_each_way(chosen):
                    continue
                copy = type(test)(test._testMethodName)
                copy.interpreter = interpreter
                group.append(copy)
            if group:
                run_suite(group, result)


if __name__ == "__main__":
    sys.exit(main())
