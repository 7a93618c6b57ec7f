# SPDX-License-Identifier: Apache-2.0
"""VizObject, where VizTracer has it."""

from viztracer_native.objects import VizObject as VizObject
