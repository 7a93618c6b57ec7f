# SPDX-License-Identifier: Apache-2.0
"""VizEvent, where VizTracer has it."""

from viztracer_native.spans import VizEvent as VizEvent
