# SPDX-License-Identifier: Apache-2.0
"""uvicorn, Django's development server and uWSGI: workers, reloaders, embedded interpreters."""

import contextlib
import glob
import signal
import unittest

import servers

ASGI = """
import os

async def view():
    return b"generation 0"

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = await view()
    headers = [(b"content-type", b"text/plain"), (b"x-pid", str(os.getpid()).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""

WSGI = """
import os

def view():
    return b"generation 0"

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [view()]
"""

DJANGO = """
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
from django.utils import autoreload

class Reloader(autoreload.StatReloader):
    SLEEP_TIME = 0.1

    def tick(self):
        for _ in super().tick():  # a change before the first look is none
            with open("looked", "a") as file:
                file.write(f"{os.getpid()}\\n")
            yield

autoreload.StatReloader = Reloader

settings.configure(DEBUG=True, SECRET_KEY="of a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])

def view(request):
    return HttpResponse("generation 0", headers={"X-Pid": str(os.getpid())})

urlpatterns = [path("", view)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""


@servers.on_every_base
class Uvicorn(servers.ServerCase):
    def play(self, scenario, *more):
        argv = ["uvicorn", "--port", "{port}", *more, "app:app"]
        return self.compare(argv, scenario, prepare=lambda: self.write("app.py", ASGI), ordered=False,
                            masks=[(r"127.0.0.1:\d+ - ", "CLIENT - ")])

    def watches(self, run):
        """Whether a process of the run has its eye on a folder by inotify."""
        for path in [path for pid in [run.pid, *servers.descendants(run.pid)]
                     for path in glob.glob(f"/proc/{pid}/fdinfo/*")]:
            with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
                if "inotify wd:" in file.read():
                    return True
        return False

    def test_alone(self):
        """It raises the signal again at its end: it dies of it."""
        def scenario(run):
            run.wait_for("Uvicorn running")
            answers = [run.get(), run.get()]
            run.signal(signal.SIGTERM)
            return answers
        run = self.play(scenario)
        self.check_tree(run, view="view")
        self.assertEqual(1, len(run.report.processes))

    def test_two_workers(self):
        def scenario(run):
            run.wait_for("Application startup complete", 2)
            run.get_from(2)
            run.signal(signal.SIGINT)
        run = self.play(scenario, "--workers", "2", "--no-access-log")
        report = self.check_tree(run, view="view")
        self.assertEqual(2, len(report.called("view")))

    def test_reload(self):
        def scenario(run):
            run.wait_for("Application startup complete")
            answers = [run.get()]
            run.eventually(lambda: self.watches(run), "the reloader watches the folder")
            self.change("app.py", ASGI.replace("generation 0", "generation 1"))
            run.wait_for("Application startup complete", 2)
            answers.append(run.get())
            run.signal(signal.SIGTERM)
            return answers
        run = self.play(scenario, "--reload")
        report = self.check_tree(run, view="view")
        self.assertEqual([1, 1], list(report.called("view").values()))


@servers.on_every_base
class DjangoServer(servers.ServerCase):
    """The reloader starts the server by `subprocess.run([sys.executable, ...])`."""

    def prepare(self):
        self.write("manage.py", DJANGO)
        self.remove("looked")

    def test_runserver(self):
        def scenario(run):
            answers = [run.get()]
            run.look()
            run.eventually(lambda: self.lines("looked"), "the reloader has looked at the files")
            self.change("manage.py", DJANGO.replace("generation 0", "generation 1"))
            run.wait_for("Watching for file changes", 2)
            answers.append(run.get())
            run.look()
            run.type(b"\x03")
            return answers
        run = self.compare(["python3", "manage.py", "runserver", "127.0.0.1:{port}"], scenario,
                           prepare=self.prepare, ordered=False, terminal=True,
                           masks=[(r"^\w+ \d+, \d{4} - TIME", "TIME"), (r"^Starting.*", "START")])
        report = self.check_tree(run, view="view")
        self.assertEqual(3, len(report.traced()))
        self.assertEqual([1, 1], list(report.called("view").values()))


@servers.on_every_base
class Uwsgi(servers.ServerCase):
    """A C program that embeds CPython and forks its workers in C."""

    venv_name = "uwsgi"
    masks = [(r"\w{3} \w{3} +\d+ TIME \d{4}", "TIME"), (r"\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}", "TIME"),
             (r"WSGI app 0 .* ready in DURATION", "READY"), (r"^mapped \d+ bytes.*", "MAPPED"),
             (r"nodename: .*|machine: .*|clock source: .*|os: .*|detected .*", "MACHINE")]

    def play(self, *more):
        def scenario(run):
            run.wait_for("spawned uWSGI worker", 2)
            run.get_from(2)
            run.signal(signal.SIGTERM)
        argv = ["uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--processes", "2", "--wsgi-file",
                "app.py", "--callable", "app", "--need-app", "--die-on-term", "--disable-logging", *more]
        run = self.compare(argv, scenario, prepare=lambda: self.write("app.py", WSGI), ordered=False,
                           masks=self.masks)
        report = self.check_tree(run, view="view")
        self.assertEqual(3, len(report.processes))

    def test_application_loaded_by_the_master(self):
        self.play()

    def test_application_loaded_by_each_worker(self):
        self.play("--lazy-apps", "--enable-threads")


if __name__ == "__main__":
    unittest.main()
