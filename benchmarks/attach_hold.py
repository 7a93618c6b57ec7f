# SPDX-License-Identifier: Apache-2.0
"""What a program notices of being attached to: how long it is held, and its longest gap.

    VIZTRACER_NATIVE=.../viztracer-native attach_hold.py [PART...] [TIMES]

Parts: busy (a loop, nothing else), beside (a loop, and a thread that sleeps), server (gunicorn with two
workers, asked all the while, with --tree); all of them when none is named. Each program is attached to
TIMES times in a row (30). Interpreters: all of this machine, or $VIZTRACER_NATIVE_TEST_PYTHONS.

held     for how long its thread was stopped by ptrace, or ran what we sent it to
gap      the loop's longest gap between two rounds, from before the attachment to after it
without  the same in as long a time with nobody attached: what the machine's other work does
"""

import functools
import http.client
import mmap
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import bench
import interpreters

SECONDS = "0.2"
APP = """
def leaf(number):
    return number + 1

def application(environ, start_response):
    number = 0
    for _ in range(2000):
        number = leaf(number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(number).encode()]
"""


def attach(pid, folder, *options):
    """(what was wrong or None, the times in ms for which threads were held, seconds)."""
    start = time.monotonic()
    done = subprocess.run(
        [bench.LAUNCHER, "--attach", str(pid), "-t", SECONDS, "-o", os.path.join(folder, "r.json"),
         *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, "VIZTRACER_NATIVE_LOG": "debug"})
    held = [float(ms) for ms in re.findall(r"was held for ([\d.]+) ms", done.stderr)]
    wrong = None
    if done.returncode != 0 or not held:
        wrong = f"status {done.returncode}: {done.stderr.strip()[-500:]}"
    # Not in this process: reading it would hold the GIL, and the clients would wait for that.
    elif subprocess.run(["grep", "-q", '"leaf ', os.path.join(folder, "r.json")], check=False).returncode != 0:
        wrong = "nothing was recorded"
    return wrong, held, time.monotonic() - start


def row(name, times, wrongs, held, gaps, without):
    for wrong in wrongs[:3]:
        print(f"{name}: {wrong}", file=sys.stderr)
    shown = lambda numbers: [f"{function(numbers):.2f}" for function in (statistics.median, max)] \
        if numbers else ["-", "-"]
    return [name, f"{times - len(wrongs)} of {times}", *shown(held), *shown(gaps), *shown(without)]


def loop(interpreter, times, *words):
    """A row of the table: a program that computes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = os.path.join(folder, "words")
        with open(path, "wb") as file:
            file.write(bytes(16))
        with open(path, "r+b") as file:
            shared = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")

        def longest_gap_ms():
            time.sleep(0.02)
            longest, shared[0] = shared[0], 0
            return longest / 1e6

        process = interpreter.popen(
            [interpreter.path, bench.program("gaps.py"), path, *words], cwd="/",
            stdin=subprocess.DEVNULL)
        wrongs, held, gaps, without = [], [], [], []
        time.sleep(0.5)
        for _ in range(times):
            longest_gap_ms()
            wrong, some_held, seconds = attach(process.pid, folder)
            gaps.append(longest_gap_ms())
            held += some_held
            wrongs += [wrong] if wrong else []
            time.sleep(seconds)
            without.append(longest_gap_ms())
            if process.poll() is not None:
                break
        shared[1] = 1
        if process.wait() != 7:
            wrongs.append(f"the program ended with {process.returncode}")
        return row(f"{interpreter.name}, {' '.join(words) or 'busy'}", times, wrongs, held, gaps, without)


@functools.lru_cache(maxsize=None)
def gunicorn(interpreter):
    """A folder for PYTHONPATH, or None (said on stderr)."""
    folder = os.path.join(bench.cache(interpreter), "viztracer-native-gunicorn")
    if not os.path.isdir(os.path.join(folder, "gunicorn")):
        problem = bench.pip_install(interpreter, folder, ("gunicorn",))
        if problem is not None:
            shutil.rmtree(folder, ignore_errors=True)
            print(f"skipped: gunicorn for {interpreter.name}: {problem}", file=sys.stderr)
            return None
    return folder


class Client(threading.Thread):
    """Asks until it is to stop: each answer's time in ms, and what was wrong."""

    def __init__(self, port):
        super().__init__()
        self.port, self.stop, self.took, self.wrong = port, False, [], []

    def run(self):
        while not self.stop:
            start = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", "/")
                answer = connection.getresponse().read()
                connection.close()
                if answer != b"2000":
                    self.wrong.append(f"answered {answer}")
            except OSError as error:
                self.wrong.append(f"no answer: {error!r}")
            self.took.append((time.monotonic() - start) * 1000)


def server(interpreter, times):
    """A row of the table: a server at work; its gaps are the longest answers."""
    folder_of_gunicorn = gunicorn(interpreter)
    if folder_of_gunicorn is None:
        return []
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        with open(os.path.join(folder, "app.py"), "w", encoding="utf-8") as file:
            file.write(APP)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = interpreter.popen(
            [interpreter.path, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}",
             "--chdir", folder, "app:application"], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": folder_of_gunicorn})
        said = []
        reader = threading.Thread(target=lambda: said.extend(process.stderr))
        reader.start()
        while sum("Booting worker" in line for line in said) < 2:
            time.sleep(0.05)
        time.sleep(0.5)
        clients = [Client(port) for _ in range(2)]
        for client in clients:
            client.start()
        wrongs, held, gaps, without = [], [], [], []

        def longest_answer_ms():
            time.sleep(0.02)
            longest = max(max(client.took, default=0) for client in clients)
            for client in clients:
                client.took.clear()
            return longest

        for _ in range(times):
            longest_answer_ms()
            wrong, some_held, seconds = attach(process.pid, folder, "--tree")
            gaps.append(longest_answer_ms())
            held += some_held
            if wrong is None and len(some_held) != 3:
                wrong = f"{len(some_held)} processes were attached to, not 3"
            wrongs += [wrong] if wrong else []
            time.sleep(seconds)
            without.append(longest_answer_ms())
        for client in clients:
            client.stop = True
        for client in clients:
            client.join()
            wrongs += client.wrong
        process.terminate()
        process.wait()
        reader.join()
        wrongs += [line.strip() for line in said if "Booting worker" in line][2:]
        return row(f"{interpreter.name}, gunicorn", times, wrongs, held, gaps, without)


def main():
    words = sys.argv[1:]
    times = next((int(word) for word in words if word.isdigit()), 30)
    parts = {"busy": lambda one: loop(one, times),
             "beside": lambda one: loop(one, times, "beside a sleeper"),
             "server": lambda one: server(one, times)}
    chosen = [word for word in words if word in parts] or list(parts)
    rows = [parts[part](one) for one in interpreters.selected()[0] for part in chosen]
    bench.print_table(f"attached to {times} times in a row, in ms", [
        "program", "succeeded", "held", "worst", "gap", "worst", "without", "worst"],
        [one for one in rows if one])


if __name__ == "__main__":
    main()
