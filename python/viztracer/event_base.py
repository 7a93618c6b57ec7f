# SPDX-License-Identifier: Apache-2.0
"""_EventBase, where VizTracer has it."""

from viztracer_native.event_base import EventBase as _EventBase

__all__ = ["_EventBase"]
