# SPDX-License-Identifier: Apache-2.0
"""Compares runtime/variables/comments.h (argv[1]: as a library) with the `tokenize` module of the interpreter that runs
this, for the standard library's files, tests included: which comments there are, and which logical lines. Each comment
is made a magic one before, and where they end in other ways than with a new line, the lines are made so, too."""

import ctypes
import glob
import io
import os
import sys
import tokenize

MAGIC = "# !viztracer: log"
SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


class Row(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("first", "last", "indent")]


def with_magic(source):
    """Every comment of it, made magic; the lines that have one."""
    lines, magic = source.splitlines(keepends=True), set()
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column] + MAGIC + lines[row - 1][token.end[1]:]
            magic.add(row)
    return "".join(lines), sorted(magic)


def logical_lines(source):
    found, first = [], None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            # Behind a string, or a backslash, that has no end of line the last one is made up.
            found.append((first[0], token.start[0], indent))
            first = None
        elif first is None and token.type not in SKIPPED:
            first = token.start
            indent = 0
            for blank in token.line[:first[1]]:
                indent = 0 if blank == "\f" else (indent // 8 + 1) * 8 if blank == "\t" else indent + 1
    return found


def main():
    library = ctypes.CDLL(sys.argv[1])
    files = sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "**", "*.py"), recursive=True))
    files = [name for name in files if "site-packages" not in name and "dist-packages" not in name]
    strings = [name for name in files if "string" in name or "format" in name or "token" in name or "grammar" in name]
    checked = comments = 0
    for name in [*strings, *files[::int(sys.argv[2])]]:
        try:
            with tokenize.open(name) as file:
                source = file.read()
            if any(mark in source for mark in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\0\r"):
                continue  # splitlines() above has other lines
            source, magic = with_magic(source)
            expected = logical_lines(source)
            compile(source, name, "exec", dont_inherit=True)
        except (SyntaxError, UnicodeDecodeError, tokenize.TokenError, ValueError):
            continue
        for end in "\n", "\r\n", "\r":
            data = source.replace("\n", end).encode("utf-8", "surrogatepass")
            rows, lines = (Row * (len(expected) + 8))(), (ctypes.c_uint32 * (len(magic) + 8))()
            counts = (ctypes.c_uint32 * 2)()
            library.vtn_test_find_comments(data, ctypes.c_size_t(len(data)), rows, lines, counts)
            if not magic:
                assert list(counts) == [0, 0], name
                continue
            found = [(row.first, row.last, row.indent) for row in rows[:counts[0]]]
            assert found == expected, (name, end, [pair for pair in zip(found, expected) if pair[0] != pair[1]][:1])
            assert lines[:counts[1]] == magic, (name, end)
        checked += 1
        comments += len(magic)
    assert checked > 50 and comments > 1000, (checked, comments)
    print("agreed")


if __name__ == "__main__":
    import warnings
    warnings.simplefilter("ignore")
    main()
