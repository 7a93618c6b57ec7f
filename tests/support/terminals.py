# SPDX-License-Identifier: Apache-2.0
"""Pseudo-terminals for tests. Where there is none to be had (no /dev/pts, as in a bare chroot) the
test is skipped, and says why."""

import os
import unittest


def _refused(error):
    return unittest.SkipTest(f"no pseudo-terminal: {error} (is /dev/pts mounted?)")


def open_terminal():
    """(master, slave), descriptors that the caller closes."""
    try:
        return os.openpty()
    except OSError as error:
        raise _refused(error) from None


def fork_on_terminal():
    """os.fork; the child has a new terminal as its standard streams. (0 or its pid, master)"""
    try:
        return os.forkpty()
    except OSError as error:
        raise _refused(error) from None
