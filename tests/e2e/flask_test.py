# SPDX-License-Identifier: Apache-2.0
"""`flask run`: by itself, with its reloader, ended by Ctrl-C and by SIGTERM."""

import signal
import unittest

import servers

APP = """
import os
import werkzeug._reloader
from flask import Flask, Response

class Watching(werkzeug._reloader.StatReloaderLoop):
    def __enter__(self):
        loop = super().__enter__()  # a change before this first look is none
        with open("watched", "a") as file:
            file.write(f"{os.getpid()}\\n")
        return loop

werkzeug._reloader.reloader_loops["auto"] = Watching

app = Flask(__name__)

def answer():
    return "generation 0"

@app.route("/")
def hello():
    return Response(answer(), headers={"X-Pid": str(os.getpid())})
"""
MASKS = [(r"PIN: [\d-]+", "PIN")]


@servers.on_every_base
class Flask(servers.ServerCase):
    argv = ["flask", "--app", "app", "run", "--port", "{port}"]

    def prepare(self):
        self.write("app.py", APP)
        self.remove("watched")

    def play(self, scenario, *more, **kwargs):
        return self.compare(self.argv + list(more), scenario, prepare=self.prepare, masks=MASKS, **kwargs)

    def test_sigterm(self):
        """It dies of the signal, and the requests are there."""
        def scenario(run):
            answers = [run.get(), run.get(), run.get("/nowhere")[0]]
            run.wait_for("GET /nowhere")
            run.signal(signal.SIGTERM)
            return answers
        run = self.play(scenario)
        self.assertEqual(-signal.SIGTERM, run.status)
        report = self.check_tree(run, view="hello")
        self.assertEqual(2, len(report.named("hello")))
        self.assertEqual(report.pids(), run.seen)

    def test_interrupt_on_a_terminal(self):
        def scenario(run):
            answers = [run.get()]
            run.wait_for("GET / ")
            run.type(b"\x03")
            return answers
        run = self.play(scenario, terminal=True)
        self.assertEqual(0, run.status)
        self.check_tree(run, view="hello")

    def reloads(self, run, times):
        """Requests to each generation of the server; a change of the program's file makes the next."""
        answers = []
        run.wait_for("Debugger is active")
        for generation in range(times + 1):
            answers.append(run.get())
            run.look()
            if generation == times:
                break
            run.eventually(lambda: len(self.lines("watched")) > generation, "the reloader watches")
            self.change("app.py", APP.replace("generation 0", f"generation {generation + 1}"))
            run.wait_for("Debugger is active", generation + 2)
        return answers

    def test_two_reloads_and_interrupt(self):
        def scenario(run):
            answers = self.reloads(run, 2)
            run.wait_for("GET / ", 3)
            run.type(b"\x03")
            return answers
        run = self.play(scenario, "--debug", terminal=True)
        report = self.check_tree(run, view="hello")
        self.assertEqual(3, len(run.served))
        self.assertEqual(run.served.keys(), report.called("hello").keys())
        self.assertEqual(4, len(run.seen))  # the parent, which watches, and three children

    def test_reload_and_sigterm_to_the_parent(self):
        def scenario(run):
            answers = self.reloads(run, 1)
            run.wait_for("GET / ", 2)
            run.signal(signal.SIGTERM)
            return answers
        run = self.play(scenario, "--debug")
        report = self.check_tree(run, view="hello")
        self.assertEqual(2, len(report.called("hello")))


if __name__ == "__main__":
    unittest.main()
