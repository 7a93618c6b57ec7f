# SPDX-License-Identifier: Apache-2.0
"""SHORT PYTHON: starts so many /bin/true and so many `python -c pass`, eight at a time."""

import os
import sys

short, python = map(int, sys.argv[1:])
running = 0
for number in range(short + python):
    # Spread evenly: a Python child after every few short ones.
    is_python = (number + 1) * python // (short + python) > number * python // (short + python)
    argv = [sys.executable, "-c", "pass"] if is_python else ["/bin/true"]
    os.posix_spawn(argv[0], argv, os.environ)
    running += 1
    if running == 8:
        assert os.wait()[1] == 0
        running -= 1
for _ in range(running):
    assert os.wait()[1] == 0
