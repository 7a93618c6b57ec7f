# SPDX-License-Identifier: Apache-2.0
"""Plugins, as VizTracer has them: they are told what happens to a tracer, and may change what it saves."""

from __future__ import annotations

import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .tracer import VizTracer

# Of the interface of plugins: that of VizTracer of this version.
INTERFACE = "1.1.1"


class VizPluginError(Exception):
    """A plugin that is none, or that does not do what it was told to.

        try:
            tracer.terminate()
        except VizPluginError as error:
            print(error)
    """


class VizPluginBase:
    """What a plugin derives from.

        class Rename(VizPluginBase):
            def support_version(self):
                return "1.0.0"

            def message(self, m_type, payload):
                if m_type == "event" and payload["when"] == "pre-save":
                    return {"action": "handle_data", "handler": self.rename}
                return {"success": True}

            def rename(self, data):
                for event in data["traceEvents"]: ...
    """

    def support_version(self) -> str:
        """The version of VizTracer that it was written for. To be defined by each plugin.

            plugin.support_version()  # "1.0.0"
        """
        raise VizPluginError(f"{type(self).__qualname__} must define support_version()")

    def message(self, m_type: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Told of ("event", {"when": ...}) with initialize, pre-start, post-stop, pre-save, and of ("command",
        {"cmd_type": "terminate"}), which {"success": True} answers. {"action": "handle_data", "handler": f} has f
        called with the report's data, a dict.

            plugin.message("event", {"when": "pre-start"})
        """
        return {"success": True} if m_type == "command" else {}


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]


class PluginManager:
    """The plugins of one tracer."""

    def __init__(self, tracer: VizTracer, plugins: Iterable[object] | None) -> None:
        self._tracer = tracer
        if plugins is not None and not isinstance(plugins, (list, tuple)):
            raise TypeError(f"plugins must be a list, not {type(plugins).__qualname__}")
        self._plugins = [self._plugin(one) for one in plugins or ()]

    def _plugin(self, given: object) -> VizPluginBase:
        plugin = _load(given) if isinstance(given, str) else given
        if not isinstance(plugin, VizPluginBase):
            raise TypeError(f"a plugin must be a VizPluginBase or the name of a module, not {type(plugin).__qualname__}")
        version = plugin.support_version()
        if _numbers(version) > _numbers(INTERFACE):
            warnings.warn(
                f"viztracer-native: {type(plugin).__qualname__} is written for VizTracer {version}; this is as {INTERFACE}",
                RuntimeWarning,
                stacklevel=2,
            )
        return plugin

    def event(self, when: str) -> bool:
        """Whether one of them has changed the tracer's data. What goes wrong in a plugin costs no report: a warning."""
        changed = False
        for plugin in self._plugins:
            try:
                answer = plugin.message("event", {"when": when})
                handler = _handler(answer)
                if handler is not None:
                    if not self._tracer.data:
                        self._tracer.data = self._tracer._read()
                    handler(self._tracer.data)
                    changed = True
            except Exception as error:
                warnings.warn(
                    f"viztracer-native: plugin {type(plugin).__qualname__}, {when}: {type(error).__qualname__}: {error}",
                    RuntimeWarning,
                    stacklevel=4,
                )
        return changed

    def terminate(self) -> None:
        for plugin in self._plugins:
            answer = plugin.message("command", {"cmd_type": "terminate"})
            if not isinstance(answer, dict) or answer.get("success") is not True:
                raise VizPluginError(f"{type(plugin).__qualname__} did not terminate: it answered {answer!r}")


def _handler(answer: object) -> Callable[[dict[str, Any]], object] | None:
    if answer is None:
        return None
    if not isinstance(answer, dict):
        raise VizPluginError(f"the answer to a message must be a dict, not {type(answer).__qualname__}")
    if answer.get("action") != "handle_data":
        return None
    handler: Callable[[dict[str, Any]], object] | None = answer.get("handler")
    if not callable(handler):
        raise VizPluginError("handle_data needs a handler that can be called")
    return handler


def _load(words: str) -> object:
    """The plugin that `get_vizplugin(words)` of the module which is the first word makes."""
    name = words.split()[0] if words.split() else ""
    import importlib

    try:
        module = importlib.import_module(name)
    except (ImportError, ValueError) as error:
        raise VizPluginError(f"plugin {words!r}: there is no module {name!r}: {error}") from error
    make = getattr(module, "get_vizplugin", None)
    if not callable(make):
        raise VizPluginError(f"plugin {words!r}: module {name} has no function get_vizplugin")
    plugin: object = make(words)
    return plugin
