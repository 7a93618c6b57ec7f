# SPDX-License-Identifier: Apache-2.0
"""VizLoggingHandler, where VizTracer has it."""

from viztracer_native.logging_handler import VizLoggingHandler as VizLoggingHandler
