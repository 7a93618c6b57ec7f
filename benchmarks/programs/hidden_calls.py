# SPDX-License-Identifier: Apache-2.0
"""The calls of calls.py and one kind more, below a file that may be the only one that is recorded.
Prints as calls.py does.

    hidden_calls.py ROUNDS
"""

import os
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def visible():
    sys.argv[0] = os.path.join(HERE, "calls.py")
    runpy.run_path(sys.argv[0], run_name="__main__")


visible()
