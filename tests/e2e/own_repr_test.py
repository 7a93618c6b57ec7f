# SPDX-License-Identifier: Apache-2.0
"""Values by the repr of their own classes, and by what is in their __dict__."""

import unittest

from logs_test import Logs


class OwnRepr(Logs):
    PROGRAM = """
        class Point:
            def __init__(self, x): self.x, self.password = x, "hidden"
            def __repr__(self): return f"P({self.describe()})"
            def describe(self): return f"\\u00e9{self.x}"
        class Bad:
            def __repr__(self): raise ValueError("no")
        class Endless:
            def __repr__(self): return repr(self)
        class Long:
            def __repr__(self): return "x" * 5000
        class Plain:
            def __init__(self): self.items, self.api_key = [1, "a"], "k"
        def show(x): return None
        for value in (Point(1), [Point(2)], {"k": Point(3)}, Bad(), Endless(), Long(), Plain(), ValueError(1)):
            try: raise LookupError
            except LookupError: show(value)
    """

    def values(self, *options):
        outcome = self.record(self.PROGRAM, "--log_func_args=show", *options)
        return outcome, [event["args"]["func_args"]["x"] for event in outcome.report.events
                         if event["ph"] == "X" and event["name"].startswith("show ")]

    def test_all(self):
        outcome, values = self.values("--repr", "all")
        self.assertEqual(["P(\u00e91)", "[P(\u00e92)]", "{'k': P(\u00e93)}", "<__main__.Bad>", "<__main__.Endless>"], values[:5])
        self.assertTrue(values[5].startswith("xxx") and values[5].endswith("...") and len(values[5]) < 300)
        self.assertRegex(values[6], "^<__main__.Plain object at 0x")
        self.assertEqual("ValueError(1)", values[7])
        # What runs for the recorder is not recorded, as the program's it would be.
        self.assertEqual([], outcome.report.named("describe"))

    def test_fields(self):
        _, values = self.values("--log_func_with_objprint")
        self.assertEqual(["Point(x=1, password=***)", "[Point(x=2, password=***)]", "{'k': Point(x=3, password=***)}",
                          "Bad()", "Endless()", "Long()", "Plain(items=[1, 'a'], api_key=***)", "ValueError(1)"], values)

    def test_an_interruption_meanwhile_is_the_programs(self):
        """Ctrl-C while a repr runs for the recorder."""
        outcome = self.record("""
            import os, signal, time
            class Slow:
                def __repr__(self):
                    if os.environ.get("TRACED") and not hits:
                        hits.append(1)
                        os.kill(os.getpid(), signal.SIGINT)
                        for _ in range(1000): pass
                    return "slow"
            hits = []
            def show(x): return x
            try:
                show(Slow())
                if not os.environ.get("TRACED"): raise KeyboardInterrupt
                for _ in range(100000): pass
                print("went on")
            except KeyboardInterrupt: print("interrupted")
        """, "--log_func_args=show", "--repr", "all")
        self.assertEqual(b"interrupted\n", outcome.stdout.replace(b"went on\n", b"interrupted\n"))
        traced = self.traced("x.py", options=("--quiet", "--log_func_args=show", "--repr", "all"), env={"TRACED": "1"})
        self.assertEqual((0, b"interrupted\n"), (traced.status, traced.stdout))


    def test_reprs_that_raise_print_and_take_away(self):
        """Code that runs for the recorder is not recorded, is not asked again by itself, and may do what it likes."""
        outcome = self.record("""
            import os
            count = 0
            def helper(n): raise KeyError(n)
            class Raises:
                def __repr__(self):
                    for n in range(2):
                        try: helper(self)
                        except KeyError: pass
                    return "raises"
            class E(Exception):
                def __repr__(self):
                    try: helper(self)
                    except KeyError: pass
                    return "E"
            class Prints:
                def __repr__(self):
                    global count
                    count += 1
                    print("in repr", file=open(os.devnull, "w"))
                    return "prints"
            table = {}
            class Clears:
                def __repr__(self):
                    table.clear()
                    return "clears"
            table.update({Clears(): bytearray(1000), Clears(): bytearray(1000)})
            def f(x): return None
            f(Raises())
            f(table)
            print(Prints())
            try: raise E()
            except E: pass
            print(count < 10)
        """, "--log_func_args", "--repr", "all", "--log_exception", "--log_print", "--only", "x.py")
        self.assertEqual([], outcome.report.named("helper")[1:] if self.interpreter.minor >= (3, 12) else [])
        self.assertLess(len(self.marks(outcome, "exception")), 20)
        self.assertLess(len(self.marks(outcome, "print")), 10)

    def test_once_for_each_call(self):
        """VizTracer asks for the arguments of a caller again at each C function that it calls."""
        self.write("x.py", """
            asked = []
            class Thing:
                def __repr__(self):
                    asked.append(1)
                    return "thing"
            def f(x):
                for i in range(100): len("x")
            f(Thing())
            print(len(asked))
        """)
        outcome = self.traced("x.py", options=("--quiet", "--only", "f", "--log_func_args", "--repr", "all"))
        self.assertEqual((0, b"1\n", b""), outcome.parity_key())
        self.assertEqual(100, len(outcome.report.named("builtins.len")))

    def test_what_a_repr_raises_in_a_worker_stays_there(self):
        self.write("x.py", """
            import threading, time
            class Ends:
                def __repr__(self): raise SystemExit(3)
            def f(x): return None
            def work():
                f(Ends())
                for _ in range(1000): time.sleep(0)
                print("not reached")
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            print("main done")
        """)
        outcome = self.traced("x.py", options=("--quiet", "--log_func_args=f", "--repr", "all"))
        self.assertEqual((0, b"main done\n"), (outcome.status, outcome.stdout))


if __name__ == "__main__":
    unittest.main()
