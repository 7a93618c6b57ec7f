# SPDX-License-Identifier: Apache-2.0
"""Functions of many hundred bytes of bytecode, run COUNT times.

sys.monitoring tells a callback where in the code it is. CPython keeps the integers to 256 ready;
a place further on is a new object for each event.
"""

import sys

STATEMENTS = 40


def step(value, amount):
    return (value + amount) % 1_000_003


def make_long(number):
    lines = [f"def long_{number}(items, value):"]
    for i in range(STATEMENTS):
        lines.append(f"    value = step(value * {i + 3} + value // 7, {number + i})")
        lines.append("    items.append((value ^ len(items)) & 255)")
        if i % 4 == 0:
            lines.append("    value = max(value, len(items))")
    lines.append("    return value")
    namespace = {"step": step}
    exec(compile("\n".join(lines), f"<long_{number}>", "exec"), namespace)
    return namespace[f"long_{number}"]


def main(count):
    functions = [make_long(number) for number in range(8)]
    value = 1
    for i in range(count):
        items = []
        value = functions[i % len(functions)](items, value)
    print(value, min(len(function.__code__.co_code) for function in functions) > 256)


main(int(sys.argv[1]))
