# SPDX-License-Identifier: Apache-2.0
"""VizCounter, where VizTracer has it."""

from viztracer_native.counters import VizCounter as VizCounter
