# SPDX-License-Identifier: Apache-2.0
"""Imports at run time, exec, eval, and modules that fail to import."""
import importlib
import sys


def load():
    for name in ("colorsys", "sndhdr_no_such_module", "html"):
        sys.modules.pop(name, None)
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    scope = {}
    exec("def made(x):\n    return [y for y in range(x)]\nvalue = made(3)", scope)
    return eval("made(4)", scope), scope["value"]


print(load())
