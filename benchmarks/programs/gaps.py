# SPDX-License-Identifier: Apache-2.0
"""A loop that notes its longest gap between two rounds, in ns, in a file of two words that others see too.

    gaps.py FILE [SLEEPER]     until the second word is not 0; SLEEPER: beside a thread that sleeps
"""
import mmap
import sys
import threading
import time


def leaf(number):
    return number + 1


def work():
    number = 0
    for _ in range(20):
        number = leaf(number)
    return number


def main():
    with open(sys.argv[1], "r+b") as file:
        words = memoryview(mmap.mmap(file.fileno(), 16)).cast("q")
    if len(sys.argv) > 2:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    last = time.monotonic_ns()
    while words[1] == 0:
        if work() != 20:
            sys.exit("wrong")
        now = time.monotonic_ns()
        if now - last > words[0]:
            words[0] = now - last
        last = now
    sys.exit(7)


main()
