# SPDX-License-Identifier: Apache-2.0
"""Loads a module of the package in a traced program: run by its frozen code, with `name`, `namespace` (the module's) and `native`.

CPython asks frozen modules before it looks at any folder. A package of that name in the script's folder or in the working folder
is the program's own, and comes first, as it does in a plain run.
"""
import sys


def own_folders():
    """Those of sys.path where a program keeps modules of its own."""
    import os
    try:
        here = os.getcwd()
    except OSError:
        here = None
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    scripts = os.path.dirname(os.path.abspath(script)) if isinstance(script, str) else None
    for entry in sys.path:
        if isinstance(entry, str) and (os.path.abspath(entry) if entry else here) in (here, scripts):
            yield entry or here


def find(name, folders):
    spec = sys.modules["_frozen_importlib_external"].PathFinder.find_spec(name, list(folders))
    return spec if spec is not None and spec.loader is not None else None


def put_in_place(spec):
    """Loads what the program has instead. The import that is under way answers with what stands in sys.modules."""
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


def load():
    parent, _, _ = name.rpartition(".")
    if parent:
        holder = sys.modules.get(parent)
        spec = None if getattr(holder, "__spec__", None) is None or holder.__spec__.origin == "frozen" else find(name, holder.__path__)
        if spec is None and holder is not None and holder.__spec__.origin != "frozen":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    else:
        spec = find(name, own_folders())
    if spec is not None:
        put_in_place(spec)
        return
    sys.modules.setdefault(native.__name__, native)
    namespace.pop("__builtins__", None)
    exec(compile(native.source(name), f"<{name}>", "exec", dont_inherit=True), namespace)


load()
