# SPDX-License-Identifier: Apache-2.0
"""Tests of pytest and unittest as rows, against what the runners say of them; nothing of ours in them."""

import json
import os
import shutil
import unittest

import venvs
from support import TestCase

CONFTEST = """
import json, os
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and type(report).__name__ == "TestReport":
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if outcome == "skipped" else "xpassed"
        with open("reports.txt", "a") as file:
            file.write(json.dumps([report.nodeid, report.when, outcome]) + "\\n")
"""
SUITE = """
import unittest
import pytest

def helper(n):
    return n

@pytest.mark.parametrize("n", range(5))
def test_many(n):
    assert helper(n) == n

def test_fails():
    assert helper(1) == 2

def test_skips():
    pytest.skip("today")

@pytest.mark.skip
def test_is_skipped():
    pass

@pytest.mark.xfail
def test_expected():
    assert False

@pytest.mark.xfail
def test_unexpected():
    pass

@pytest.mark.xfail(strict=True)
def test_strict_fails():
    pass

@pytest.mark.parametrize("text", ["f(1)" + "x" * 2000])
def test_long(text):
    pass

@pytest.fixture
def broken():
    raise OSError

def test_error(broken):
    pass

@pytest.fixture
def leaves():
    yield
    raise OSError

def test_teardown_error(leaves):
    pass

class TestThing:
    @pytest.mark.parametrize("word", ["a b", "caf\\u00e9"])
    def test_method(self, word):
        helper(word)

class Old(unittest.TestCase):
    def test_old(self):
        with self.subTest(1):
            helper(1)
"""
UNITTEST = """
import asyncio, json, sys, unittest

class Case(unittest.TestCase):
    def setUp(self):
        if "setup" in self._testMethodName:
            raise OSError
    def test_passes(self): pass
    def test_fails(self): self.fail()
    def test_error(self): raise OSError
    def test_setup_error(self): pass
    def test_skips(self): self.skipTest("today")
    @unittest.skip("always")
    def test_is_skipped(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(1, n)

class Later(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self): await asyncio.sleep(0)
    async def test_awaits(self): await asyncio.sleep(0.01)

class Result(unittest.TextTestResult):
    def __init__(self, *arguments, **values):
        super().__init__(*arguments, **values)
        self.told = {}
    def startTest(self, test): super().startTest(test); self.told[test.id()] = "passed"
    def addError(self, test, err): super().addError(test, err); self.told[test.id()] = "error"
    def addFailure(self, test, err): super().addFailure(test, err); self.told[test.id()] = "failed"
    def addSkip(self, test, reason): super().addSkip(test, reason); self.told[test.id()] = "skipped"
    def addExpectedFailure(self, test, err): super().addExpectedFailure(test, err); self.told[test.id()] = "xfailed"
    def addUnexpectedSuccess(self, test): super().addUnexpectedSuccess(test); self.told[test.id()] = "xpassed"
    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.told[test.id()] = "failed"

result = unittest.main(argv=["x"], exit=False, testRunner=unittest.TextTestRunner(resultclass=Result, stream=sys.stderr)).result
print(json.dumps(result.told))
"""


class Case(TestCase):
    def rows(self, report, category):
        """[(pid, name, start_ns, end_ns or None, values)], in order of their starts."""
        ended = {event["id"]: event for event in report.events if event["ph"] == "e"}
        return sorted(((event["pid"], event["name"], event["ts"], ended[event["id"]]["ts"] if event["id"] in ended else None,
                        event.get("args", {})) for event in report.events if event["ph"] == "b" and event["cat"] == category),
                      key=lambda row: row[2])


class Rows(Case):
    def check_unittest(self, text, options=()):
        self.write("x.py", text)
        outcome = self.traced("x.py", options=("--quiet", *options))
        self.assertEqual(0, outcome.status, outcome.stderr)
        tests = self.rows(outcome.report, "test")
        wanted = json.loads(outcome.stdout.splitlines()[-1])
        self.assertEqual(wanted, {name: values["outcome"].strip("'") for _, name, _, _, values in tests})
        phases = self.rows(outcome.report, "test phase")
        for _, name, start, end, _ in tests:
            within = [phase for _, phase, at, to, _ in phases if start <= at and to <= end]
            self.assertEqual([] if name.endswith("is_skipped") else ["setup"] if "setup" in name else
                             ["setup", "call", "teardown"], within, name)
        return outcome

    def test_of_unittest(self):
        self.check_unittest(UNITTEST)

    def test_of_unittest_where_nothing_else_is_recorded(self):
        outcome = self.check_unittest(UNITTEST, ("--log_sparse",))
        self.assertEqual(set(), {event["ph"] for event in outcome.report.events} & {"X", "B"})

    def test_they_are_left_out(self):
        self.write("x.py", UNITTEST)
        report = self.traced("x.py", options=("--quiet", "--no_rows")).report
        self.assertEqual([], [event for event in report.events if event["ph"] in "be"])

    def test_one_that_is_interrupted_or_pauses_the_recording(self):
        self.write("x.py", "import unittest\nfrom viztracer_native import get_tracer\nclass Case(unittest.TestCase):\n"
                           "    def test_a_pauses(self):\n        get_tracer().pause()\n"
                           "    def test_b(self):\n        get_tracer().resume()\n"
                           "    def test_c(self):\n        raise KeyboardInterrupt\n"
                           "try:\n    unittest.main()\nexcept KeyboardInterrupt:\n    pass\n")
        rows = self.rows(self.traced("x.py", options=("--quiet",)).report, "test")
        self.assertEqual([("__main__.Case.test_a_pauses", None), ("__main__.Case.test_c", None)],
                         [(name, values.get("outcome")) for _, name, _, _, values in rows])
        self.assertTrue(all(end is not None for _, _, _, end, _ in rows))

    def test_one_that_never_ends(self):
        self.write("x.py", "import os, signal, unittest\nclass Case(unittest.TestCase):\n    def test_dies(self):\n"
                           "        os.kill(os.getpid(), signal.SIGKILL)\nunittest.main()\n")
        report = self.traced("x.py", options=("--quiet",)).report
        self.assertEqual([("__main__.Case.test_dies", None)], [(name, end) for _, name, _, end, _ in self.rows(report, "test")])
        self.assertEqual([("setup", False), ("call", True)],
                         [(name, end is None) for _, name, _, end, _ in self.rows(report, "test phase")])


@unittest.skipUnless(venvs.bases(), "no interpreter that packages can be installed for")
class Pytest(Case):
    """The packages are Python alone: those of one environment serve every interpreter."""

    def setUp(self):
        super().setUp()
        base = venvs.bases()[0]
        self.packages = os.path.join(venvs.need("pytest", base), "lib", "python{}.{}".format(*base.minor), "site-packages")
        if self.interpreter.root is not None:  # which sees this machine's /tmp
            inside = os.path.join(self.folder, "packages")
            shutil.copytree(self.packages, inside, ignore=shutil.ignore_patterns("pip*", "setuptools*", "__pycache__"))
            self.packages = inside

    def check_pytest(self, *words):
        self.write("conftest.py", CONFTEST)
        self.write("test_suite.py", SUITE)
        self.write("run.py", "import sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))\n")
        outcome = self.traced("run.py", "-p", "no:cacheprovider", "-q", *words, options=("--quiet", "--mine"), env={"PYTHONPATH": self.packages})
        self.assertEqual(1, outcome.status, outcome.stdout + outcome.stderr)
        with open(os.path.join(self.work, "reports.txt"), encoding="utf-8") as file:
            reports = [json.loads(line) for line in file]
        of_test = {}
        for name, when, came in reports:
            of_test.setdefault(name, []).append((when, came))
        tests = self.rows(outcome.report, "test")
        phases = self.rows(outcome.report, "test phase")
        self.assertEqual(17, len(of_test))
        of_test = {name[:1024]: phases for name, phases in of_test.items()}  # as long as names are
        self.assertEqual(sorted(of_test), sorted(name for _, name, _, _, _ in tests))
        for pid, name, start, end, values in tests:
            within = [(phase, told["outcome"].strip("'")) for of, phase, at, to, told in phases if of == pid and start <= at and to <= end]
            self.assertEqual(of_test[name], within)
            wanted = ("error" if "error" in name else "failed" if "fails" in name else "skipped" if "skip" in name else
                      "xfailed" if name.endswith("test_expected") else "xpassed" if "unexpected" in name else "passed")
            self.assertEqual(wanted, values["outcome"].strip("'"), name)
        return tests

    def test_of_pytest(self):
        self.check_pytest()

    def test_of_its_workers(self):
        tests = self.check_pytest("-n", "2")
        self.assertEqual(2, len({pid for pid, *_ in tests}), "each in the worker that ran it")


if __name__ == "__main__":
    unittest.main()
