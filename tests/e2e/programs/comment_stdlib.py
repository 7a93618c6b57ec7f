# SPDX-License-Identifier: Apache-2.0
"""Copies modules of the standard library into two folders, `comments` and `statements`, with something in front of each
statement and at the end of each block: in the one a magic comment, in the other a statement that says the same. Then
`comment_stdlib.py FOLDER` imports those of a folder and makes them work, which says in what order the places were met."""

import ast
import builtins
import os
import sys
import warnings

MODULES = ("argparse", "calendar", "configparser", "csv", "difflib", "fractions", "pprint", "shlex", "statistics", "string", "textwrap")
BLOCKS = "body", "orelse", "finalbody", "handlers", "cases"


def places(tree, lines):
    """Of each line the columns at which something stands before it."""
    found = {}

    def begin(statement):
        return min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])

    def visit_block(block):
        for index, one in enumerate(block):
            first = begin(one)
            says_nothing = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            from_future = isinstance(one, ast.ImportFrom) and one.module == "__future__"
            if not (index == 0 and says_nothing) and not from_future and not lines[first - 1][:one.col_offset].strip():
                found.setdefault(first, []).append(one.col_offset)
        last = block[-1]
        if not any(isinstance(one, (ast.Break, ast.Continue, ast.Return)) for one in ast.walk(last)):
            found.setdefault(last.end_lineno + 1, []).append(block[0].col_offset)

    def visit(node):
        for field in BLOCKS:
            block = getattr(node, field, None)
            if not isinstance(block, list) or not block:
                continue
            if isinstance(block[0], ast.stmt):
                first = lines[begin(block[0]) - 1]
                if not first[:block[0].col_offset].strip() and not first.lstrip().startswith("elif"):
                    visit_block(block)
            for one in block:
                visit(one)

    visit(tree)
    return found


def make():
    library = os.path.dirname(os.__file__)
    count = 0
    for kind, text in ("comments", '# !viztracer: log_instant("{}")'), ("statements", '__import__("builtins").PLACES.append("{}")'):
        os.mkdir(kind)
        for module in MODULES:
            if not os.path.isfile(os.path.join(library, module + ".py")):
                continue  # a package: string, from 3.14 on
            with open(os.path.join(library, module + ".py"), encoding="utf-8") as file:
                source = file.read()
            lines = source.split("\n")
            found = places(ast.parse(source), lines)
            made = []
            for number, line in enumerate(lines, 1):
                for column in sorted(found.get(number, ()), reverse=True):
                    made.append(" " * column + text.format(f"{module}.{number}.{column}"))
                    count += 1
                made.append(line)
            with open(os.path.join(kind, module + ".py"), "w", encoding="utf-8") as file:
                file.write("\n".join(made))
    print(count // 2)


def work():
    import argparse
    import calendar
    import configparser
    import csv
    import difflib
    import fractions
    import pprint
    import shlex
    import statistics
    import string
    import textwrap
    print("\n".join(difflib.unified_diff("a b c d".split(), "a c d e".split(), lineterm="")))
    print("\n".join(difflib.ndiff(["one\n", "two\n", "tree\n"], ["ore\n", "tree\n", "emu\n"])))
    print(textwrap.fill("some long text " * 10, 30), textwrap.dedent("  a\n   b\n"))
    config = configparser.ConfigParser()
    config.read_string("[a]\nx=1\ny=%(x)s\n[b]\nz: 2\n  more\n")
    print({section: dict(config[section]) for section in config.sections()})
    parser = argparse.ArgumentParser(prog="p", description="text")
    parser.add_argument("--x", type=int, default=3, help="of x")
    parser.add_argument("y", nargs="*")
    print(parser.parse_args(["--x", "5", "a", "b"]), parser.format_help())
    try:
        parser.parse_args(["--x", "z"])
    except SystemExit as error:
        print(error.code)
    pprint.pprint({number: list(range(number)) for number in range(12)})
    print(fractions.Fraction("3/4") + fractions.Fraction(0.5), statistics.stdev([1, 2, 3, 4]), statistics.quantiles(range(10)))
    print(string.Template("$a ${b} $$").substitute(a=1, b=2), string.Formatter().format("{0:>{1}} {a!r}", 1, 5, a=2))
    print(shlex.split("a 'b c' d\\ e"), calendar.month(2024, 2), csv.Sniffer().sniff("a;b\n1;2\n").delimiter)


warnings.simplefilter("ignore")
if len(sys.argv) == 1:
    make()
else:
    builtins.PLACES = []
    sys.path.insert(0, sys.argv[1])
    work()
    if sys.argv[1] == "statements":
        with open("places", "w", encoding="utf-8") as file:
            file.write("\n".join(PLACES))
