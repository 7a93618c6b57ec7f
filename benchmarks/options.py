# SPDX-License-Identifier: Apache-2.0
"""What options of what to record cost: functions that are not recorded, limits, values.

    VIZTRACER_NATIVE=.../viztracer-native options.py [--rounds N] [calls] [programs] [limits] [values] [logs]

calls     nanoseconds that tracing adds to a call in a file that is hidden, while another is recorded
          (`but one file`), with nothing recorded (`all`), switched off by --budget (`over budget`,
          from 3.12 on), and under VizTracer with the same file included. The kinds are those of programs/calls.py; `exception` is a call that is left by
          one. Each way keeps its least; ratios are of the sums.
programs  whole programs with everything hidden, as ratios to plain: the time from the program's first
          line to its last (programs/timed.py), medians of runs in turns.
limits    fib(30) with --min_duration 1ms and with --max_stack_depth 5, against the same without: the
          program's own time, and the size of what is recorded.
values    nanoseconds a call of two arguments, and what --log_func_args and --log_func_retval add to
          it. Each way keeps its least.
logs      likewise of calls that raise what their caller catches, print, audit, bind a variable
          (programs/logs.py), and what each kind of log adds.
"""

import argparse
import os
import statistics
import tempfile

import bench
import real_programs

HIDDEN = bench.program("hidden_calls.py")
PROGRAMS = ("attrs tests", "django")
ALL, BUT_ONE, OVER, PEER = "all", "but one file", "over budget", "VizTracer"


def ways_of_calls(interpreter, folder):
    spool = os.path.join(folder, "run.vtn")
    ways = {
        "plain": ([interpreter.path], None),
        ALL: (bench.launcher_argv(interpreter, spool, "--hide", "*"), None),
        BUT_ONE: (bench.launcher_argv(interpreter, spool, "--only", os.path.basename(HIDDEN)), None),
    }
    if interpreter.minor >= (3, 12):
        ways[OVER] = (bench.launcher_argv(interpreter, spool, "--budget", "10000"), None)
    if bench.peer_folder(interpreter):
        ways[PEER] = (bench.viztracer_argv(interpreter, os.path.join(folder, "peer.json"),
                                           "--include_files", HIDDEN, "--"),
                      bench.viztracer_env(interpreter))
    return ways


def measure_calls(interpreter, rounds):
    least = {}
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        for _ in range(rounds):
            for way, (argv, env) in ways_of_calls(interpreter, folder).items():
                stdout, _ = bench.run(interpreter, [*argv, HIDDEN, "4"], env)
                for line in stdout.splitlines():
                    kind, cost = line.split()
                    least[way, kind] = min(least.get((way, kind), 1e9), float(cost))
    kinds = list(dict.fromkeys(kind for _, kind in least))
    ways = [way for way in (ALL, BUT_ONE, OVER, PEER) if (way, kinds[0]) in least]
    added = {(way, kind): least[way, kind] - least["plain", kind] for way in ways for kind in kinds}
    rows = [["plain", *(f"{least['plain', kind]:.1f}" for kind in kinds), ""]]
    for way in ways:
        ratio = ""
        if PEER in ways and way != PEER:
            ratio = f"{sum(added[way, kind] for kind in kinds) / sum(added[PEER, kind] for kind in kinds):.2f}"
        rows.append([way, *(f"{added[way, kind]:+.1f}" for kind in kinds), ratio])
    bench.print_table(f"{interpreter.name}: nanoseconds a call (plain), and above plain",
                      ["hidden", *kinds, "/ VizTracer"], rows)


def timed(interpreter, argv, arguments, env, cwd, times):
    bench.run(interpreter, [*argv, real_programs.TIMED, times, *arguments], env, cwd=cwd)
    with open(times, encoding="ascii") as file:
        return float(file.read().split()[0])


def in_turns(rounds, ways, run):
    """The medians of each way."""
    found = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way].append(run(way))
    return {way: statistics.median(seconds) for way, seconds in found.items()}


def measure_programs(interpreter, rounds):
    installed = real_programs.installed(interpreter)
    rows = []
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        work, times, spool = (os.path.join(folder, name) for name in ("work", "times", "run.vtn"))
        ways = {"plain": [interpreter.path],
                "hidden": bench.launcher_argv(interpreter, spool, "--hide", "*")}
        fib = real_programs.Program("fib(32)", ("{programs}/fib.py", "32"))
        chosen = [fib, *(one for one in real_programs.PROGRAMS if one.name in PROGRAMS)]
        for program in chosen if installed else ():
            def run(way):
                bench.run(interpreter, ["/bin/rm", "-rf", work])
                os.mkdir(work)
                fill_in = lambda text: installed.fill_in(text, work)
                return timed(interpreter, ways[way], map(fill_in, program.arguments),
                             real_programs.environment(installed, work), fill_in(program.folder), times)
            medians = in_turns(rounds, ways, run)
            rows.append([program.name, f"{medians['plain']:.3f}", f"{medians['hidden']:.3f}",
                         f"{medians['hidden'] / medians['plain']:.3f}"])
    bench.print_table(f"{interpreter.name}: everything hidden, {rounds} rounds",
                      ["", "plain s", "hidden s", "/ plain"], rows)


def measure_limits(interpreter, rounds):
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        times, spool = (os.path.join(folder, name) for name in ("times", "run.vtn"))
        ways = {"plain": [interpreter.path],
                "recorded": bench.launcher_argv(interpreter, spool),
                "--min_duration 1ms": bench.launcher_argv(interpreter, spool, "--min_duration", "1ms"),
                "--max_stack_depth 5": bench.launcher_argv(interpreter, spool, "--max_stack_depth", "5")}
        sizes = {}

        def run(way):
            seconds = timed(interpreter, ways[way], [bench.program("fib.py"), "30"], None, folder, times)
            sizes[way] = os.path.getsize(spool) if way != "plain" else 0
            return seconds
        medians = in_turns(rounds, ways, run)
        bench.print_table(f"{interpreter.name}: fib(30), {rounds} rounds", ["", "s", "/ recorded", "spool, kB"],
                          [[way, f"{seconds:.3f}", f"{seconds / medians['recorded']:.3f}",
                            f"{sizes[way] / 1000:,.0f}"] for way, seconds in medians.items()])


def above_recorded(interpreter, rounds, title, program, options):
    """The least that each kind of call took, and what each of the options adds to it."""
    least = {}
    with tempfile.TemporaryDirectory(prefix="viztracer-native-bench-", dir="/tmp") as folder:
        spool = os.path.join(folder, "run.vtn")
        ways = {"plain": [interpreter.path], "recorded": bench.launcher_argv(interpreter, spool)}
        for option in options:
            ways[option] = bench.launcher_argv(interpreter, spool, option)
        for _ in range(rounds):
            for way, argv in ways.items():
                stdout, _ = bench.run(interpreter, [*argv, bench.program(program), "4"])
                for line in stdout.splitlines():
                    kind, cost = line.split()
                    least[way, kind] = min(least.get((way, kind), 1e9), float(cost))
    kinds = list(dict.fromkeys(kind for _, kind in least))
    rows = [[way, *(f"{least[way, kind]:.1f}" if way in ("plain", "recorded") else
                    f"{least[way, kind] - least['recorded', kind]:+.1f}" for kind in kinds)] for way in ways]
    bench.print_table(f"{interpreter.name}: nanoseconds a call {title}, and above `recorded`", ["", *kinds], rows)


def measure_values(interpreter, rounds):
    above_recorded(interpreter, rounds, "of two arguments", "values.py", ("--log_func_args", "--log_func_retval"))


def measure_logs(interpreter, rounds):
    above_recorded(interpreter, rounds, "that does what is logged", "logs.py",
                   ("--log_exception", "--log_print", "--log_audit=mine.*", "--log_var=value"))


PARTS = {"calls": measure_calls, "programs": measure_programs, "limits": measure_limits,
         "values": measure_values, "logs": measure_logs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    bench.run_parts(parser, PARTS, lambda part, interpreter, options: part(interpreter, options.rounds))


main()
