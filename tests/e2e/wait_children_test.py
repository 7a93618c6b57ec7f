# SPDX-License-Identifier: Apache-2.0
"""--wait_children: the report has what processes do that outlive the program."""

import os
import signal
import unittest

from processes import PATIENCE, SupervisorCase, children, comm, gone


class WaitingForChildren(SupervisorCase):
    work = ("import os, sys, time\n"
            "def child(): time.sleep(0.01)\n"
            "parent = os.getpid()\n"
            "if os.fork() == 0:\n"
            "    while os.getppid() == parent: time.sleep(0.01)\n"
            "    child()\n"
            "    print('left', os.getpid(), flush=True)\n"
            "    sys.stdin.readline()\n"
            "    child()\n"
            "    os._exit(0)\n"
            "sys.exit(5)")

    def setUp(self):
        super().setUp()
        self.left = None

    def start_and_leave(self, *options):
        process = self.start("-o", "out.json", *options, "-c", self.work)
        line = process.stdout.readline()
        self.assertTrue(line.startswith("left"), line)
        self.left = int(line.split()[1])
        return process

    def test_until_they_have_ended(self):
        process = self.start_and_leave("--wait_children")
        process.stdin.write("\n")
        process.stdin.flush()
        self.assertEqual(process.wait(PATIENCE), 5)
        self.assertTrue(gone(self.left))
        self.assertEqual(self.calls("out.json", "child"), 2)

    def test_no_longer_than_said(self):
        process = self.start_and_leave("--wait_children=0.2")
        self.assertEqual(process.wait(PATIENCE), 5)
        self.assertFalse(gone(self.left))
        self.assertEqual(self.calls("out.json", "child"), 1)

    def test_until_a_signal_says_that_it_is_enough(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.start_and_leave("--wait_children")
            self.eventually(lambda pid=process.pid: list(map(comm, children(pid))) == ["vtn-collector"],
                            "the program has been waited for")
            os.kill(process.pid, number)
            self.assertEqual(process.wait(PATIENCE), 5)
            self.assertFalse(gone(self.left))
            self.assertEqual(self.calls("out.json", "child"), 1, number)
            os.remove(os.path.join(self.folder, "out.json"))
            os.kill(self.left, signal.SIGKILL)

    def test_a_manager_that_signals_the_whole_tree_ends_the_wait_once(self):
        process = self.start_and_leave("--wait_children")
        self.eventually(lambda: list(map(comm, children(process.pid))) == ["vtn-collector"],
                        "the program has been waited for")
        for pid in (*children(process.pid), self.left, process.pid):
            os.kill(pid, signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 5)
        self.assertEqual(self.calls("out.json", "child"), 1)


if __name__ == "__main__":
    unittest.main()
