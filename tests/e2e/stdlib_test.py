# SPDX-License-Identifier: Apache-2.0
"""The standard library's own tests pass under tracing as they pass without.

Every module of MODULES runs traced; what fails there runs plain and must fail there, too. MORE is
for VIZTRACER_NATIVE_TEST_ALL=1: it takes minutes per interpreter. What passes under no tool at all
(docs/LIMITS.md, L-STDLIB) must fail under one that listens as we do and does nothing, too.
"""

import os
import re
import unittest

import support
import venvs

MODULES = ["test_generators", "test_exceptions", "test_coroutines", "test_call", "test_threading",
           "test_sys_setprofile", "test_sys_settrace", "test_profile", "test_cprofile",
           "test_contextlib", "test_functools", "test_gc", "test_fork1", "test_atexit",
           "test_class", "test_code", "test_doctest", "test_threading_local", "test_with", "test_raise",
           "test_traceback",
           "test_asyncio.test_tasks", "test_asyncio.test_locks", "test_asyncio.test_queues"]
MORE = ["test_asyncio", "test_descr", "test_weakref", "test_inspect", "test_pickle", "test_signal",
        "test_subprocess", "test_faulthandler", "test_sys", "test_import", "test_runpy",
        "test_concurrent_futures", "test_ctypes", "test_bdb", "test_pdb", "test_unittest",
        "test_logging", "test_socket", "test_selectors", "test_os", "test_posix", "test_audit",
        "test_itertools", "test_json", "test_re", "test_collections", "test_dataclasses",
        "test_enum", "test_typing", "test_zipimport", "test_multiprocessing_main_handling"]
TIMEOUT = 900

# (module, first and last version, options, a part of the names of the tests that fail).
MONITORING, PROFILE, LAST = (3, 12), (3, 11), (3, 99)
UNDER_ANY_TOOL = [
    ("test_dis", MONITORING, LAST, (), "(specialize|loop_quicken|super_instr|show_caches|get_instructions)"),
    ("test_dis", PROFILE, PROFILE, (), "(specialize|loop_quicken)"),
    ("test_dis", PROFILE, PROFILE, ("--ignore_c_function",), "loop_quicken"),
    ("test_frame", PROFILE, PROFILE, (), "sneaky_frame_object"),
    ("test_tracemalloc", MONITORING, MONITORING, (), "get_traced_memory"),
    ("test_opcache", (3, 14), LAST, (), "(TestSpecializer|TestCallCache)"),
    ("test_monitoring", MONITORING, LAST, (), ""),
]
DIES_UNDER_ANY_TOOL = [("test_code", (3, 15))]
# Every event of `far` but the first has a place that is no small int.
NO_MEMORY = """
    import _testcapi
    def far():
        PADDING
        _testcapi.set_nomemory(0)
        try:
            for i in range(100): object()
        except MemoryError:
            _testcapi.remove_mem_hooks()
            return "caught"
    def near():
        try:
            return far()
        except MemoryError:
            _testcapi.remove_mem_hooks()
            return "raised"
    print(near())
    """.replace("PADDING", "x = 1; " * 200)


class StandardLibrary(support.TestCase):
    def failures(self, outcome):
        """Ids of what failed; a crash or a module that does not import counts as one."""
        text = outcome.stderr.decode(errors="replace")
        found = set(re.findall(r"^(?:FAIL|ERROR): (.*)$", text, re.M))
        if not re.search(r"^Ran \d+ test", text, re.M):
            found.add(f"no end, status {outcome.status}: {text[-500:]}")
        return found

    def test_same_failures(self):
        if self.plain("-c", "import test.support").status != 0:
            self.skipTest("this interpreter has no test package")
        modules = list(MODULES)
        if venvs.test_all():
            modules += MORE
        # A folder of its own: some tests write where they stand.
        env = {"TMPDIR": self.work, "PYTHONWARNINGS": "ignore"}
        for module in modules:
            with self.subTest(module=module):
                command = ["-m", "unittest", "test." + module]
                if self.plain("-c", f"import importlib.util as u, sys; "
                              f"sys.exit(u.find_spec('test.{module}') is None)").status != 0:
                    continue  # of another version
                traced = self.traced(*command, env=env, timeout=TIMEOUT, report="run.vtn")
                failed = self.failures(traced)
                if failed and (module, self.interpreter.minor) in DIES_UNDER_ANY_TOOL:
                    self.assertTrue(self.failures(
                        self.any_tool((), *command[1:], env=env, timeout=TIMEOUT)))
                elif failed:
                    self.assertLessEqual(
                        failed, self.failures(self.plain(*command, env=env, timeout=TIMEOUT)))

    def any_tool(self, options, *arguments, **kwargs):
        kind = "monitoring" if self.interpreter.minor >= MONITORING else "profile"
        if options:
            kind = os.environ["VTN_EVAL_FRAME"]
        return self.plain(os.path.join(support.PROGRAMS, "any_tool.py"), kind, *arguments, **kwargs)

    def test_what_fails_under_any_tool(self):
        """L-STDLIB"""
        if self.plain("-c", "import test.test_dis").status != 0:
            self.skipTest("this interpreter has no test package")
        env = {"TMPDIR": self.work, "PYTHONWARNINGS": "ignore"}
        for module, first, last, options, names in UNDER_ANY_TOOL:
            if not first <= self.interpreter.minor <= last:
                continue
            with self.subTest(module=module, options=options):
                run = ("unittest", "test." + module)
                plain = self.failures(self.plain("-m", *run, env=env, timeout=TIMEOUT))
                traced = self.failures(self.traced(
                    "-m", *run, options=("--quiet", *options), report="run.vtn", env=env,
                    timeout=TIMEOUT)) - plain
                self.assertTrue(traced, "the limit is gone")
                self.assertEqual([], [name for name in traced if not re.search(names, name)])
                self.assertLessEqual(
                    traced, self.failures(self.any_tool(options, *run, env=env, timeout=TIMEOUT)))

    def test_memory_that_runs_out(self):
        """L-STDLIB: test_set_nomemory of test_capi"""
        if self.interpreter.minor < MONITORING:
            self.skipTest("it has no such events")
        if self.plain("-c", "import _testcapi, test.test_capi").status != 0:
            self.skipTest("this interpreter has no test package")
        test = ("-m", "unittest", "-k", "test_set_nomemory", "test.test_capi.test_mem")
        self.assertEqual(set(), self.failures(self.plain(*test)))
        failed = self.failures(self.traced(*test)) != set()
        self.assertEqual(self.interpreter.minor in ((3, 12), (3, 13), (3, 15)), failed)
        if self.interpreter.minor > (3, 13):
            return  # CPython keeps some ints ready: which allocation is short is a matter of luck
        self.write("program.py", NO_MEMORY)
        runs = self.plain("program.py"), self.traced("program.py"), self.any_tool((), "program.py")
        self.assertEqual([b"caught\n", b"raised\n", b"raised\n"], [run.stdout for run in runs])


if __name__ == "__main__":
    unittest.main()
