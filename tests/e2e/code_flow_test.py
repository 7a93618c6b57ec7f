# SPDX-License-Identifier: Apache-2.0
"""How deep the stack is where something is bound (runtime/variables/code_flow.h), as the `dis` module has it."""

import os
import unittest

from support import PROGRAMS, TestCase


class CodeFlow(TestCase):
    def test_as_the_dis_module_of_each_interpreter_has_it(self):
        outcome = self.plain(os.path.join(PROGRAMS, "code_flow.py"), os.environ["VTN_CODE_FLOW"], "300")
        self.assertEqual((0, b"agreed\n", b""), (outcome.status, outcome.stdout, outcome.stderr))


class Comments(TestCase):
    def test_as_the_tokenize_module_of_each_interpreter_has_them(self):
        outcome = self.plain(os.path.join(PROGRAMS, "comment_lexer.py"), os.environ["VTN_CODE_FLOW"], "8")
        self.assertEqual((0, b"agreed\n", b""), (outcome.status, outcome.stdout, outcome.stderr))


if __name__ == "__main__":
    unittest.main()
