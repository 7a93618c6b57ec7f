# SPDX-License-Identifier: Apache-2.0
"""A thread that is not recorded for a while."""

from __future__ import annotations

from . import _native


class paused:
    """Context in which nothing of the calling thread is recorded, but for the ends of what was there before; other
    threads are.

    Contexts may lie in one another, and are left by exceptions as by anything else. In a coroutine the thread stays
    muted while it is suspended, whatever else runs there meanwhile: for such functions there is `ignore_function`.

        with paused():
            warm_up_caches()
    """

    __slots__ = ()

    def __enter__(self) -> paused:
        _native.mute()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        _native.unmute()
