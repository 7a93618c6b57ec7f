# SPDX-License-Identifier: Apache-2.0
"""How soon the debugger answers over a recording of many calls: fib, which has 2 * fib(n + 1) - 1 of them.

    debugger.py [N]     38: 126 million calls, which take half a minute to record
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time

LAUNCHER = os.environ.get("VIZTRACER_NATIVE", "viztracer-native")
PROGRAM = """
import sys
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def rare():
    return 1
fib(int(sys.argv[1]))
rare()
"""
JUMPS = 300
SAID = "Invalid command: said"


class Debugger:
    def __init__(self, recording):
        self.process = subprocess.Popen([LAUNCHER, "vdb", recording], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, line):
        """The answer, and the seconds until it was there."""
        start = time.perf_counter()
        self.process.stdin.write(f"{line}\nsaid\n")
        self.process.stdin.flush()
        answer = ""
        while not (more := self.process.stdout.readline()).startswith(SAID):
            if not more:
                sys.exit("the debugger is gone")
            answer += more
        return answer, time.perf_counter() - start


def main():
    size = sys.argv[1] if len(sys.argv) > 1 else "38"
    with tempfile.TemporaryDirectory() as folder:
        script, recording = os.path.join(folder, "fib.py"), os.path.join(folder, "fib.vtn")
        with open(script, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        subprocess.run([LAUNCHER, "--quiet", "-o", recording, script, size], check=True)
        start = time.perf_counter()
        debugger = Debugger(recording)
        debugger.ask("t")
        opened = time.perf_counter() - start
        info, _ = debugger.ask("info")
        calls = int(re.search(r"calls +(\d+)", info)[1])
        print(f"{calls:,} calls, {os.path.getsize(recording) / 1e6:.0f} MB: open and begin after {opened * 1e3:.0f} ms")
        for line in (f"jump #{calls // 2}", "where", "r", "rb", "break rare", "c", "rc", "jump end", "rc", "longest fib"):
            print(f"{debugger.ask(line)[1] * 1e3:10.2f} ms  {line}")
        chance = random.Random(1)
        took = sorted(debugger.ask(f"jump #{chance.randrange(1, calls)}")[1] for _ in range(JUMPS))
        print(f"{JUMPS} jumps: median {took[JUMPS // 2] * 1e3:.2f} ms, longest {took[-1] * 1e3:.2f} ms")
        took = sorted(sum(debugger.ask(line)[1] for line in (f"jump #{chance.randrange(1, calls)}", "where"))
                      for _ in range(JUMPS))
        print(f"with the whole stack: median {took[JUMPS // 2] * 1e3:.2f} ms, longest {took[-1] * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
