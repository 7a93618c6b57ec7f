# SPDX-License-Identifier: Apache-2.0
"""pytest-xdist and Django's `test --parallel`: every test function in the report, and the workers that
ran them."""

import unittest

import servers

SUITE = """
import os, signal, time
import pytest

@pytest.mark.parametrize("n", range(12))
def test_fine(n):
    with open("pids", "a") as file:
        file.write(f"{os.getpid()}\\n")

def test_fails():
    assert sorted([3, 1, 2]) == [1, 2, 4]
"""

DEADLY = """

def test_kills_its_worker():
    os.kill(os.getpid(), signal.SIGKILL)
"""

DJANGO = """
import os, sys, unittest
from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    SECRET_KEY="of a test", INSTALLED_APPS=["polls"], USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""

DJANGO_TESTS = """
import os
from django.test import SimpleTestCase, TestCase

def note():
    with open("pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
"""
DJANGO_CASE = """
class Case{0}({1}):
    def test_one(self):
        note()
        self.assertEqual({0}, {0})
"""


class RunnerCase(servers.ServerCase):
    def pids(self):
        """The processes that ran test functions."""
        return set(map(int, self.lines("pids")))

    def start_anew(self):
        self.remove("pids")


@servers.on_every_base
class Xdist(RunnerCase):
    argv = ["pytest", "-p", "no:cacheprovider", "-q", "-n", "4", "test_suite.py"]
    masks = [(r"gw\d+", "gwN"), (r"^bringing up nodes\.\.\.\s*$", ""),
             (r"[.FE]*( +\[ *\d+%\]$|(?=\[gwN\]))", "")]

    def play(self, text, *more):
        self.write("test_suite.py", text)
        run = self.compare([*self.argv, *more], prepare=self.start_anew, ordered=False, masks=self.masks)
        self.assertEqual(1, run.status)
        report = self.check_tree(run)
        self.assertLessEqual(self.pids(), report.traced())
        self.assertEqual(self.pids(), set(report.called("test_fine")))
        self.assertEqual(12, len(report.named("test_fine")))
        self.assertEqual(1, len(report.named("test_fails")))
        return report

    def test_four_workers(self):
        report = self.play(SUITE)
        self.assertEqual(5, len(report.traced()))

    def test_a_test_that_kills_its_worker(self):
        """xdist starts another one."""
        report = self.play(SUITE + DEADLY)
        self.assertEqual(6, len(report.traced()))
        self.assertEqual([False], report.returned("test_kills_its_worker"))


@servers.on_every_base
class DjangoTests(RunnerCase):
    def prepare(self):
        self.start_anew()
        self.write("manage.py", DJANGO)
        self.write("polls/__init__.py", "")
        self.write("polls/tests.py", DJANGO_TESTS + "".join(
            DJANGO_CASE.format(n, ("SimpleTestCase", "TestCase")[n % 2]) for n in range(6)))

    def test_parallel(self):
        run = self.compare(["python3", "manage.py", "test", "--parallel", "2"], prepare=self.prepare,
                           ordered=False)
        self.assertEqual(0, run.status, run.output())
        report = self.check_tree(run)
        self.assertEqual(self.pids(), set(report.called("note")))
        self.assertEqual(6, len(report.named("note")))


if __name__ == "__main__":
    unittest.main()
