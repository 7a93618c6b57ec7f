# SPDX-License-Identifier: Apache-2.0
"""What VizTracer has methods for and the recorder needs none: they are there for programs that call them."""

from __future__ import annotations

import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


class Compatibility:
    """Each does nothing, for the reason that it gives."""

    torch_profile: object = None

    def enable_thread_tracing(self) -> None:
        """Threads are recorded whoever started them."""

    def threadtracefunc(self, frame: object, event: str, argument: object) -> None:
        """A profile function that takes itself out again: threads are recorded without."""
        sys.setprofile(None)

    def reset_stack(self) -> None:
        """The stack is the program's own; there is no second one to be reset."""

    def setpid(self, pid: int | None = None) -> None:
        """A process has the id that it has."""

    def setignorestackcounter(self, value: int) -> int:
        """What is hidden hides nothing below it, so nothing is counted. Returns 0."""
        return 0

    def shield_ignore(self, function: Callable[..., T], *args: Any) -> T:
        """Calls the function: no filter hides what is below a hidden call."""
        return function(*args)

    def overload_print(self) -> None:
        """print() is what it is; log_print tells of it all the same."""

    def restore_print(self) -> None:
        """As overload_print()."""

    def add_garbage_collection(self) -> None:
        """log_gc tells of collections."""

    def connect_report_server(self) -> None:
        """There is none: the recording lies in a file."""

    def clean_report_server_process(self) -> None:
        """As connect_report_server()."""

    def get_func_args(self) -> dict[str, Any]:
        """What add_func_args() attached lies in the recording, not in the program: {} and a RuntimeWarning."""
        warnings.warn("viztracer-native: get_func_args() knows nothing: values are in the recording alone", RuntimeWarning, stacklevel=2)
        return {}
