# SPDX-License-Identifier: Apache-2.0
"""Whole commands, from start to finished report: time, memory, losses, growth.

    VIZTRACER_NATIVE=.../viztracer-native VIZTRACER_NATIVE_BUILD=... whole_run.py [PART...]

Parts: fib startup paused long parallel growth (all of them when none is named). Interpreters: the
newest of this machine, or $VIZTRACER_NATIVE_TEST_PYTHONS.
"""

import os
import sys
import tempfile

import bench
from bench import program
from watched import Watched, least, mib


def fib(interpreter, folder):
    output = os.path.join(folder, "result.json")
    target = [program("fib.py"), "27"]
    commands = [
        lambda: Watched(interpreter, [interpreter.path, *target]),
        lambda: Watched(interpreter, bench.launcher_argv(interpreter, output) + target)]
    if bench.peer_folder(interpreter):
        commands.append(lambda: Watched(
            interpreter, bench.viztracer_argv(interpreter, output) + target,
            bench.viztracer_env(interpreter)))
    plain, ours, *peer = least(5, *commands)
    rows = [["plain", f"{plain.seconds:.3f} s", mib(plain.whole), "", ""],
            ["viztracer-native", f"{ours.seconds:.3f} s", mib(ours.whole), "", ""]]
    for other in peer:
        rows.append(["VizTracer", f"{other.seconds:.3f} s", mib(other.whole),
                     f"1/{other.seconds / ours.seconds:.1f}", f"1/{other.whole / ours.whole:.1f}"])
    bench.print_table(f"{interpreter.name}: fib(27), 635,621 calls, command to finished result.json",
                      ["", "wall", "peak memory", "ours / its wall", "ours / its memory"], rows)


def startup(interpreter, folder):
    output = os.path.join(folder, "result.json")
    plain, ours = least(
        15, lambda: Watched(interpreter, [interpreter.path, "-c", "pass"]),
        lambda: Watched(interpreter, bench.launcher_argv(interpreter, output) + ["-c", "pass"]))
    bench.print_table(f"{interpreter.name}: -c pass", ["plain", "traced", "above plain"],
                      [[f"{plain.seconds * 1e3:.1f} ms", f"{ours.seconds * 1e3:.1f} ms",
                        f"{(ours.seconds - plain.seconds) * 1e3:.1f} ms"]])


def paused(interpreter, folder):
    if interpreter.minor < (3, 12):
        return  # a profile function cannot be silenced without being removed
    best = {}
    output = os.path.join(folder, "run.vtn")
    for _ in range(5):
        for name, argv in (("plain", [interpreter.path]),
                           ("ours", bench.launcher_argv(interpreter, output))):
            stdout, _ = bench.run(interpreter, [*argv, program("paused.py")])
            for line in stdout.splitlines():
                operation, cost = line.rsplit(" ", 1)
                key = operation, name
                best[key] = min(best.get(key, 1e18), float(cost))
    bench.print_table(
        f"{interpreter.name}: installed, events silenced", ["operation", "plain", "ours", "ratio"],
        [[operation, f"{best[operation, 'plain']:.1f} ns", f"{best[operation, 'ours']:.1f} ns",
          f"{best[operation, 'ours'] / best[operation, 'plain']:.3f}"]
         for operation in dict.fromkeys(key[0] for key in best)])


def many(interpreter, folder, suffix, *arguments, options=()):
    output = os.path.join(folder, "run" + suffix)
    argv = [arg for arg in bench.launcher_argv(interpreter, output, *options) if arg != "--quiet"]
    result = Watched(interpreter, [*argv, program("many.py"), *map(str, arguments)])
    result.size = os.path.getsize(output)
    result.output = output
    return result


def long(interpreter, folder):
    count = 50_000_000
    plain = Watched(interpreter, [interpreter.path, program("many.py"), str(count)])
    plain_kib = int(plain.stdout.split()[1])
    rows = []
    for suffix in (".vtn", ".pftrace", ".json"):
        result = many(interpreter, folder, suffix, count)
        kib = int(result.stdout.split()[1])
        found = bench.call_count(result.output) if suffix == ".json" else ""
        rows.append([suffix, f"{result.seconds:.1f} s", mib(result.ours),
                     mib(kib - plain_kib), f"{result.size / count:.2f}", found,
                     result.contents])
        os.unlink(result.output)
    bench.print_table(f"{interpreter.name}: {count:,} calls",
                      ["", "wall", "launcher's processes", "program above plain", "bytes a call",
                       "calls in the report", "said"], rows)


def parallel(interpreter, folder):
    count = 2_000_000
    rows = []
    base = None
    for threads, processes in ((1, 1), (4, 4)):
        # CPU time of the processes themselves: what shared cores leave comparable.
        cost = lambda run: sum(float(line.split()[2]) for line in run.stdout.splitlines()) / processes
        added = []
        for _ in range(5):
            plain = Watched(interpreter, [interpreter.path, program("many.py"), str(count),
                                          str(threads), str(processes)])
            ours = many(interpreter, folder, ".vtn", count, threads, processes)
            added.append((cost(ours) - cost(plain)) / count * 1e9)
        middle = sorted(added)[len(added) // 2]
        base = base or middle
        rows.append([f"{threads} threads, {processes} processes", f"{middle:.1f} ns",
                     f"{middle / base:.2f}", ours.contents])
    bench.print_table(f"{interpreter.name}: recording at once", ["", "added CPU per call", "ratio",
                                                                 "said"], rows)


def growth(interpreter, folder):
    rows = []
    for suffix in (".pftrace", ".json", ".json.gz"):
        for count in (1_000_000, 10_000_000, 50_000_000):
            result = many(interpreter, folder, suffix, count)
            seconds = float(result.stdout.split()[0])
            rows.append([suffix, f"{count:,}", f"{seconds / count * 1e9:.1f} ns",
                         f"{(result.seconds - seconds) / count * 1e9:.1f} ns"])
            os.unlink(result.output)
    bench.print_table(f"{interpreter.name}: cost as work grows",
                      ["", "calls", "to run and record, each", "to write, each"], rows)


PARTS = {"fib": fib, "startup": startup, "paused": paused, "long": long, "parallel": parallel,
         "growth": growth}


def main():
    names = sys.argv[1:] or list(PARTS)
    found, _ = bench.interpreters.selected()
    if not os.environ.get("VIZTRACER_NATIVE_TEST_PYTHONS"):
        found = [one for one in found if one.root is None][-1:]
    for interpreter in found:
        for name in names:
            with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-") as folder:
                PARTS[name](interpreter, folder)


main()
