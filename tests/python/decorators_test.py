# SPDX-License-Identifier: Apache-2.0
"""log_sparse and trace_and_save."""

import asyncio
import os
import re
import threading
import unittest

from support import Case, fake

from viztracer_native import VizTracer, log_sparse, trace_and_save


def wait_for_reports():
    from viztracer_native import reports

    for saving in reports._in_background:
        saving.join()


class Sparse(Case):
    def test_in_other_runs_the_function_is_itself(self):
        def f():
            pass

        self.assertIs(f, log_sparse(f))
        self.assertIs(f, log_sparse()(f))
        VizTracer()
        self.assertIs(f, log_sparse(f))
        self.in_run(log_sparse=False)
        self.assertIs(f, log_sparse(f))

    def sparse(self):
        @log_sparse
        def f(fail=False):
            if fail:
                raise KeyError("mine")
            return 3

        line = f.__wrapped__.__code__.co_firstlineno
        self.assertEqual(3, f())
        with self.assertRaisesRegex(KeyError, "mine"):
            f(fail=True)
        name = f"{f.__qualname__} ({__file__}:{line})"
        self.assertEqual([("enter", name, {}), ("exit", name, None), ("enter", name, {}), ("exit", name, KeyError)], fake.calls)

    def test_in_a_run_that_is_sparse(self):
        self.in_run(log_sparse=True)
        self.sparse()

    def test_of_a_tracer_that_is_sparse(self):
        VizTracer(log_sparse=True)
        self.sparse()

    def test_calls_within_calls(self):
        self.in_run(log_sparse=True)

        @log_sparse
        def f(n):
            return f(n - 1) if n else 0

        f(3)
        self.assertEqual(["enter"] * 4 + ["exit"] * 4, [call[0] for call in fake.calls])

    def test_coroutines(self):
        self.in_run(log_sparse=True)

        @log_sparse
        async def f():
            await asyncio.sleep(0)
            return 4

        self.assertEqual(4, asyncio.run(f()))
        self.assertEqual(["enter", "exit"], [call[0] for call in fake.calls])

    def test_looked_up_at_each_call(self):
        @log_sparse(dynamic_tracer_check=True)
        def f():
            return 5

        self.assertEqual(5, f())
        self.assertEqual([], fake.calls)
        self.in_run(log_sparse=True)
        self.assertEqual(5, f())
        self.assertEqual(["enter", "exit"], [call[0] for call in fake.calls])

    def test_a_depth_is_said_to_have_no_effect(self):
        self.in_run(log_sparse=True)
        with self.assertWarnsRegex(RuntimeWarning, "stack_depth") as warned:
            @log_sparse(stack_depth=3)
            def f():
                pass
        self.assertEqual(__file__, warned.filename)


class TraceAndSave(Case):
    def reports(self, folder="."):
        wait_for_reports()
        return sorted(name for name in os.listdir(folder) if name.startswith("result_"))

    def test_each_call_has_a_report(self):
        @trace_and_save
        def work(x, fail=False):
            self.assertEqual(1, fake.state())
            if fail:
                raise KeyError("mine")
            return x

        self.assertEqual(3, work(3))
        self.assertEqual(3, fake.state())
        with self.assertRaisesRegex(KeyError, "mine"):
            work(4, fail=True)
        names = self.reports()
        self.assertEqual(2, len(names))
        for name in names:
            self.assertTrue(re.fullmatch(r"result_[\w.-]*work_\d{15,}\.json", name), name)

    def test_options(self):
        @trace_and_save(output_dir="reports/deep", log_func_args=True)
        def work():
            return 5

        self.assertEqual(5, work())
        self.assertEqual(1, len(self.reports("reports/deep")))
        self.assertIn("--log_func_args", fake.named("begin")[0][1])
        self.assertEqual("work", work.__name__)

    def test_calls_within_calls_and_in_threads(self):
        @trace_and_save
        def work(n):
            if n:
                work(n - 1)
            self.assertEqual(1, fake.state())

        threads = [threading.Thread(target=work, args=(2,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(9, len(self.reports()))
        self.assertEqual(3, fake.state())

    def test_coroutines(self):
        @trace_and_save
        async def work():
            await asyncio.sleep(0)
            return 6

        self.assertEqual(6, asyncio.run(work()))
        self.assertEqual(1, len(self.reports()))

    def test_a_run_goes_on_after_it(self):
        self.in_run()

        @trace_and_save
        def work():
            return 7

        self.assertEqual(7, work())
        self.assertEqual(1, fake.state())
        self.assertEqual(1, len(self.reports()))

    def test_a_report_that_fails_costs_the_call_nothing(self):
        fake.launcher = self.path("nowhere")

        @trace_and_save
        def work():
            return 8

        with self.assertWarnsRegex(RuntimeWarning, "nowhere"):
            self.assertEqual(8, work())

    def test_what_is_wrong_with_it_is_said_at_the_call(self):
        @trace_and_save(max_stack_depth=0)
        def work():
            raise AssertionError("it ran")

        with self.assertRaisesRegex(ValueError, "max_stack_depth"):
            work()


if __name__ == "__main__":
    unittest.main()
