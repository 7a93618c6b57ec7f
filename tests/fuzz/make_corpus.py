#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fuzz/corpus anew from real runs, after a change of a format:

    make_corpus.py LAUNCHER [PYTHON]

    spool  the .vtn file of a small run, and of one whose children end by a signal and by exec
    names, chunk  what lies in the arena while a program of several threads and processes waits
    slots  its process slots, as the steps of fuzz_slots.cc that write them, with passes and deaths

The layouts are those of abi/control_abi.h and abi/session_abi.h.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
CONTROL_HEAD_BYTES, SLOT_BYTES, GEOMETRY_OFFSET, CHUNK_CLASSES = 4096, 1024, 56, 5
SMALLEST_CHUNK_BYTES = 4096
HIGH_WATER_OFFSET = 40
KIND_NAMES = {1: "chunk", 2: "names"}
MOST_BYTES = 1536  # of one input
SLOT_WORDS = 32  # those before the text

SMALL = "def f(n): return sorted([n, len('x')])\nf(1)"
PROCESSES = """
import posix as os
def child(what):
    if os.fork() == 0: what()
    else: os.wait()
child(lambda: os.kill(os.getpid(), 9))
child(lambda: os.execv("/bin/true", ["true"]))
"""
WAITING = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
def deep(n): return deep(n - 1) if n else "\\u00e9".upper()
def work():
    for i in range(5): deep(i)
    raise KeyError
def thread():
    try: work()
    except KeyError: event.wait()
event = threading.Event()
threading.Thread(target=thread, name="Worker").start()
child = os.fork()
if child == 0:
    deep(3)
os.write(1, b"%d\\n" % os.getpid())
sys.stdin.readline()
event.set()
if child == 0: os._exit(3)
os.wait()
"""


def write(kind, name, data):
    folder = os.path.join(CORPUS, kind)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def spools(launcher, python):
    for name, program in (("small", SMALL), ("processes", PROCESSES)):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.vtn")
            subprocess.run([launcher, "--quiet", "-o", path, "--", python, "-S", "-c", program],
                           cwd="/", check=True)
            with open(path, "rb") as file:
                write("spool", name, file.read())


def session_files(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        folder = re.search(r"(/\S+/vtn-\d+/[0-9a-f]{32})/arena", file.read()).group(1)
    for name in ("control", "arena"):
        with open(os.path.join(folder, name), "rb") as file:
            yield file.read(CONTROL_HEAD_BYTES + 16 * SLOT_BYTES if name == "control" else -1)


def chunks(control, arena):
    """(kind, words) of every chunk that a thread owns or has filled."""
    _, _, _, *classes = struct.unpack_from("<QII" + "QII" * CHUNK_CLASSES, control, GEOMETRY_OFFSET)
    for number in range(CHUNK_CLASSES):
        offset, first, count = classes[3 * number:3 * number + 3]
        size = SMALLEST_CHUNK_BYTES << number
        for i in range(count):
            owner, _, kind = struct.unpack_from("<QQI", arena, 64 * (first + i))
            if owner >> 56 in (2, 3) and kind in KIND_NAMES:
                words = arena[offset + i * size:offset + (i + 1) * size].rstrip(b"\0")
                yield KIND_NAMES[kind], words + bytes(-len(words) % 8)


def steps(control):
    """struct Step of fuzz_slots.cc: what, slot, word, mood, value."""
    used = struct.unpack_from("<I", control, HIGH_WATER_OFFSET)[0]
    found = b""
    for slot in range(min(used, 16)):
        words = struct.unpack_from(f"<{SLOT_WORDS}I", control, CONTROL_HEAD_BYTES + slot * SLOT_BYTES)
        for word in [*range(1, SLOT_WORDS), 0]:  # the state last
            if words[word]:
                found += struct.pack("<BBBBI", 0, slot, word, 255, words[word])
        found += struct.pack("<BBBBI", 5, 0, 0, 255, 0)
    for number in reversed(range(min(used, 16))):
        found += struct.pack("<BBBBI", 4, 0, 0, 4, number)
    return found


def arena_of_a_waiting_run(launcher, python):
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [launcher, "--quiet", "-o", os.path.join(folder, "run.vtn"), "--", python, "-S", "-c",
             WAITING], cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pids = [int(process.stdout.readline()) for _ in range(2)]
        control, arena = session_files(pids[0])
        process.communicate("\n\n")
    counts = {"names": 0, "chunk": 0}
    for kind, words in chunks(control, arena):
        write(kind, str(counts[kind]), words[:MOST_BYTES])
        counts[kind] += 1
    write("slots", "waiting", steps(control))


def main():
    launcher = os.path.abspath(sys.argv[1])
    python = sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/python3"
    shutil.rmtree(CORPUS, ignore_errors=True)
    spools(launcher, python)
    arena_of_a_waiting_run(launcher, python)


if __name__ == "__main__":
    main()
