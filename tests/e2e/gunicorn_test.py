# SPDX-License-Identifier: Apache-2.0
"""gunicorn: its workers of every kind and generation, and what its signals do."""

import contextlib
import http.client
import os
import signal
import unittest

import servers

APP = """
import os, signal, time

def view(environ):
    return b"answer to " + environ["PATH_INFO"].encode()

def stuck():
    time.sleep(600)

def deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGABRT})
    stuck()

def app(environ, start_response):
    body = view(environ)
    if environ["PATH_INFO"] == "/stuck":
        stuck()
    if environ["PATH_INFO"] == "/deaf":
        deaf()
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Pid", str(os.getpid()))])
    return [body]
"""

# The master may send a second SIGTERM to a worker whose interpreter is ending, and which has its
# handlers no more: a line more, in the plain run as in the traced one.
MASKS = [(r"\(\d+\)$", "(PID)"), (r"^.*\) was sent SIGTERM!\n", "")]


@servers.on_every_base
class Gunicorn(servers.ServerCase):
    def argv(self, *more, workers=2):
        return ["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", workers, "--graceful-timeout",
                "20", "--no-control-socket", *more, "app:app"]

    def prepare(self):
        self.write("app.py", APP)

    def play(self, scenario, *more, workers=2, **kwargs):
        """Ends with SIGTERM, unless the scenario ended it. Workers write when they like."""
        return self.compare(self.argv(*more, workers=workers), scenario, prepare=self.prepare,
                            masks=MASKS, ordered=False, **kwargs)

    def booted(self, run, number):
        """Waits until `number` workers have been started, of which all have written so."""
        run.wait_for(r"Booting worker", number)

    def both_answer(self, run, workers=2):
        self.booted(run, workers)
        run.get_from(workers)
        run.signal(signal.SIGTERM)

    def check(self, run, workers):
        report = self.check_tree(run, view="view")
        self.assertEqual(workers + 1, len(report.processes), report.process_names)
        return report

    def test_sync(self):
        self.check(self.play(self.both_answer), 2)

    def test_gthread(self):
        self.check(self.play(self.both_answer, "--worker-class", "gthread", "--threads", "2"), 2)

    def test_gevent(self):
        self.check(self.play(self.both_answer, "--worker-class", "gevent"), 2)

    def test_preload_and_max_requests(self):
        """Each worker ends after three requests, and another comes."""
        def scenario(run):
            for generation in range(1, 4):
                self.booted(run, generation)
                for _ in range(3):
                    run.get()
            self.booted(run, 4)
            run.get()
            run.signal(signal.SIGTERM)
        run = self.play(scenario, "--preload", "--max-requests", "3", workers=1)
        self.assertEqual([3, 3, 3, 1], list(run.served.values()))
        self.check(run, 4)

    def test_hup_ttin_ttou(self):
        """HUP starts all workers anew, TTIN adds one, TTOU takes one away."""
        def scenario(run):
            self.booted(run, 2)
            run.get_from(2)
            run.signal(signal.SIGHUP)
            run.wait_for(r"Worker exiting", 2)
            self.booted(run, 4)
            run.get_from(4)
            run.signal(signal.SIGTTIN)
            self.booted(run, 5)
            run.get_from(5)
            run.signal(signal.SIGTTOU)
            run.wait_for(r"Worker exiting", 3)
            run.get()
            run.signal(signal.SIGTERM)
        self.check(self.play(scenario), 5)

    def test_worker_timeout(self):
        """A worker that hangs is sent SIGABRT; the next one takes its place."""
        def scenario(run):
            self.booted(run, 1)
            run.get()
            run.first_worker = next(iter(run.served))
            self.hang(run, "/stuck")
            run.wait_for("WORKER TIMEOUT")
            self.booted(run, 2)
            run.get("/again")
            run.signal(signal.SIGTERM)
        run = self.play(scenario, "--timeout", "3", workers=1)
        report = run.report
        self.assertEqual(3, len(report.processes))
        # The titles they gave themselves. Those of workers that live only for a moment may be missed.
        master, worker = (report.by_name(f"gunicorn: {name} [app:app]") for name in ("master", "worker"))
        self.assertLessEqual({run.first_worker}, worker, report.process_names)
        self.assertTrue(master, report.process_names)
        self.assertEqual([2, 1], sorted(report.called("view").values(), reverse=True))
        self.assertEqual(1, len(report.named("stuck")))

    def test_worker_timeout_of_a_deaf_worker(self):
        """One that does not hear SIGABRT is killed."""
        def scenario(run):
            self.booted(run, 1)
            self.hang(run, "/deaf")
            run.wait_for("WORKER TIMEOUT")
            self.booted(run, 2)
            run.get("/again")
            run.signal(signal.SIGTERM)
        run = self.play(scenario, "--timeout", "3", workers=1)
        report = run.report
        self.assertEqual(3, len(report.processes))
        self.assertEqual(2, len(report.named("view")))
        self.assertEqual([False], report.returned("stuck"))  # it never returned

    def hang(self, run, path):
        """A request that gets no answer; the connection is closed at the worker's end."""
        connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=servers.PATIENCE)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()

    def two_masters(self, run):
        """A second master, by exec of its own command in a forked child. Its pid."""
        self.booted(run, 1)
        run.get_from(1)
        run.signal(signal.SIGUSR2)
        self.booted(run, 2)
        run.get_from(2)
        return run.eventually(self.second_master, "the second master writes its pid")

    def second_master(self):
        try:
            with open(os.path.join(self.work, "pid.2"), encoding="utf-8") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def play_usr2(self, scenario):
        pid_file = os.path.join(self.work, "pid")
        run = self.play(scenario, "--pid", pid_file, workers=1)
        report = self.check_tree(run, view="view")
        self.assertEqual(4, len(report.processes), report.process_names)

    def test_usr2_and_back(self):
        def scenario(run):
            os.kill(self.two_masters(run), signal.SIGTERM)
            run.wait_for("Shutting down: Master")
            run.get()
            run.signal(signal.SIGTERM)
        self.play_usr2(scenario)

    def test_usr2_and_on(self):
        """The first master ends, and with it the recording; the second serves on, unharmed."""
        def scenario(run):
            second = self.two_masters(run)
            run.signal(signal.SIGTERM)
            run.hand_over()
            answer = run.get("/after", count=False)
            os.kill(second, signal.SIGTERM)
            return answer
        self.play_usr2(scenario)


if __name__ == "__main__":
    unittest.main()
