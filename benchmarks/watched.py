# SPDX-License-Identifier: Apache-2.0
"""A command run to its end under observation: wall time, memory, descriptors, CPU of our processes."""

import glob
import os
import re
import subprocess
import threading
import time

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def process_tree(pid):
    """pid and all its descendants."""
    found, pending = [], [pid]
    while pending:
        one = pending.pop()
        found.append(one)
        for path in glob.glob(f"/proc/{one}/task/*/children"):
            try:
                with open(path) as file:
                    pending += map(int, file.read().split())
            except OSError:
                pass
    return found


def private_kib(pid):
    """Resident memory of a process but for shared memory (the arena), in KiB."""
    try:
        with open(f"/proc/{pid}/status") as status:
            text = status.read()
    except OSError:
        return 0
    return sum(int(value) for value in re.findall(r"^Rss(?:Anon|File):\s+(\d+)", text, re.M))


def cpu_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


class Watched:
    """A command run to its end, its wall time and the peak memory of its processes.

    `ours`         peak memory of the launcher's own processes together, in KiB
    `whole`        peak memory of all processes of the tree, in KiB
    `descriptors`  most open at a time in one of the launcher's processes
    `collector_s`  CPU time of the collector as last seen, in seconds
    `cpu_s`        CPU time of the whole tree, in seconds
    `contents`     what the launcher says that the report holds, and that was lost
    """

    def __init__(self, interpreter, argv, env=None, interval_s=0.01, cwd=None):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PYTHON", "VIZTRACER_NATIVE"))}
        environment.update(env or {})
        self.ours = self.whole = self.descriptors = 0
        self.collector_s = 0.0
        self._interval_s = interval_s
        before = os.times()
        start = time.monotonic()
        process = interpreter.popen(argv, env=environment, stdin=subprocess.DEVNULL, cwd=cwd,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(process.pid, done))
        watcher.start()
        stdout, stderr = process.communicate()
        self.seconds = time.monotonic() - start
        done.set()
        watcher.join()
        after = os.times()
        self.cpu_s = (after.children_user - before.children_user +
                      after.children_system - before.children_system)
        self.stdout, self.stderr = stdout.decode(), stderr.decode()
        self.contents = next((line.partition(": ")[2] for line in self.stderr.splitlines()
                              if line.endswith(" lost")), "")
        if process.returncode != 0:
            raise RuntimeError(f"{argv} ended with {process.returncode}: {self.stderr[-2000:]}")

    def _watch(self, pid, done):
        while not done.wait(self._interval_s):
            ours = whole = 0
            for one in process_tree(pid):
                kib = private_kib(one)
                whole += kib
                try:
                    exe = os.readlink(f"/proc/{one}/exe")
                except OSError:
                    continue
                if os.path.basename(exe) == "viztracer-native":
                    ours += kib
                    self.descriptors = max(self.descriptors, descriptors(one))
                    self.collector_s = max(self.collector_s, cpu_seconds(one))
            self.ours, self.whole = max(self.ours, ours), max(self.whole, whole)


def least(rounds, *commands):
    """The Watched of each command with the least wall time; commands take turns."""
    best = [None] * len(commands)
    for _ in range(rounds):
        for i, command in enumerate(commands):
            result = command()
            if best[i] is None or result.seconds < best[i].seconds:
                best[i] = result
    return best


def mib(kib):
    return f"{kib / 1024:.0f} MiB"
