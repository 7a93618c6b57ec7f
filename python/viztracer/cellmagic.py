# SPDX-License-Identifier: Apache-2.0
"""The extension of notebooks, where VizTracer has it."""

from viztracer_native.ipython import load_ipython_extension as load_ipython_extension
