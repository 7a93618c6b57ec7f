# SPDX-License-Identifier: Apache-2.0
"""`import viztracer` in a program that is recorded by viztracer-native: VizTracer's interface, by our recorder.

What it has beyond that interface is in the package viztracer_native, which docs/API.md tells of.
"""

import viztracer_native as _ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from viztracer_native import VizTracer as VizTracer
    from viztracer_native import get_tracer as get_tracer
    from viztracer_native import ignore_function as ignore_function
    from viztracer_native import load_ipython_extension as load_ipython_extension
    from viztracer_native import log_sparse as log_sparse
    from viztracer_native import trace_and_save as trace_and_save

# The version whose interface this is.
__version__ = "1.1.1"

__all__ = [
    "VizTracer",
    "__version__",
    "get_tracer",
    "ignore_function",
    "load_ipython_extension",
    "log_sparse",
    "trace_and_save",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_ours, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
