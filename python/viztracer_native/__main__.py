# SPDX-License-Identifier: Apache-2.0
"""python -m viztracer_native ...: the command viztracer-native, for this interpreter's environment."""

import os
import sys

from . import _native


def main() -> None:
    try:
        launcher = _native.info()["launcher"]
    except RuntimeError as error:
        sys.exit(f"viztracer-native: {error}")
    # Before anything else, so that another --python comes after it. The launcher's own commands pass it over.
    os.execv(launcher, [launcher, "--python", sys.executable, *sys.argv[1:]])


main()
