#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes one page of the modules and style sheets of this folder, without npm.

    bundle.py --cc page.cc FILE...     the page as C++ (page.h says what is in it)
    bundle.py --html page.html FILE... the page with its markers, for tests to put data in

FILE...: index.html, main.js, and every module and style sheet there is; a module that main.js does not
reach, or one that it reaches and that is not named, is an error. Modules are only joined in the order of
their imports, in one function. So they keep to what can be joined, and what does not is refused:

* imports stand alone in their lines: import { a, b } from './x.js'
* exports stand before declarations: export function, class, const
* no top-level name stands in two modules, and no module imports in a circle
* what stands at the left edge is a declaration: only main.js does something when it is loaded
"""

import argparse
import os
import re
import sys

MARKERS = ("META", "TABLES", "CODE", "DATA")
PARTS = ("page_head", "page_middle", "page_code", "page_tail")

IMPORT = re.compile(r"^import \{ ([\w$]+(?:, ?[\w$]+)*) \} from '(\.\.?/[\w./-]+\.js)';$")
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function\*? ?|class |const |let )([\w$]+)")
EXPORTED = re.compile(r"^export (?:async )?(?:function\*? ?|class |const )([\w$]+)")
# Beside declarations, what may stand at the left edge: the end of one, a comment, nothing.
EDGE = re.compile(r"^(?:$|[\s})\]]|//|/\*)")
EDGE_DECLARED = re.compile(r"^(?:export )?(?:(?:async )?function\b|class |const |let )")


class Refused(Exception):
    """A module that cannot be joined, with its place."""


class Module:
    """One file: what it imports, declares and exports, and its text without the words for it."""

    def __init__(self, path, name, text, is_main):
        self.path = path
        self.imports = []  # (path, [name...], line)
        self.exports = set()
        self.declared = {}
        kept = []
        for number, line in enumerate(text.split("\n"), 1):
            where = f"{name}:{number}"
            if line.startswith("import"):
                found = IMPORT.match(line)
                if not found:
                    raise Refused(f"{where}: an import is import {{ a, b }} from './x.js'; and nothing else")
                names = [one.strip() for one in found[1].split(",") if one.strip()]
                self.imports.append((os.path.normpath(os.path.join(os.path.dirname(path), found[2])), names, where))
                continue
            bare = re.sub(r"/\*.*?\*/", "", line)
            if re.search(r"(?<![\w$.])import\s*[(.]", bare) and not bare.lstrip().startswith(("*", "//", "/*")):
                raise Refused(f"{where}: import() and import.meta are not there in a page")
            exported = EXPORTED.match(line)
            if line.startswith("export") and not exported:
                raise Refused(f"{where}: an export is export function, class or const")
            if exported:
                self.exports.add(exported[1])
            declared = DECLARED.match(line)
            if declared:
                self.declared.setdefault(declared[1], where)
            if not is_main and not EDGE.match(line) and not EDGE_DECLARED.match(line):
                raise Refused(f"{where}: at the left edge only declarations stand; only main.js does something")
            kept.append(line[len("export "):] if exported else line)
        self.text = without_comments("\n".join(kept))


def without_comments(text):
    """Comments that have lines of their own: a third of the source, and a small report is mostly the page."""
    text = re.sub(r"(?m)^[ \t]*/\*\*?(?:[^*]|\*(?!/))*\*/[ \t]*\n", "", text)
    text = re.sub(r"(?m)^[ \t]*//.*\n", "", text)
    return re.sub(r"\n{2,}", "\n", text).strip("\n") + "\n"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def in_order(main, known):
    """The modules that main reaches, imported ones first."""
    root = os.path.dirname(main)
    modules, done, open_ = {}, [], []

    def visit(path, where):
        if path in done:
            return
        name = os.path.relpath(path, root)
        if path in open_:
            circle = [os.path.relpath(one, root) for one in open_[open_.index(path):]] + [name]
            raise Refused(f"{where}: modules import in a circle: {' -> '.join(circle)}")
        if path not in known:
            raise Refused(f"{where}: {name} is not among the files of the page (viewer/page/meson.build)")
        open_.append(path)
        module = modules[path] = Module(path, name, read(path), path == main)
        for used, names, place in module.imports:
            visit(used, place)
            missing = [one for one in names if one not in modules[used].exports]
            if missing:
                raise Refused(f"{place}: {os.path.relpath(used, root)} does not export {', '.join(missing)}")
        open_.pop()
        done.append(path)

    visit(main, "main.js")
    unused = sorted(os.path.relpath(one, root) for one in known - set(done))
    if unused:
        raise Refused(f"main.js does not reach {', '.join(unused)}")
    return [modules[path] for path in done]


def joined(modules):
    """One function with all modules in it."""
    seen = {}
    for module in modules:
        for name, where in module.declared.items():
            if name in seen:
                raise Refused(f"{where}: {name} stands in {seen[name]} already; names are unique across modules")
            seen[name] = where
    text = "(() => {\n'use strict';\n" + "".join(module.text for module in modules) + "})();\n"
    # Neither may stand in a script element, and both can only stand in text of strings here.
    text = re.sub(r"<(?=/script)", r"<\\", text, flags=re.I)
    return text.replace("<!--", "<\\!--")


def page(files):
    """The whole page, with its markers."""
    known = {os.path.normpath(os.path.abspath(one)) for one in files if one.endswith(".js")}
    main = [one for one in known if os.path.basename(one) == "main.js"]
    html = [one for one in files if one.endswith(".html")]
    if len(main) != 1 or len(html) != 1:
        raise Refused("one main.js and one .html make a page")
    style = "\n".join(read(one) for one in files if one.endswith(".css"))
    style = re.sub(r"\n{2,}", "\n", re.sub(r"/\*.*?\*/\n?", "", style, flags=re.S))
    if "</style" in style.lower() or "@import" in style or "url(" in style:
        raise Refused("a style sheet refers to something outside, or ends its element")
    text = read(html[0])
    for marker in ("STYLE", *MARKERS):
        if text.count(f"<!--vtn:{marker}-->") != 1:
            raise Refused(f"{os.path.basename(html[0])}: <!--vtn:{marker}--> has to stand there once")
    text = re.sub(r"<!-- .*? -->\n?", "", text, flags=re.S)
    text = text.replace("<!--vtn:STYLE-->", f"<style>\n{style.strip()}\n</style>")
    code = "<script id=\"vtn-code\">\n" + joined(in_order(main[0], known)) + "</script>"
    return text.replace("<!--vtn:CODE-->", "<!--vtn:CODE-->" + code)


def parts(text):
    """The pieces of the page between its data."""
    head, rest = text.split("<!--vtn:META-->")
    middle, rest = rest.split("<!--vtn:TABLES-->")
    code, tail = rest.split("<!--vtn:DATA-->")
    return head, middle.lstrip("\n"), code.replace("<!--vtn:CODE-->", "").lstrip("\n"), tail.lstrip("\n")


def as_cc(text):
    """C++ that holds the pieces, as numbers: no compiler has a limit or an escape for those."""
    lines = ["// SPDX-License-Identifier: Apache-2.0", "// Written by viewer/page/bundle.py.",
             '#include "viewer/page/page.h"', "", "namespace vtn::page {", "namespace {", ""]
    for name, piece in zip(PARTS, parts(text)):
        data = piece.encode()
        lines.append(f"constexpr unsigned char {name}_bytes[] = {{")
        lines += [",".join(map(str, data[at:at + 64])) + "," for at in range(0, len(data), 64)]
        lines += ["0};", ""]
    lines += ["template <unsigned long size>", "std::string_view text(const unsigned char (&bytes)[size]) {",
              "  return {reinterpret_cast<const char*>(bytes), size - 1};", "}", "", "}  // namespace", ""]
    lines += [f"std::string_view {name}() {{ return text({name}_bytes); }}" for name in PARTS]
    lines += ["", "}  // namespace vtn::page", ""]
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(description="Makes one page of modules and style sheets.")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--cc", metavar="FILE")
    to.add_argument("--html", metavar="FILE")
    parser.add_argument("files", nargs="+")
    chosen = parser.parse_args(arguments)
    try:
        text = page(chosen.files)
    except (Refused, OSError) as fault:
        print(f"bundle.py: {fault}", file=sys.stderr)
        return 1
    out = chosen.cc or chosen.html
    with open(out, "w", encoding="utf-8") as file:
        file.write(as_cc(text) if chosen.cc else text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
