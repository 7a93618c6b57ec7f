# SPDX-License-Identifier: Apache-2.0
"""The standard library's own tests pass under tracing as they pass without.

Every module of MODULES runs traced; what fails there runs plain and must fail there, too. MORE is
for VIZTRACER_NATIVE_TEST_ALL=1: it takes minutes per interpreter. Not in the lists, and why:
docs/LIMITS.md, L-STDLIB.
"""

import os
import re
import unittest

import support

MODULES = ["test_generators", "test_exceptions", "test_coroutines", "test_call", "test_threading",
           "test_sys_setprofile", "test_sys_settrace", "test_profile", "test_cprofile",
           "test_contextlib", "test_functools", "test_gc", "test_fork1", "test_atexit",
           "test_class", "test_threading_local", "test_with", "test_raise", "test_traceback",
           "test_asyncio.test_tasks", "test_asyncio.test_locks", "test_asyncio.test_queues"]
MORE = ["test_asyncio", "test_descr", "test_weakref", "test_inspect", "test_pickle", "test_signal",
        "test_subprocess", "test_faulthandler", "test_sys", "test_import", "test_runpy",
        "test_concurrent_futures", "test_ctypes", "test_bdb", "test_pdb", "test_unittest",
        "test_logging", "test_socket", "test_selectors", "test_os", "test_posix", "test_audit",
        "test_itertools", "test_json", "test_re", "test_collections", "test_dataclasses",
        "test_enum", "test_typing", "test_zipimport", "test_multiprocessing_main_handling"]
TIMEOUT = 900


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
        if os.environ.get("VIZTRACER_NATIVE_TEST_ALL"):
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
                if failed:
                    self.assertLessEqual(
                        failed, self.failures(self.plain(*command, env=env, timeout=TIMEOUT)))


if __name__ == "__main__":
    unittest.main()
