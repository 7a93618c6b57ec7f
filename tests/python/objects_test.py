# SPDX-License-Identifier: Apache-2.0
"""VizCounter, VizObject, logging, plugins."""

import io
import json
import logging
import os
import sys
import types
import unittest
import warnings

from support import REPORT, Case, fake

from viztracer_native import LoggingHandler, VizCounter, VizLoggingHandler, VizObject, VizPluginBase, VizPluginError, VizTracer
from viztracer_native.event_base import EventBase


class Started(Case):
    def setUp(self):
        super().setUp()
        self.tracer = VizTracer(verbose=0)
        self.tracer.start()
        fake.calls.clear()


class Counters(Started):
    def test_each_assignment_is_a_sample(self):
        queue = VizCounter(self.tracer, "queue")
        queue.waiting = 3
        queue.running = 0.5
        queue._hidden = 7
        self.assertEqual([("counter", "queue", {"waiting": 3}), ("counter", "queue", {"waiting": 3, "running": 0.5})], fake.calls)

    def test_what_is_no_number(self):
        queue = VizCounter(self.tracer, "queue")
        queue.waiting = 3
        with self.assertRaisesRegex(TypeError, "queue.waiting"):
            queue.waiting = "4"
        self.assertEqual(3, queue.waiting)
        queue._name_of_it = "text"

    def test_settings(self):
        queue = VizCounter(self.tracer, "queue", trigger_on_change=False, include_attributes=["a", "b"], exclude_attributes=["b"])
        queue.a, queue.b, queue.c = 1, 2, "not told, so any"
        self.assertEqual([], fake.calls)
        queue.log()
        self.assertEqual([("counter", "queue", {"a": 1})], fake.calls)
        queue.config("trigger_on_change", True)
        queue.a = 2
        self.assertEqual(2, len(fake.calls))
        for error, key, value in ((ValueError, "other", 1), (TypeError, "trigger_on_change", 1), (TypeError, "include_attributes", "a"),
                                  (TypeError, "exclude_attributes", [1])):
            with self.assertRaises(error):
                queue.config(key, value)
        with self.assertRaises(ValueError):
            VizCounter(self.tracer, "queue", wrong=1)
        with self.assertRaises(TypeError):
            VizCounter(self.tracer, 3)

    def test_an_empty_one_is_no_sample(self):
        VizCounter(self.tracer, "queue").log()
        self.assertEqual([], fake.calls)

    def test_without_a_tracer(self):
        queue = VizCounter(None, "queue")
        queue.waiting = 3
        self.assertEqual(3, queue.waiting)
        self.assertEqual([], fake.calls)

    def test_methods_that_tell(self):
        class Queue(VizCounter):
            def __init__(self, tracer):
                super().__init__(tracer, "queue", trigger_on_change=False)
                self.n = 0

            @EventBase.triggerlog
            def after(self):
                self.n += 1
                return self.n

            @EventBase.triggerlog(when="before")
            def before(self):
                self.n += 1

            @VizCounter.triggerlog(when="both")
            def both(self):
                self.n += 1
                raise KeyError("mine")

        queue = Queue(self.tracer)
        self.assertEqual(1, queue.after())
        queue.before()
        with self.assertRaisesRegex(KeyError, "mine"):
            queue.both()
        self.assertEqual([1, 1, 2, 3], [call[2]["n"] for call in fake.calls])
        self.assertEqual("after", queue.after.__name__)
        with self.assertRaises(ValueError):
            EventBase.triggerlog(when="never")


class Objects(Started):
    def test_a_life(self):
        thing = VizObject(self.tracer, "thing")
        number = str(id(thing))
        thing.state = "open"
        thing.parts = [1, {"a": 2}]
        thing.function = print
        thing._hidden = 1
        del thing
        self.assertEqual([("object_event", "N", number, "thing", None),
                          ("object_event", "O", number, "thing", {"snapshot": {"state": "open"}}),
                          ("object_event", "O", number, "thing", {"snapshot": {"state": "open", "parts": [1, {"a": 2}]}}),
                          ("object_event", "O", number, "thing", {"snapshot": {"state": "open", "parts": [1, {"a": 2}]}}),
                          ("object_event", "D", number, "thing", None)], fake.calls)

    def test_one_that_was_never_made(self):
        with self.assertRaises(TypeError):
            VizObject(self.tracer, 3)
        self.assertEqual([], fake.calls)

    def test_without_a_tracer(self):
        thing = VizObject(None, "thing")
        thing.state = "open"
        del thing
        self.assertEqual([], fake.calls)

    def test_a_forked_childs_copy_is_not_another(self):
        thing = VizObject(self.tracer, "thing")
        child = os.fork()
        if child == 0:
            fake.calls.clear()
            del thing
            os._exit(len(fake.calls))
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


class Logging(Started):
    def logger(self, handler):
        logger = logging.Logger("app.db")
        logger.addHandler(handler)
        return logger

    def test_records_are_instants(self):
        logger = self.logger(LoggingHandler(logging.WARNING))
        logger.info("not told")
        logger.warning("lost %s of %d", "a", 3)
        (call,) = fake.calls
        self.assertEqual(("instant", "WARNING app.db"), call[:2])
        self.assertEqual("lost a of 3", call[2]["message"])
        self.assertRegex(call[2]["at"], r"objects_test\.py:\d+$")

    def test_as_viztracer_has_it(self):
        handler = VizLoggingHandler()
        logger = self.logger(handler)
        logger.info("not told")
        handler.setTracer(self.tracer)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger.info("hello")
        handler.setTracer(None)
        logger.info("not told")
        self.assertEqual([("instant", "logging - INFO: hello", None, "p")], fake.calls)

    def test_what_cannot_be_formatted_costs_nothing(self):
        stderr, sys.stderr = sys.stderr, io.StringIO()
        try:
            for handler in (LoggingHandler(), VizLoggingHandler(tracer=self.tracer)):
                self.logger(handler).warning("%d", "no number")
            said = sys.stderr.getvalue()
        finally:
            sys.stderr = stderr
        self.assertEqual([], fake.calls)
        self.assertEqual(2, said.count("Logging error"))


class Told(VizPluginBase):
    """A plugin that writes down what it hears, and answers as it was asked to."""

    def __init__(self, version="1.0.0", **answers):
        self.version, self.answers, self.heard = version, answers, []

    def support_version(self):
        return self.version

    def message(self, m_type, payload):
        self.heard.append(payload.get("when") or payload.get("cmd_type"))
        answer = self.answers.get(self.heard[-1].replace("-", "_"), super().message(m_type, payload))
        if isinstance(answer, Exception):
            raise answer
        return answer


class Plugins(Case):
    def test_what_they_are_told(self):
        plugin = Told()
        with VizTracer(verbose=0, plugins=[plugin]):
            pass
        self.assertEqual(["initialize", "pre-start", "post-stop", "pre-save", "terminate"], plugin.heard)
        self.assertEqual(["--convert"], [word for word in self.words() if word == "--convert"])

    def rename(self, data):
        for event in data["traceEvents"]:
            event["name"] = "renamed"
        data["thing"] = object()

    def test_they_change_what_is_saved(self):
        plugin = Told(pre_save={"action": "handle_data", "handler": self.rename})
        tracer = VizTracer(verbose=0, plugins=[plugin])
        tracer.start()
        tracer.save("new/x.json")
        data = json.loads(self.read("new/x.json"))
        self.assertEqual({"renamed"}, {event["name"] for event in data["traceEvents"]})
        self.assertEqual(len(REPORT["traceEvents"]), len(data["traceEvents"]))
        self.assertEqual("<builtins.object>", data["thing"])
        tracer.save("y.html")
        words = self.launched()[-1][0]
        self.assertEqual((["y.html"], []), (self.after(words, "-o"), self.after(words, "--from")))
        self.assertTrue(self.after(words, "--convert")[0].endswith(".json"))

    def test_what_goes_wrong_in_them_costs_no_report(self):
        for answer in (KeyError("mine"), 3, {"action": "handle_data"}, {"action": "handle_data", "handler": lambda data: data["no such"]}):
            plugin = Told(pre_save=answer)
            tracer = VizTracer(verbose=0, plugins=[plugin])
            tracer.start()
            with self.assertWarnsRegex(RuntimeWarning, "plugin Told, pre-save"):
                tracer.save("x.json")
            self.assertEqual(REPORT, json.loads(self.read("x.json")))
            os.remove("x.json")

    def test_one_that_does_not_end(self):
        tracer = VizTracer(plugins=[Told(terminate={})])
        with self.assertRaisesRegex(VizPluginError, "Told"):
            tracer.terminate()
        tracer.terminate()

    def test_by_the_name_of_a_module(self):
        module = types.ModuleType("vtn_plugin_of_test")
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        heard = []
        module.get_vizplugin = lambda words: (heard.append(words), Told())[1]
        VizTracer(plugins=["vtn_plugin_of_test -f x"])
        self.assertEqual(["vtn_plugin_of_test -f x"], heard)
        module.get_vizplugin = lambda words: 3
        with self.assertRaises(TypeError):
            VizTracer(plugins=["vtn_plugin_of_test"])
        del module.get_vizplugin
        for words, reason in (("vtn_plugin_of_test", "get_vizplugin"), ("no_such_module_here", "no module"), ("", "no module")):
            with self.assertRaisesRegex(VizPluginError, reason):
                VizTracer(plugins=[words])

    def test_versions(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            VizTracer(plugins=[Told("1.1.1"), Told("0.16.2")])
        with self.assertWarnsRegex(RuntimeWarning, "2.0.0"):
            VizTracer(plugins=[Told("2.0.0")])
        with self.assertRaises(VizPluginError):
            VizTracer(plugins=[VizPluginBase()])


if __name__ == "__main__":
    unittest.main()
