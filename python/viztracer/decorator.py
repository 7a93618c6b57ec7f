# SPDX-License-Identifier: Apache-2.0
"""The decorators, where VizTracer has them."""

from viztracer_native.decorators import ignore_function as ignore_function
from viztracer_native.decorators import log_sparse as log_sparse
from viztracer_native.decorators import trace_and_save as trace_and_save
