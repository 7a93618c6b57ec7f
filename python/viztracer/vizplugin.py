# SPDX-License-Identifier: Apache-2.0
"""Plugins, where VizTracer has them."""

from viztracer_native.plugins import VizPluginBase as VizPluginBase
from viztracer_native.plugins import VizPluginError as VizPluginError
