# SPDX-License-Identifier: Apache-2.0
"""Talks to the recorder from within a program: marks, spans, counters, and VizTracer's own interface.

Below the command `viztracer-native` all of it goes into the run's recording. In an ordinary process nothing is
recorded until a VizTracer is started, and marks do nothing:

    from viztracer_native import span, counter

    with span("load", path=path):
        rows = load(path)
    counter("queue", length=len(rows))

Each name is loaded when it is first asked for, while the thread is muted: what the program records of itself is itself.
"""

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .counters import VizCounter as VizCounter
    from .decorators import ignore_function as ignore_function
    from .decorators import log_sparse as log_sparse
    from .decorators import trace_and_save as trace_and_save
    from .flows import flow as flow
    from .ipython import load_ipython_extension as load_ipython_extension
    from .logging_handler import LoggingHandler as LoggingHandler
    from .logging_handler import VizLoggingHandler as VizLoggingHandler
    from .marks import counter as counter
    from .marks import instant as instant
    from .muting import paused as paused
    from .objects import VizObject as VizObject
    from .plugins import VizPluginBase as VizPluginBase
    from .plugins import VizPluginError as VizPluginError
    from .reports import ReportError as ReportError
    from .session import get_tracer as get_tracer
    from .spans import span as span
    from .tracer import VizTracer as VizTracer

__version__ = "0.1.0"

_MODULE_OF = {
    "LoggingHandler": "logging_handler",
    "ReportError": "reports",
    "VizCounter": "counters",
    "VizLoggingHandler": "logging_handler",
    "VizObject": "objects",
    "VizPluginBase": "plugins",
    "VizPluginError": "plugins",
    "VizTracer": "tracer",
    "counter": "marks",
    "flow": "flows",
    "get_tracer": "session",
    "ignore_function": "decorators",
    "instant": "marks",
    "load_ipython_extension": "ipython",
    "log_sparse": "decorators",
    "paused": "muting",
    "span": "spans",
    "trace_and_save": "decorators",
}

__all__ = [
    "LoggingHandler",
    "ReportError",
    "VizCounter",
    "VizLoggingHandler",
    "VizObject",
    "VizPluginBase",
    "VizPluginError",
    "VizTracer",
    "__version__",
    "counter",
    "flow",
    "get_tracer",
    "ignore_function",
    "instant",
    "load_ipython_extension",
    "log_sparse",
    "paused",
    "span",
    "trace_and_save",
]


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _native.mute()
    try:
        value: object = getattr(__import__(f"{__name__}.{module}", fromlist=(name,)), name)
    finally:
        _native.unmute()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
