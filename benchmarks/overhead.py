# SPDX-License-Identifier: Apache-2.0
"""What tracing adds to a call, against VizTracer and against handlers that do nothing.

    VIZTRACER_NATIVE=.../viztracer-native VIZTRACER_NATIVE_BUILD=... overhead.py [ROUNDS]

Per interpreter and kind of call: nanoseconds above the plain run. All variants take turns; each
keeps its least. Ratios are of geometric means over the five kinds; without C functions over the four
that are not one.
"""

import os
import sys
import tempfile

import bench

PROGRAM = os.path.join(bench.HERE, "programs", "calls.py")
KINDS = ("fib", "empty", "c", "generator", "object")
WITHOUT_C = "--ignore_c_function"


def variants(interpreter, folder):
    """name -> (argv, environment), the program's own arguments left out."""
    spool, peer = os.path.join(folder, "run.vtn"), os.path.join(folder, "peer.json")
    chosen = {"plain": ([interpreter.path], None)}
    for suffix, options in (("", ()), (" no C", (WITHOUT_C,))):
        chosen["ours" + suffix] = (bench.launcher_argv(interpreter, spool, *options), None)
        chosen["nop" + suffix] = (
            bench.launcher_argv(interpreter, spool, *options,
                                launcher=bench.do_nothing_launcher()), None)
        if bench.peer_folder(interpreter):
            # As many entries as it is allowed: its ring must not be what is measured.
            chosen["VizTracer" + suffix] = (
                bench.viztracer_argv(interpreter, peer, "--tracer_entries", "1000000", *options),
                bench.viztracer_env(interpreter))
    return chosen


def measure(interpreter, rounds):
    least = {}
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        for _ in range(rounds):
            for name, (argv, env) in variants(interpreter, folder).items():
                stdout, _ = bench.run(interpreter, [*argv, PROGRAM, "4"], env)
                for line in stdout.splitlines():
                    kind, cost = line.split()
                    key = name, kind
                    least[key] = min(least.get(key, 1e9), float(cost))
    return {(name, kind): cost - least["plain", kind] if name != "plain" else cost
            for (name, kind), cost in least.items()}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found, skips = bench.interpreters.selected()
    for what, why in skips:
        print(f"skipped: {what}: {why}", file=sys.stderr)
    summary = []
    for interpreter in found:
        added = measure(interpreter, rounds)
        names = list(dict.fromkeys(name for name, _ in added))
        mean = {name: bench.geometric_mean(
            [added[name, kind] for kind in KINDS if kind != "c" or not name.endswith("no C")])
                for name in names}
        bench.print_table(f"{interpreter.name}: nanoseconds a call (plain), and above plain",
                          ["", *KINDS, "mean"],
                          [[name, *(f"{added[name, kind]:.1f}" for kind in KINDS),
                            f"{mean[name]:.1f}"] for name in names])
        row = [interpreter.name]
        for suffix in ("", " no C"):
            for other in ("VizTracer", "nop"):
                known = other + suffix in mean
                row.append(f"{mean['ours' + suffix] / mean[other + suffix]:.2f}" if known else "-")
        summary.append(row)
    bench.print_table("added cost of a call: ratio of geometric means",
                      ["interpreter", "/ VizTracer", "/ do-nothing", "no C: / VizTracer",
                       "no C: / do-nothing"], summary)


main()
