# SPDX-License-Identifier: Apache-2.0
"""VizTracer and get_tracer, where VizTracer has them."""

from viztracer_native.session import get_tracer as get_tracer
from viztracer_native.tracer import VizTracer as VizTracer
