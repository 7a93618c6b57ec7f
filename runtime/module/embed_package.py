#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the Python package into the runtime, as text.

    embed_package.py OUTPUT.cc LOADER.py ROOT FILE...    FILE: a module below ROOT, the folder that `import` starts from

`runtime/module/package_sources.h` says what it makes of them. Packages come before their modules.
"""

import os
import sys


def module_name(root, path):
    """(name, whether it is a package) of a file."""
    parts = os.path.relpath(path, root)[: -len(".py")].split(os.sep)
    package = parts[-1] == "__init__"
    return ".".join(parts[:-1] if package else parts), package


def literal(data):
    """C++ string literals, a line of the text each: no compiler takes one of any length."""
    lines = data.splitlines(keepends=True) or [b""]
    return "\n".join('    "' + "".join(escaped(byte) for byte in line) + '"' for line in lines)


def escaped(byte):
    char = chr(byte)
    if char in '"\\?':
        return "\\" + char
    return char if 32 <= byte < 127 else f"\\{byte:03o}"


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    compile(data, path, "exec")  # a fault is met when it is built
    return data


def main():
    output, loader, root, *paths = sys.argv[1:]
    modules = sorted((*module_name(root, path), read(path)) for path in paths if path.endswith(".py"))
    text = ['// Made by embed_package.py.', '#include "runtime/module/package_sources.h"', "", "namespace vtn::runtime {", ""]
    for number, (name, _, data) in enumerate(modules):
        text += [f"static const char kSource{number}[] =  // {name}", literal(data) + ";", ""]
    text.append("const PackageModule kPackageModules[] = {")
    for number, (name, package, data) in enumerate(modules):
        text.append(f'    {{"{name}", {str(package).lower()}, kSource{number}, {len(data)}}},')
    text += ["};", f"const size_t kPackageModuleCount = {len(modules)};", ""]
    data = read(loader)
    text += ["const char kPackageLoader[] =", literal(data) + ";", f"const size_t kPackageLoaderBytes = {len(data)};", "", "}  // namespace vtn::runtime", ""]
    with open(output, "w", encoding="ascii") as file:
        file.write("\n".join(text))


if __name__ == "__main__":
    main()
