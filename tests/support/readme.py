# SPDX-License-Identifier: Apache-2.0
"""The examples of the README, for the tests that run them."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WITHIN = "From within, in a notebook, and what runs already"


def blocks(heading):
    """The code below that heading: (language, text) of each block."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        section = file.read().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```(\w*)\n(.*?)```", section, re.S)
