# SPDX-License-Identifier: Apache-2.0
"""What a program logs, as marks in its recording."""

from __future__ import annotations

import logging

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tracer import VizTracer


class LoggingHandler(logging.Handler):
    """Each record is an instant on its thread, named by level and logger, with the formatted message as a value.

        logging.getLogger().addHandler(LoggingHandler())
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            values = {"message": self.format(record), "at": f"{record.pathname}:{record.lineno}"}
            _native.instant(f"{record.levelname} {record.name}", values, "t")
        except Exception:
            self.handleError(record)


class VizLoggingHandler(logging.Handler):
    """As VizTracer has it: an instant `logging - MESSAGE` for each record, of the tracer that it is given.

        handler = VizLoggingHandler()
        handler.setTracer(get_tracer())
        logging.getLogger().addHandler(handler)
    """

    def __init__(self, level: int | str = logging.NOTSET, tracer: VizTracer | None = None) -> None:
        super().__init__(level)
        self._tracer = tracer

    def setTracer(self, tracer: VizTracer | None) -> None:
        """Of this one from now on; None: of none."""
        self._tracer = tracer

    def emit(self, record: logging.LogRecord) -> None:
        if self._tracer is None:
            return
        try:
            self._tracer.add_instant(f"logging - {self.format(record)}", None, "p")
        except Exception:
            self.handleError(record)
