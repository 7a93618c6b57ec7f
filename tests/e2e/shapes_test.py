# SPDX-License-Identifier: Apache-2.0
"""Every shape of callable and of call: none sends an end that closes the wrong call, none is skipped.

programs/shapes.py calls each shape within a function of its own, after which that function calls
`after`. So in the report each of these functions must have `after` as its last child, and all of
them must be children of `main`, in order. The same is done with an evaluation function set by
"another extension" (programs/eval_frame.c), which makes CPython send other events.
"""

import json
import os
import unittest

import support

SHAPES = os.path.join(support.PROGRAMS, "shapes.py")
ROUNDS = 3  # of programs/shapes.py


class Shapes(support.TestCase):
    def check(self, *args, options=("--quiet",)):
        plain = self.plain(SHAPES, *args)
        self.assertEqual(0, plain.status, plain.stderr)
        traced = self.traced(SHAPES, *args, options=options)
        self.assertEqual(plain.parity_key(), traced.parity_key())
        shapes = json.loads(plain.stdout)
        self.assertGreater(len(shapes), 40)

        main = traced.report.one("main")
        python = [call for call in main.children if call.is_python]
        wanted = [name for shape in shapes for name in (f"shape_{shape}", "between")] * ROUNDS
        ours = [call for call in python if call.function in set(wanted)]
        self.assertEqual(wanted, [call.function for call in ours])
        for call in ours:
            if call.function == "between":
                self.assertEqual([], [child.function for child in call.children if child.is_python])
                continue
            with self.subTest(call.function):
                self.assertIsNotNone(call.end)
                self.assertTrue(call.children)
                last = call.children[-1]
                self.assertEqual("after", last.function, call.children)
                self.assertEqual(1, sum(child.function == "after" for child in call.children))
                # Each shape calls `callee` as often as it says, however deep.
                calls = sum(one.function == "callee" for one in call.walk())
                self.assertEqual(shapes[call.function[len("shape_"):]], calls)
        return traced.report

    def test_alone(self):
        self.check()

    def test_without_c_functions(self):
        self.check(options=("--quiet", "--ignore_c_function"))

    def test_with_an_evaluation_function_of_another(self):
        library = os.environ.get("VTN_EVAL_FRAME")
        self.assertTrue(library and os.path.exists(library), "VTN_EVAL_FRAME names no library")
        self.check(library)
        if self.interpreter.minor != (3, 11):  # L-OTHER-EVALUATOR
            self.check(library, options=("--quiet", "--ignore_c_function"))

    def test_names_of_callables(self):
        """Also recorded where sys.setprofile says nothing."""
        report = self.check()
        names = {call.name for call in report.calls()}
        expected = {"builtins.len", "list.append", "type.fromkeys", "str.upper"}
        if self.interpreter.minor >= (3, 12):  # the profile function is told of C functions only
            expected |= {"<functools.partial object>", "Type"}
        self.assertLessEqual(expected, names)


if __name__ == "__main__":
    unittest.main()
