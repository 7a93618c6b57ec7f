# SPDX-License-Identifier: Apache-2.0
"""What tracing a whole tree of processes costs, and whether all of it is in the report.

    VIZTRACER_NATIVE=.../viztracer-native VIZTRACER_NATIVE_BUILD=... process_tree.py [PART...]

Parts: short python many make recorders (all of them when none is named). Interpreter: the newest of
this machine, or the first of $VIZTRACER_NATIVE_TEST_PYTHONS.
"""

import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile

import bench
from bench import program
from watched import Watched, least, mib

SPAWN_LOOP = os.path.join(os.environ["VIZTRACER_NATIVE_BUILD"], "benchmarks", "spawn_loop")


def middles(rounds, *commands):
    """The median of what each command prints (one number); commands take turns."""
    printed = [[] for _ in commands]
    for _ in range(rounds):
        for numbers, command in zip(printed, commands):
            numbers.append(float(command().stdout.split()[0]))
    return [statistics.median(numbers) for numbers in printed]


def short(interpreter, folder):
    output = os.path.join(folder, "run.vtn")
    loop = [SPAWN_LOOP, "500", "/bin/true"]
    plain, ours = middles(
        15, lambda: Watched(interpreter, loop, interval_s=1),
        lambda: Watched(interpreter, [bench.LAUNCHER, "--quiet", "-o", output, "--", *loop],
                        interval_s=1))
    bench.print_table("/bin/true, start to exit", ["plain", "traced", "above plain"],
                      [[f"{plain:.0f} us", f"{ours:.0f} us", f"{ours - plain:.0f} us"]])


def python(interpreter, folder):
    output = os.path.join(folder, "result.json")
    target = [program("spawn.py"), "20"]
    commands = [
        lambda: Watched(interpreter, [interpreter.path, *target], interval_s=1),
        lambda: Watched(interpreter, bench.launcher_argv(interpreter, output) + target,
                        interval_s=1)]
    if bench.peer_folder(interpreter):
        commands.append(lambda: Watched(
            interpreter, bench.viztracer_argv(interpreter, output) + target,
            bench.viztracer_env(interpreter), interval_s=1))
    plain, ours, *peer = middles(5, *commands)
    rows = [["viztracer-native", f"{plain:.1f} ms", f"{ours:.1f} ms", f"{ours - plain:.1f} ms"]]
    rows += [["VizTracer", f"{plain:.1f} ms", f"{other:.1f} ms", f"{other - plain:.1f} ms"]
             for other in peer]
    bench.print_table(f"{interpreter.name}: a child `python -c pass`",
                      ["", "plain", "traced", "above plain"], rows)


def many(interpreter, folder):
    output = os.path.join(folder, "result.json")
    target = [program("children.py"), "5000", "500"]
    plain, ours = least(
        1, lambda: Watched(interpreter, [interpreter.path, *target], interval_s=0.1),
        lambda: Watched(interpreter, bench.launcher_argv(interpreter, output) + target,
                        interval_s=0.1))
    with open(output) as file:
        processes = json.load(file)["viztracer_native"]["processes"]
    traced = sum(1 for process in processes if process["traced"])
    bench.print_table(
        f"{interpreter.name}: 5,000 /bin/true and 500 `python -c pass`, eight at a time",
        ["plain", "traced", "in the report", "of them traced", "launcher's peak memory",
         "most descriptors", "files left"],
        [[f"{plain.seconds:.1f} s", f"{ours.seconds:.1f} s", len(processes), traced,
          mib(ours.ours), ours.descriptors, len(os.listdir(folder)) - 1]])


def write_project(folder, files):
    """A C project: every file a few hundred lines, so that a compilation takes as long as is usual."""
    names = []
    for number in range(files):
        names.append(f"unit{number}")
        with open(os.path.join(folder, names[-1] + ".c"), "w") as file:
            file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
            for function in range(60):
                file.write(f"""
int function_{number}_{function}(const char* text, int count) {{
  char buffer[256];
  int sum = {function};
  for (int i = 0; i < count; ++i) {{
    snprintf(buffer, sizeof(buffer), "%s %d", text, i * sum);
    sum += (int)strlen(buffer) ^ (buffer[i % 8] << {function % 5});
    if (sum % 7 == 3) sum = atoi(buffer + 1);
  }}
  return sum;
}}
""")
    with open(os.path.join(folder, "main.c"), "w") as file:
        file.write("int main(void) { return 0; }\n")
    with open(os.path.join(folder, "Makefile"), "w") as file:
        objects = " ".join(name + ".o" for name in [*names, "main"])
        file.write(f"program: {objects}\n\t$(CC) -o $@ $^\n"
                   "%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\nclean:\n\trm -f *.o program\n")


def make(interpreter, folder):
    project = os.path.join(folder, "project")
    os.mkdir(project)
    write_project(project, 100)
    output = os.path.join(folder, "run.vtn")
    build = ["/usr/bin/make", "-s", "-j4", "-C", project]
    env = {"CC": "cc", "CCACHE_DISABLE": "1"}
    pairs = []
    for number in range(4):
        seconds = {}
        # Which goes first alternates: a machine that warms up or slows down favours neither.
        for traced in (False, True) if number % 2 == 0 else (True, False):
            Watched(interpreter, [*build, "clean"], env)
            argv = [bench.LAUNCHER, "--quiet", "-o", output, "--", *build] if traced else build
            seconds[traced] = Watched(interpreter, argv, env, interval_s=1).seconds
        pairs.append((seconds[False], seconds[True]))
    bench.print_table(
        "make -j4 of a C project of 100 files", ["plain", "traced", "ratio"],
        [[f"{statistics.median(plain for plain, _ in pairs):.2f} s",
          f"{statistics.median(traced for _, traced in pairs):.2f} s",
          f"{statistics.median(traced / plain for plain, traced in pairs):.3f}"]])


def recorders(interpreter, folder):
    recorded, output = os.path.join(folder, "run.vtn"), os.path.join(folder, "result.json")
    calls = 200_000
    run = Watched(interpreter,
                  bench.launcher_argv(interpreter, recorded) + [program("recorders.py"), "64",
                                                                str(calls)], interval_s=0.05)
    subprocess.run([bench.LAUNCHER, "--quiet", "--convert", recorded, "-o", output], check=True)
    counts = collections.Counter()
    with open(output) as file:
        for line in file:
            if '"ph":"X"' in line and '"name":"work ' in line:
                counts[json.loads(line.rstrip(",\n"))["pid"]] += 1
    sound = [int(pid) for pid in run.stdout.split()]
    bench.print_table(
        f"{interpreter.name}: 64 processes recording at once, {calls:,} calls each",
        ["wall", "calls of the 62 sound ones", "missing", "collector's share of the CPU time"],
        [[f"{run.seconds:.1f} s", f"{sum(counts[pid] for pid in sound):,}",
          sum(calls - counts[pid] for pid in sound), f"{run.collector_s / run.cpu_s:.0%}"]])


PARTS = {"short": short, "python": python, "many": many, "make": make, "recorders": recorders}


def main():
    names = sys.argv[1:] or list(PARTS)
    found, _ = bench.interpreters.selected()
    local = [one for one in found if one.root is None]
    interpreter = (found if os.environ.get("VIZTRACER_NATIVE_TEST_PYTHONS") else local[::-1])[0]
    for name in names:
        with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
            PARTS[name](interpreter, folder)


main()
