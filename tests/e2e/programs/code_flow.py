# SPDX-License-Identifier: Apache-2.0
"""Compares runtime/variables/code_flow.h (argv[1]: as a library) with the `dis` module of the interpreter that runs
this, for every code object of the standard library's first argv[2] files: which stores can be reached, and how deep the
stack is before each; which instruction follows which, and the lines of all. The depths are checked by themselves: one value is left where a function returns."""

import ctypes
import dis
import glob
import opcode
import os
import sys
import types
import warnings

STORES = {"STORE_FAST": 1, "STORE_FAST_LOAD_FAST": 1, "STORE_FAST_STORE_FAST": 2, "STORE_NAME": 1, "STORE_GLOBAL": 1,
          "STORE_DEREF": 1, "STORE_ATTR": 1, "STORE_SUBSCR": 1, "STORE_SLICE": 1}
ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"}
JUMPS = {"JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}
GENERATOR = 0x20 | 0x80 | 0x200


GOES_ON, IS_RAISED, RETURNS, RAISES, POPS, GOES_ON_RAISING = range(6)  # WayKind


class Way(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("start", "to", "kind")]


class Row(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in
                ("offset", "step", "index", "depth", "below", "owner_kind", "owner_index", "marks")]


def caches_of(number):
    counts = getattr(opcode, "_inline_cache_entries", {})
    return counts.get(opcode.opname[number], 0) if hasattr(counts, "get") else counts[number]


def instructions(code):
    """By offset, EXTENDED_ARGs included: number, argument, what comes next."""
    found, high = {}, 0
    data, at = code.co_code, 0
    while at < len(data):
        number, argument = data[at], data[at + 1] | high << 8
        behind = at + 2 + 2 * caches_of(number)
        found[at] = number, argument, behind
        high = argument if opcode.opname[number] == "EXTENDED_ARG" else 0
        at = behind
    return found


def handlers(code):
    data = iter(getattr(code, "co_exceptiontable", b""))

    def number():
        byte = next(data)
        value = byte & 63
        while byte & 64:
            byte = next(data)
            value = value << 6 | byte & 63
        return value
    try:
        while True:
            start, length, target, rest = number(), number(), number(), number()
            yield start * 2, (start + length) * 2, target * 2, (rest >> 1) + (rest & 1) + 1
    except StopIteration:
        pass


def target_of(number, argument, behind):
    """Where it may jump; None: nowhere."""
    name = opcode.opname[number]
    if number in opcode.hasjabs:
        return 2 * argument
    if number not in opcode.hasjrel or name == "END_ASYNC_FOR":
        return None
    return behind - 2 * argument if "BACKWARD" in name else behind + 2 * argument


def depths(code, begins_resumed):
    """Of the stack before each instruction that can be reached."""
    all_of_it, caught, found = instructions(code), list(handlers(code)), {}
    pending, returned = [(0, begins_resumed)], set()
    while pending:
        at, depth = pending.pop()
        while at not in found:
            found[at] = depth
            number, argument, behind = all_of_it[at]
            name = opcode.opname[number]
            pending += [(target, left) for start, end, target, left in caught if start <= at < end]
            if name != "EXTENDED_ARG":
                argument = argument if number >= opcode.HAVE_ARGUMENT else None
                if name in ("RETURN_VALUE", "RETURN_CONST"):
                    returned.add(depth + (name == "RETURN_CONST"))
                if name in ENDS:
                    break
                target = target_of(number, argument, behind)
                if target is not None:
                    pending.append((target, depth + dis.stack_effect(number, argument, jump=True)))
                    if name in JUMPS:
                        break
                depth += dis.stack_effect(number, argument, jump=False)
            at = behind
        else:
            assert found[at] == depth, (code, at)
    assert returned <= {1}, (code, returned)
    return all_of_it, found


def told_at(code, at):
    """Before 3.12 nothing is told of an instruction that has EXTENDED_ARGs but at these."""
    while sys.version_info < (3, 12) and at >= 2 and opcode.opname[code.co_code[at - 2]] == "EXTENDED_ARG":
        at -= 2
    return at


def ways(code, all_of_it, found):
    """From an instruction to another, what exceptions take left out; both behind their EXTENDED_ARGs."""
    def behind_extensions(at):
        while opcode.opname[all_of_it[at][0]] == "EXTENDED_ARG":
            at = all_of_it[at][2]
        return at
    expected = set()
    for at in found:
        number, argument, behind = all_of_it[at]
        name = opcode.opname[number]
        if name == "EXTENDED_ARG":
            continue
        if name in ENDS:
            kind = RETURNS if name.startswith("RETURN") else RAISES if name == "RAISE_VARARGS" else GOES_ON_RAISING
            if name != "RERAISE" or argument == 0:
                expected.add((at, at, kind))
        elif name not in JUMPS:
            expected.add((at, behind_extensions(behind), GOES_ON))
        # Behind that of a `with` which keeps an exception to itself, what it called next is dropped.
        if name == "POP_EXCEPT" and opcode.opname[all_of_it[behind_extensions(behind)][0]] != "POP_TOP":
            expected.add((at, at, POPS))
        target = target_of(number, argument, behind)
        if target is not None:
            expected.add((at, behind_extensions(target), GOES_ON))
            if name == "FOR_ITER" and sys.version_info >= (3, 12):
                for _ in range(2 if sys.version_info[1] == 13 else 1):
                    target = all_of_it[target][2]
                expected.add((at, behind_extensions(target), GOES_ON))
    return expected


def lines_of(code):
    """Of each unit; 0: it has none."""
    if hasattr(code, "co_positions"):
        return [position[0] or 0 for position in code.co_positions()]
    return [line or 0 for start, end, line in code.co_lines() for _ in range(start, end, 2)]


def counted(codes, stores, named, rows):
    return codes + 1, stores + len(rows), named + sum(row.owner_kind != 0 for row in rows)


def main():
    warnings.simplefilter("ignore")
    library = ctypes.CDLL(sys.argv[1])
    effect = ctypes.cast(ctypes.pythonapi.PyCompile_OpcodeStackEffectWithJump, ctypes.c_void_p)
    folder = os.path.dirname(os.__file__)
    files = [path for path in sorted(glob.glob(folder + "/*.py") + glob.glob(folder + "/*/*.py"))
             if "-packages" not in path][:int(sys.argv[2])]
    codes = stores = named = 0
    rows, all_ways = (Row * 65536)(), (Way * 262144)()
    for path in files:
        try:
            with open(path, "rb") as file:
                pending = [compile(file.read(), path, "exec", dont_inherit=True)]
        except SyntaxError:
            continue  # what tests have for it
        while pending:
            code = pending.pop()
            pending += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
            resumed = 1 if sys.version_info < (3, 13) and code.co_flags & GENERATOR else 0
            table = getattr(code, "co_exceptiontable", b"")
            first_cell = code.co_nlocals if sys.version_info < (3, 11) else 0
            arguments = (sys.version_info[1], code.co_code, ctypes.c_size_t(len(code.co_code)), table,
                         ctypes.c_size_t(len(table)), code.co_stacksize, resumed, first_cell, effect)
            count = library.vtn_test_find_stores(*arguments, rows, len(rows))
            assert 0 <= count <= len(rows), (code, count)
            all_of_it, found = depths(code, resumed)
            expected = [(told_at(code, at), found[at]) for at, (number, _, _) in all_of_it.items() if at in found
                        for _ in range(STORES.get(opcode.opname[number], 0))]
            assert expected == [(row.offset, row.depth) for row in rows[:count]], code
            count_of_ways = library.vtn_test_find_ways(*arguments, all_ways, len(all_ways))
            assert 0 <= count_of_ways <= min(len(all_ways), 4 * len(code.co_code) // 2), (code, count_of_ways)
            told = [(way.start, way.to, way.kind) for way in all_ways[:count_of_ways]]
            assert [way[0] for way in told] == sorted(way[0] for way in told), code
            expected = {(told_at(code, start), told_at(code, to), kind) for start, to, kind in ways(code, all_of_it, found)}
            assert expected == {way for way in told if way[2] != IS_RAISED}, code
            lines = (ctypes.c_uint32 * (len(code.co_code) // 2))()
            library.vtn_test_code_lines(sys.version_info[1], code.co_linetable, ctypes.c_size_t(len(code.co_linetable)), code.co_firstlineno, lines,
                                        ctypes.c_size_t(len(lines)))
            assert list(lines) == lines_of(code), code
            codes, stores, named = counted(codes, stores, named, rows[:count])
    assert codes > 1000 and stores > 10000 and named > 1000, (codes, stores, named)
    print("agreed")


main()
