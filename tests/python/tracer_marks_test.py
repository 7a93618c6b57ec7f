# SPDX-License-Identifier: Apache-2.0
"""class VizTracer: what it is told by the program."""

import json
import sys
import unittest

from support import Case, fake

from viztracer_native import VizTracer


class Marks(Case):
    def setUp(self):
        super().setUp()
        self.tracer = VizTracer(verbose=0)
        self.tracer.start()
        fake.calls.clear()

    def told(self):
        calls, fake.calls = fake.calls, []
        return calls

    def test_instants(self):
        self.tracer.add_instant("a")
        self.tracer.add_instant("b", {"x": 1}, "p")
        self.tracer.add_instant("c", [1, 2], "t")
        self.tracer.log_instant("d", {"y": 2})
        self.tracer.log_instant("e", scope="g", cond=False)
        self.assertEqual([("instant", "a", None, "g"), ("instant", "b", {"x": 1}, "p"), ("instant", "c", {"value": [1, 2]}, "t"),
                          ("instant", "d", {"y": 2}, "t")], self.told())
        for error, arguments in ((ValueError, ("a", None, "x")), (TypeError, ("a", None, 1)), (TypeError, (1,))):
            with self.assertRaises(error):
                self.tracer.add_instant(*arguments)

    def test_counters(self):
        self.tracer.add_counter("a", {"x": 1, "y": 2.5})
        self.assertEqual([("counter", "a", {"x": 1, "y": 2.5})], self.told())
        with self.assertRaises(TypeError):
            self.tracer.add_counter("a", {"x": "1"})
        with self.assertRaises(TypeError):
            self.tracer.add_counter("a", 1)

    def test_variables(self):
        thing = object()
        self.tracer.log_var("n", 3)
        self.tracer.log_var("flag", True)
        self.tracer.log_var("thing", thing)
        self.tracer.log_var("not", thing, cond=0)
        self.tracer.add_variable("text", "a'b")
        self.tracer.add_variable("n", 4, "counter")
        self.assertEqual([("variable", "n", 3), ("variable", "flag", True), ("variable", "thing", thing),
                          ("instant", "text = \"a'b\"", None, "p"), ("counter", "n", {"n": 4})], self.told())
        with self.assertRaises(ValueError):
            self.tracer.add_variable("text", "x", "counter")
        with self.assertRaises(ValueError):
            self.tracer.add_variable("n", 1, "other")

    def test_a_repr_that_fails_or_never_ends(self):
        class Bad:
            def __repr__(self):
                raise OSError("mine")

        self.tracer.add_variable("bad", Bad())
        self.tracer.add_variable("long", "x" * 10_000)
        bad, long = self.told()
        self.assertRegex(bad[1], r"^bad = <.*Bad>$")
        self.assertEqual(len("long = ") + 256, len(long[1]))

    def test_values_are_handed_on_untouched(self):
        class Bomb:
            def __repr__(self):
                raise AssertionError("it was shown")
            __str__ = __eq__ = __hash__ = __bool__ = __repr__

        bomb = Bomb()
        self.tracer.log_var("a", bomb)
        self.tracer.add_instant("b", {"x": bomb})
        self.tracer.add_instant("c", bomb)
        self.tracer.add_func_args("key", bomb)
        self.tracer.add_object("O", "1", "thing", bomb)
        self.assertEqual(5, len(fake.calls))

    def test_objects(self):
        self.tracer.add_object("N", "1", "node")
        self.tracer.add_object("O", 1, "node", {"left": 2})
        self.assertEqual([("object_event", "N", "1", "node", None), ("object_event", "O", "1", "node", {"left": 2})], self.told())
        with self.assertRaises(ValueError):
            self.tracer.add_object("X", "1", "node")

    def test_of_the_call(self):
        self.tracer.add_func_args("rows", [1])
        self.tracer.add_func_exec("x", 3, 17)
        self.assertEqual([("argument", "rows", [1]), ("instant", "(17) x", {"value": 3}, "t")], self.told())
        with self.assertRaises(TypeError):
            self.tracer.add_func_args(1, 2)
        with self.assertWarns(RuntimeWarning):
            self.assertEqual({}, self.tracer.get_func_args())

    def test_raw_events_survive_what_json_has_no_word_for(self):
        cycle = []
        cycle.append(cycle)

        class Text(str):
            def __str__(self):
                raise AssertionError("it was shown")
            __repr__ = __str__

        event = {"ph": "X", "name": Text("q"), "ts": 1.5, "args": {
            "object": object(), 3: b"x", None: float("nan"), "inf": float("inf"), "cycle": cycle, "set": {1}, "large": 10 ** 5000,
            "tuple": (1, True, None), "text": "\ud800\"\\"}}
        self.tracer.add_raw(event)
        (call,) = self.told()

        def no_constant(word):
            raise AssertionError(f"{word} is not JSON")

        told = json.loads(call[1], parse_constant=no_constant)
        self.assertEqual(("X", "q", 1.5), (told["ph"], told["name"], told["ts"]))
        self.assertEqual(hex(10 ** 5000), told["args"].pop("large"))
        self.assertEqual({"object": "<builtins.object>", "3": "<builtins.bytes>", "None": "nan", "inf": "inf", "set": "<builtins.set>",
                          "tuple": [1, True, None], "text": "\ud800\"\\"}, {key: value for key, value in told["args"].items() if key != "cycle"})
        for bad in (None, [], {"name": "x"}, {"ph": 1}):
            with self.assertRaises(TypeError):
                self.tracer.add_raw(bad)

    def test_raw_events_are_told_while_it_is_stopped(self):
        self.tracer.stop()
        fake.calls.clear()
        self.tracer.add_raw({"ph": "i", "name": "x"})
        for method, arguments in (("add_instant", ("a",)), ("add_counter", ("a", {"x": 1})), ("add_variable", ("a", 1)), ("log_var", ("a", 1)),
                                  ("add_object", ("N", "1", "a")), ("add_func_args", ("a", 1)), ("add_func_exec", ("a", 1, 1)), ("log_instant", ("a",))):
            getattr(self.tracer, method)(*arguments)
        self.assertEqual(["raw"], [call[0] for call in self.told()])

    def test_events_are_slices_that_say_where_they_stand(self):
        with self.assertRaises(KeyError):
            with self.tracer.log_event("load"):
                line = sys._getframe().f_lineno - 1
                raise KeyError
        self.assertEqual([("enter", f"load ({__file__}:{line})", {}), ("exit", f"load ({__file__}:{line})", KeyError)], self.told())
        with self.assertRaises(TypeError):
            self.tracer.log_event(1)

    def test_times(self):
        self.assertAlmostEqual(fake.clock / 1000 + 1, self.tracer.getts())
        self.assertEqual(1_700_000_000_000_000_000, self.tracer.get_base_time())
        self.assertIsNone(self.tracer.get_sync_marker())
        self.tracer.set_sync_marker()
        marker = self.tracer.get_sync_marker()
        with self.assertWarns(RuntimeWarning):
            self.tracer.set_sync_marker()
        self.assertEqual(marker, self.tracer.get_sync_marker())
        self.assertEqual([("instant", "sync_marker", None, "p")], self.told())
        self.tracer.parse()
        self.assertEqual(marker, self.tracer.data["viztracer_metadata"]["sync_marker"])


class Kept(Case):
    def test_what_needs_nothing_does_nothing(self):
        tracer = VizTracer()
        for method in ("enable_thread_tracing", "reset_stack", "overload_print", "restore_print", "add_garbage_collection",
                       "connect_report_server", "clean_report_server_process", "setpid"):
            self.assertIsNone(getattr(tracer, method)())
        self.assertEqual(0, tracer.setignorestackcounter(1))
        self.assertEqual([1, 2], tracer.shield_ignore(sorted, [2, 1]))
        sys.setprofile(tracer.threadtracefunc)
        len([])
        self.assertIsNone(sys.getprofile())
        self.assertIsNone(tracer.torch_profile)
        self.assertEqual([], fake.calls)


if __name__ == "__main__":
    unittest.main()
