# SPDX-License-Identifier: Apache-2.0
"""The programs of real.py, and how what they need is installed: from PyPI, once for an interpreter.

The versions of what runs are fixed: a number is to be compared with that of last month.
"""

import dataclasses
import functools
import glob
import hashlib
import os
import shutil
import sys

import bench

PACKAGES = (
    *bench.PEER, "attrs==25.3.0", "click==8.1.8", "cloudpickle==3.1.1", "django==5.2.7",
    "docutils==0.21.2", "exceptiongroup==1.3.0", "flask==3.1.2", "hypothesis==6.140.3", "jinja2==3.1.6", "mistune==3.1.4",
    "mpmath==1.3.0", "mypy-extensions==1.1.0", "networkx==3.4.2", "packaging==25.0",
    "pathspec==0.12.1", "pip==25.2", "platformdirs==4.5.0", "pygments==2.19.2", "pytest==8.4.2",
    "pytokens==0.2.0", "sqlalchemy==2.0.44", "sympy==1.14.0", "tomli==2.3.0", "werkzeug==3.1.3")
# The wheel for any platform: in the others there is little left of black but C.
PURE_PACKAGES = ("black==25.9.0",)
SOURCES = ("attrs==25.3.0", "click==8.1.8")  # for their tests
WHEELS = ("flask==3.1.2", "click==8.1.8", "jinja2==3.1.6", "werkzeug==3.1.3")  # for pip to install


@dataclasses.dataclass(frozen=True)
class Program:
    """`arguments` are those of timed.py. `work` is an empty folder that is new for every run, and the
    folder it runs in unless `folder` names another; `{...}` in all of them is filled in."""

    name: str
    arguments: tuple
    folder: str = "{work}"


TIMED = bench.program("timed.py")
PLAIN, OURS, PEER = "plain", "viztracer-native", "VizTracer"
PEER_ENTRIES = "20000000"  # its memory is touched as it fills


def command(way, interpreter, report, launcher=None):
    """What stands before the program's own words, for one of the ways to run it."""
    if way == PLAIN:
        return [interpreter.path]
    if way == PEER:
        return bench.viztracer_argv(interpreter, report, "--tracer_entries", PEER_ENTRIES, "--")
    return bench.launcher_argv(interpreter, report, launcher=launcher)


def environment(installed, work):
    """The same for every way: nothing is read or left outside of `work`."""
    return {"PYTHONPATH": installed.site, "PYTHONHASHSEED": "0", "HOME": work, "TMPDIR": work,
            "XDG_CACHE_HOME": work, "PIP_CONFIG_FILE": os.devnull,
            "HYPOTHESIS_STORAGE_DIRECTORY": work}


def chosen(parser, names):
    """The programs whose names begin so, all of them where there are no names."""
    known = [program.name for program in PROGRAMS]
    for name in names:
        if not any(one.startswith(name) for one in known):
            parser.error(f"no program is called {name}: there are {', '.join(known)}")
    return [program for program in PROGRAMS if program.name.startswith(tuple(names or [""]))]


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp={work}/pytest", "tests")

PROGRAMS = (
    # Not those of hypothesis: they are as many as there is time for.
    Program("attrs tests", (*PYTEST, "--ignore-glob=*/test_[3cdfm]*",
                            "--ignore=tests/test_pyright.py"), folder="{sources}/attrs-25.3.0"),
    Program("click tests", PYTEST, folder="{sources}/click-8.1.8"),
    Program("black", ("-m", "black", "-q", "--diff", "-l", "60", "{site}/click/utils.py")),
    Program("pip install", ("-m", "pip", "--disable-pip-version-check", "install", "--no-index",
                            "--find-links", "{wheels}", "--root-user-action=ignore", "--target",
                            "{work}/target", "flask")),
    Program("sympy", ("{programs}/sympy_solve.py",)),
    Program("django", ("{programs}/django_requests.py", "300")),
    Program("flask", ("{programs}/flask_requests.py", "300")),
    Program("sqlalchemy", ("{programs}/sqlalchemy_rows.py", "200")),
    Program("networkx", ("{programs}/networkx_pagerank.py", "1000")),
    Program("docutils", ("-m", "docutils", "{sources}/click-8.1.8/CHANGES.rst")),
    Program("pygments", ("-m", "pygments", "-f", "html", "{site}/django/db/models/query.py")),
    Program("mistune", ("{programs}/mistune_render.py", "6", "{sources}/attrs-25.3.0/docs")),
    Program("json", ("{programs}/json_records.py", "20000")),
    Program("long functions", ("{programs}/long_functions.py", "10000")),
    Program("objects", ("{programs}/object_heavy.py", "10000")),
)


@dataclasses.dataclass(frozen=True)
class Installed:
    """Folders: `site` for PYTHONPATH (VizTracer is there too), `sources`, `wheels`."""

    site: str
    sources: str
    wheels: str

    def fill_in(self, text, work):
        return text.format(work=work, programs=os.path.join(bench.HERE, "programs"),
                           **dataclasses.asdict(self))


def _make(folder, interpreter):
    """None, or why PyPI gives it not."""
    version = ".".join(map(str, interpreter.minor))
    site, sources, wheels = (os.path.join(folder, name) for name in ("site", "sources", "wheels"))
    pure = ("--implementation", "py", "--abi", "none", "--platform", "any")
    problem = (
        bench.pip_install(interpreter, site, PACKAGES) or
        bench.pip_install(interpreter, site, PURE_PACKAGES, "--no-deps", *pure) or
        bench.pip("download", "--no-deps", "--no-binary=attrs,click", "-d", sources, *SOURCES) or
        bench.pip("download", "--only-binary=:all:", "--python-version", version, "-d", wheels,
                  *WHEELS))
    if problem is None:
        for archive in glob.glob(os.path.join(sources, "*.tar.gz")):
            shutil.unpack_archive(archive, sources)
    return problem


@functools.lru_cache(maxsize=None)
def installed(interpreter):
    """What the programs need for this interpreter, or None (said on stderr)."""
    version = ".".join(map(str, interpreter.minor))
    key = hashlib.sha256(repr((PACKAGES, PURE_PACKAGES, SOURCES, WHEELS)).encode()).hexdigest()[:12]
    folder = os.path.join(bench.cache(interpreter), f"viztracer-native-programs-{version}-{key}")
    if not os.path.isdir(folder):
        unfinished = folder + ".unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        problem = _make(unfinished, interpreter)
        if problem is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
            print(f"skipped: the programs for {interpreter.name}: {problem}", file=sys.stderr)
            return None
        os.rename(unfinished, folder)
    return Installed(*(os.path.join(folder, name) for name in ("site", "sources", "wheels")))
