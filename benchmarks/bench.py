# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the peer from PyPI, the do-nothing tree, tables.

Every number is a ratio of runs that took turns in one go: machines are noisy, ratios less so.
"""

import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "support"))

import interpreters  # noqa: E402

LAUNCHER = os.environ.get("VIZTRACER_NATIVE", "viztracer-native")
PEER = ("viztracer==1.1.1", "orjson")
CACHE = os.environ.get("VIZTRACER_NATIVE_CACHE", "/var/cache/viztracer-native")


def cache(interpreter):
    """Where packages are kept; one in another root sees /tmp only."""
    return "/tmp" if interpreter.root else CACHE


def pip(*arguments):
    """None, or the last thing that pip said."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        return None
    return (done.stdout.strip().splitlines() or ["pip failed"])[-1]


def pip_install(interpreter, folder, packages, *options):
    """Makes `folder` one for PYTHONPATH with these packages. None, or why it cannot be.

    The wheels are unpacked, not installed: an interpreter in another root has no pip. It compiles
    them itself: what runs with PYTHONDONTWRITEBYTECODE would do so every time.
    """
    version = ".".join(map(str, interpreter.minor))
    problem = pip("install", "--no-compile", "--target", folder, "--python-version", version,
                  "--implementation", "cp", "--only-binary=:all:", *options, *packages)
    if problem is None:
        # Its exit status is no help: some packages hold files for other versions, as test data.
        interpreter.popen([interpreter.path, "-m", "compileall", "-q", folder], cwd="/",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()
    return problem


@functools.lru_cache(maxsize=None)
def peer_folder(interpreter):
    """A folder for PYTHONPATH with VizTracer for this interpreter, or None (said on stderr)."""
    version = ".".join(map(str, interpreter.minor))
    folder = os.path.join(cache(interpreter), f"viztracer-native-peer-{version}")
    if not os.path.isdir(os.path.join(folder, "viztracer")):
        shutil.rmtree(folder, ignore_errors=True)
        problem = pip_install(interpreter, folder, PEER)
        if problem is not None:
            shutil.rmtree(folder, ignore_errors=True)
            print(f"skipped: VizTracer for {interpreter.name}: {problem}", file=sys.stderr)
            return None
    return folder


@functools.lru_cache(maxsize=None)
def do_nothing_launcher():
    """A copy of the launcher's tree in which the runtime's handlers return at once."""
    build = os.environ["VIZTRACER_NATIVE_BUILD"]
    folder = tempfile.mkdtemp(prefix="viztracer-native-nop-", dir="/tmp")
    for name, path in (("viztracer-native", LAUNCHER),
                       ("vtn-embed-host", os.path.join(build, "launcher", "vtn-embed-host")),
                       ("libvtn_shim.so", os.path.join(build, "subprocess_shim", "libvtn_shim.so")),
                       ("libvtn_runtime.so",
                        os.path.join(build, "runtime", "libvtn_runtime_nop.so"))):
        shutil.copy(path, os.path.join(folder, name))
    return os.path.join(folder, "viztracer-native")


def program(name):
    return os.path.join(HERE, "programs", name)


def run(interpreter, argv, env=None, **kwargs):
    """One run to its end: (stdout, seconds). The output of the programs here is small."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("PYTHON", "VIZTRACER_NATIVE"))}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment.update(env or {})
    start = time.monotonic()
    process = interpreter.popen(argv, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    stdout, stderr = process.communicate()
    if process.returncode != 0:
        said = b"\n".join(text[-2000:] for text in (stdout, stderr)).decode(errors="replace")
        raise RuntimeError(f"{argv} ended with {process.returncode}: {said.strip()}")
    return stdout.decode(), time.monotonic() - start


def viztracer_argv(interpreter, output, *options):
    return [interpreter.path, "-m", "viztracer", "--quiet", "-o", output, *options]


def viztracer_env(interpreter):
    return {"PYTHONPATH": peer_folder(interpreter)}


def launcher_argv(interpreter, output, *options, launcher=None):
    return [launcher or LAUNCHER, "--quiet", "--python", interpreter.path, "-o", output, *options]


def call_count(path):
    """Calls in a JSON report, counted without loading it."""
    count, tail = 0, b""
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            block = tail + block
            count += len(re.findall(rb'"ph": ?"X"', block))
            tail = block[-8:]
            if re.search(rb'"ph": ?"X"', tail):
                tail = b""
    return count


def geometric_mean(values):
    return statistics.geometric_mean([max(value, 1e-3) for value in values])


def print_table(title, header, rows):
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}\n")
    for row in [header, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |")
    sys.stdout.flush()


def run_parts(parser, parts, run):
    """Parses the command line, which may name parts: run(part's function, interpreter, options) for each of
    those that are named, or of all, and each interpreter."""
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    for part in options.parts:
        if part not in parts:
            parser.error(f"no part is called {part}: there are {', '.join(parts)}")
    found, skips = interpreters.selected()
    for what, why in skips:
        print(f"skipped: {what}: {why}", file=sys.stderr)
    for interpreter in found:
        for part in options.parts or parts:
            run(parts[part], interpreter, options)
