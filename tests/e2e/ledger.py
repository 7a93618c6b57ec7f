# SPDX-License-Identifier: Apache-2.0
"""The report of a whole process tree: its ledger, and chosen calls.

A test runner or an installer makes millions of calls. So the file is searched, one event a line, for
what a test asks for; only a small report is read as a whole, with all that support.Report checks.
"""

import collections
import json
import mmap
import os

import support

SMALL = 8 << 20  # bytes of a report that is read as a whole


class TreeReport:
    def __init__(self, path):
        self.path = path
        if os.path.getsize(path) <= SMALL:
            support.Report(path)
        with open(path, "rb") as file:
            self.text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        key = b'"viztracer_native":'
        start = self.text.rfind(key)
        assert start >= 0, f"no ledger in {path}"
        tail = self.text[start + len(key):].decode()
        self.processes = json.JSONDecoder().raw_decode(tail)[0]["processes"]
        self.process_names = {event["pid"]: event["args"]["name"]
                              for event in self.events(b'"name":"process_name"')}

    def events(self, needle):
        """The events whose line holds `needle`."""
        at = self.text.find(needle)
        while at >= 0:
            begin = self.text.rfind(b"\n", 0, at) + 1
            end = self.text.find(b"\n", at)
            yield json.loads(self.text[begin:end].rstrip(b",\r"), parse_float=support.Nanoseconds.parse)
            at = self.text.find(needle, end)

    def named(self, function):
        """The calls of a Python function, as (pid, whether it was seen to return)."""
        return [(event["pid"], event["ph"] == "X" and "unfinished" not in event.get("args", ()))
                for event in self.events(b'"name":"' + function.encode() + b" (")]

    def returned(self, function):
        """Whether each call of `function` was seen to return."""
        return [done for _, done in self.named(function)]

    def called(self, function):
        """How often each process called `function`: {pid: number}."""
        return collections.Counter(pid for pid, _ in self.named(function))

    def pids(self):
        return {process["pid"] for process in self.processes}

    def traced(self):
        return {process["pid"] for process in self.processes if process["traced"]}

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
