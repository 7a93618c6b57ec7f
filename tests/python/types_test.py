# SPDX-License-Identifier: Apache-2.0
"""What the packages say of their types, to mypy --strict: by themselves, and to a program that uses them."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

PACKAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "python")
OLDEST, NEWEST = "3.10", "3.15"

USE = """
    from collections.abc import AsyncIterator, Iterator

    import viztracer
    from viztracer_native import VizCounter, VizTracer, counter, flow, get_tracer, ignore_function, instant, log_sparse, paused, span, trace_and_save

    with span("a", x=1), paused(), flow(3):
        instant("b", scope="p", y=2)
        counter("c", z=1.5)

    @span("f")
    def f(n: int) -> str:
        return str(n)

    @span
    async def g(n: int) -> str:
        return str(n)

    @ignore_function
    def h() -> Iterator[int]:
        yield 1

    @log_sparse(stack_depth=0)
    async def i() -> AsyncIterator[int]:
        yield 1

    @trace_and_save(output_dir="x")
    def j() -> int:
        return 1

    reveal_type(f)
    reveal_type(g)
    reveal_type(h)
    reveal_type(i)
    reveal_type(j)

    with viztracer.VizTracer(log_gc=True, output_file="x.html") as tracer:
        reveal_type(tracer)
        reveal_type(tracer.parse())
        queue = VizCounter(tracer, "queue")
    made = get_tracer()
    if made is not None:
        made.log_var("x", 1)
    """

REVEALED = [
    "def (n: int) -> str", "def (n: int) -> typing.Coroutine[Any, Any, str]", "def () -> typing.Iterator[int]",
    "def () -> typing.AsyncIterator[int]", "def () -> int", "viztracer_native.tracer.VizTracer", "int",
]


def mypy():
    if importlib.util.find_spec("mypy") is not None:
        return [sys.executable, "-m", "mypy"]
    found = shutil.which("mypy")
    return [found] if found else None


@unittest.skipIf(mypy() is None, "there is no mypy: pip install mypy")
class Types(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.TemporaryDirectory(prefix="vtn-mypy-")

    @classmethod
    def tearDownClass(cls):
        cls.cache.cleanup()

    def check(self, *words, version=OLDEST):
        return subprocess.run(
            [*mypy(), "--strict", "--python-version", version, "--cache-dir", self.cache.name, "--no-color-output", *words],
            cwd=PACKAGES, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def test_the_packages(self):
        for version in (OLDEST, NEWEST):
            done = self.check("-p", "viztracer_native", "-p", "viztracer", version=version)
            self.assertEqual(0, done.returncode, f"{version}: {done.stdout}")

    def test_a_program_that_uses_them(self):
        with tempfile.TemporaryDirectory(prefix="vtn-types-") as folder:
            path = os.path.join(folder, "use.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(USE))
            done = self.check(path)
        self.assertEqual(0, done.returncode, done.stdout)
        revealed = [line.split('"')[1].replace("builtins.", "") for line in done.stdout.splitlines() if "Revealed type is" in line]
        self.assertEqual(REVEALED, [one.replace("collections.abc.", "typing.") for one in revealed])


if __name__ == "__main__":
    unittest.main()
