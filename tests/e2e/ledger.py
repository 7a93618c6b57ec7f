# SPDX-License-Identifier: Apache-2.0
"""The processes of a report: its ledger, and the calls of each."""

import collections
import os

import support


class TreeReport(support.Report):
    """A report of a whole process tree."""

    def __init__(self, path):
        super().__init__(path)
        self.processes = self.data["viztracer_native"]["processes"]

    def pids(self):
        return {process["pid"] for process in self.processes}

    def entry(self, pid):
        found = [process for process in self.processes if process["pid"] == pid]
        assert len(found) == 1, f"{len(found)} processes {pid} in the ledger"
        return found[0]

    def traced(self):
        return {process["pid"] for process in self.processes if process["traced"]}

    def called(self, function):
        """How often each process called `function`: {pid: number}."""
        counts = collections.Counter()
        for (pid, _), roots in self.threads.items():
            counts[pid] += sum(call.function == function for root in roots for call in root.walk())
        return +counts

    def by_name(self, part):
        """The pids of processes whose name in the report holds `part`."""
        return {pid for pid, name in self.process_names.items() if part in name}


# The shim is not in these, so what they start is not known.
UNFOLLOWED = ("static executable", "rights of its own", "another architecture", "AddressSanitizer",
              "dynamic loader", "cannot be reached")


def unfollowed(process):
    return any(reason in process["ledger"] for reason in UNFOLLOWED)


def status(process):
    """How a process of the ledger ended, as subprocess has it: negative for a signal."""
    end = process["exit"]
    if end is None:
        return None
    return -end["signal"] if "signal" in end else end["status"]


def is_python(process):
    """Whether it looks like a Python to its user."""
    return process["python"] is not None or os.path.basename((process["argv"] or [""])[0]).startswith("python")
