# SPDX-License-Identifier: Apache-2.0
"""viztracer-native view: what the server answers, and to whom."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import sys
import threading
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import page_file
import support

PROGRAM = """
def leaf(x): return x
def node(n):
    for i in range(n): leaf(i)
    raise ValueError(n)
for _ in range(40):
    try:
        node(100)
    except ValueError:
        pass
"""


class View(support.TestCase):
    each_way_only = True

    def setUp(self):
        super().setUp()
        self.vtn = os.path.join(self.reports, "r.vtn")
        run = self.traced(self.write("x.py", PROGRAM), options=("--quiet", "-o", self.vtn, "--log_func_args"))
        self.assertEqual(run.status, 0, run.stderr)
        self.report = run.report

    def serve(self, *options, path=None, env=None, command=(support.LAUNCHER, "view", "--server_only")):
        process = self.spawn([*command, *options, path or self.vtn], env=env)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        line = process.stdout.readline().decode()
        self.assertTrue(line.startswith("http://127.0.0.1:"), line + process.stderr.read().decode() if not line else line)
        self.process, self.address = process, urllib.parse.urlsplit(line.strip())
        return process

    def get(self, path="", method="GET", host=None, absolute=False):
        """Status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=support.TIMEOUT)
        self.addCleanup(connection.close)
        connection.request(method, path if absolute else self.address.path + path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def page(self, path=""):
        status, _, body = self.get(path)
        self.assertEqual(status, 200, body[:300])
        name = os.path.join(self.reports, "got.html")
        with open(name, "wb") as file:
            file.write(body)
        return page_file.read_page(name)

    def test_a_recording(self):
        self.serve()
        page = self.page()
        self.assertTrue(page["whole"])
        self.assertTrue(page["meta"]["served"])
        self.assertEqual(page["meta"]["rows"], self.report.data["viztracer_native"]["calls"])
        status, headers, body = self.get(method="HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 1000)
        self.assertNotIn("Access-Control-Allow-Origin", headers)
        self.assertEqual(self.state(page), {"changed": False, "grown_ms": 0, "running": False})

    def state(self, page):
        return json.loads(self.get("state?of=" + page["meta"]["served"])[2])

    def rows(self, page, thread, from_ns, to_ns):
        status, _, body = self.get(f"rows?of={page['meta']['served']}&thread={thread}&from_ns={from_ns}&to_ns={to_ns}")
        self.assertEqual(status, 200, body[:300])
        size, = struct.unpack_from("<I", body)
        head = json.loads(body[4:4 + size])
        found = {}
        if len(body) > 4 + size:
            for number, columns in page_file.read_call_blocks(body[4 + size:], len(head["functions"]), []):
                self.assertEqual(number, thread)
                for depth, (first, column) in columns.items():
                    page_file.append_rows(found.setdefault(depth, page_file.Column()), f"depth {depth}", first, column)
        return head, found

    def test_every_call_of_a_stretch(self):
        self.serve()
        page = self.page()
        span = page["meta"]["span_ns"]
        names = [page["tables"]["functions"]["name"][i] for i in range(len(page["tables"]["functions"]["name"]))]
        for from_ns, to_ns in ((0, span), (span // 2, span // 2 + 1000), (span, span)):
            head, found = self.rows(page, 0, from_ns, to_ns)
            self.assertLessEqual(head["from_ns"], max(from_ns, min(column.start[0] for column in page["columns"].values() if len(column))))
            values = {(depth, row): arguments for depth, row, _, arguments, _ in head["values"]}
            told = {(depth, row): arguments for block in page["values"] for depth, row, _, arguments, _ in block["calls"]}
            for (thread, depth), column in page["columns"].items():
                expected = [(column.start[i], column.end[i], names[column.code[i]], column.odd.get(i, 0), told.get((depth, i)))
                            for i in range(len(column))
                            if head["from_ns"] < column.end[i] <= head["to_ns"] and not column.odd.get(i, 0) & page_file.OPEN]
                mine = found.get(depth, page_file.Column())
                self.assertEqual([(mine.start[i], mine.end[i], head["functions"][mine.code[i]][0], mine.odd.get(i, 0), values.get((depth, i)))
                                  for i in range(len(mine))], expected, depth)

    def test_somebody_who_waits_before_a_terminal_sees_how_far_it_is(self):
        many = os.path.join(self.reports, "many.vtn")
        run = self.run_argv([support.LAUNCHER, "--quiet", "--combine", *[self.vtn] * 1500, "-o", many])
        self.assertEqual(run.status, 0, run.stderr)
        terminal = support.Terminal(self, [support.LAUNCHER, "view", "--server_only", many], env={"XDG_CACHE_HOME": self.reports})
        said = terminal.read(until=b"http://", timeout=support.TIMEOUT)
        self.assertIn(b"\rviztracer-native: making a page of many.vtn [", said)
        self.assertIn(b"%\r\x1b[Khttp://", said, "the line is wiped")

    def test_who_is_answered(self):
        self.serve()
        root = "/" + self.address.path.split("/")[1]
        self.assertEqual(self.get(host="localhost")[0], 200)
        self.assertEqual(self.get(host="localhost:7")[0], 200)  # as ssh -L leads here
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "localhost:evil"):
            self.assertEqual(self.get(host=host)[0], 403, host)
        for path in ("/", "/x/", root[:-1] + "/", "/" + "0" * 32 + "/r.vtn/", root + "/other.vtn/", root + "/../r.vtn/", root + "/%2e%2e/"):
            self.assertEqual(self.get(path, absolute=True)[0], 404, path)
        self.assertEqual(self.get(root + "/", absolute=True)[0], 302)
        self.assertEqual(self.get(method="POST")[0], 405)
        page = self.page()
        for query in ("thread=0&from_ns=0&to_ns=1", "of=x&thread=0&from_ns=0&to_ns=1"):
            self.assertEqual(self.get("rows?" + query)[0], 409, query)
        for query in ("", "thread=0", "thread=9&from_ns=0&to_ns=1", "thread=0&from_ns=2&to_ns=1", "thread=x&from_ns=0&to_ns=1"):
            self.assertEqual(self.get(f"rows?of={page['meta']['served']}&{query}")[0], 400, query)

    def test_loopback_alone(self):
        self.serve()
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = [line.split()[1] for line in file.readlines()[1:] if line.split()[3] == "0A"]
        self.assertIn(f"0100007F:{self.address.port:04X}", listening)
        self.assertNotIn(f"00000000:{self.address.port:04X}", listening)

    def test_hostile_requests(self):
        self.serve()
        for data, status in ((b"\r\n\r\n", b"400"), (b"GET\r\n\r\n", b"400"), (b"GET / HTTP/3.7\r\n\r\n", b"505"),
                             (b"GET /%zz HTTP/1.1\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\n no: way\r\n\r\n", b"400"),
                             (b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n\r\n", b"414"), (b"x" * 20000, b"431"),
                             (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"400"), (b"GET /%00 HTTP/1.1\r\n\r\n", b"400"),
                             (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400")):
            with socket.create_connection(("127.0.0.1", self.address.port), timeout=support.TIMEOUT) as one:
                one.sendall(data)
                self.assertIn(status, one.recv(100).split(b"\r\n")[0], data[:40])
        # Whoever says half of something, or goes away in the middle, is in nobody's way.
        half = socket.create_connection(("127.0.0.1", self.address.port), timeout=support.TIMEOUT)
        self.addCleanup(half.close)
        half.sendall(b"GET " + self.address.path.encode())
        gone = socket.create_connection(("127.0.0.1", self.address.port), timeout=support.TIMEOUT)
        gone.sendall(b"GET " + self.address.path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        gone.close()
        self.assertEqual(self.get()[0], 200)
        self.assertIsNone(self.process.poll())

    def test_eight_at_once(self):
        self.serve()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.get())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([status for status, _, _ in answers], [200] * 8)
        self.assertEqual(len({body for _, _, body in answers}), 1)

    def test_a_file_that_is_replaced(self):
        self.serve()
        before = self.page()
        other = os.path.join(self.reports, "other.vtn")
        run = self.traced(self.write("y.py", "def f(): pass\nf(); f()\n"), options=("--quiet", "-o", other))
        self.assertEqual(run.status, 0, run.stderr)
        os.replace(other, self.vtn)
        self.assertEqual(self.state(before), {"changed": True, "grown_ms": 0, "running": False})
        after = self.page()
        self.assertLess(after["meta"]["calls"], before["meta"]["calls"])
        self.assertEqual(self.state(after), {"changed": False, "grown_ms": 0, "running": False})
        self.assertEqual(self.state(before), {"changed": True, "grown_ms": 0, "running": False})  # of a page that somebody has open
        os.unlink(self.vtn)
        status, _, body = self.get()
        self.assertEqual(status, 500)
        self.assertIn(b"r.vtn: No such file or directory", body)

    def test_a_recording_that_was_cut(self):
        with open(self.vtn, "r+b") as file:
            file.truncate(os.path.getsize(self.vtn) * 2 // 3)
        self.serve()
        self.assertFalse(self.page()["meta"]["complete"])

    def test_a_folder(self):
        os.mkdir(os.path.join(self.reports, "inner"))
        name = "<b>&\u202e.vtn"
        os.link(self.vtn, os.path.join(self.reports, name))
        with open(os.path.join(self.reports, "notes.txt"), "w", encoding="utf-8"):
            pass
        with open(os.path.join(self.reports, "page.html"), "w", encoding="utf-8") as file:
            file.write("<script>fetch('../r.vtn/trace')</script>")
        self.serve(path=self.reports)
        status, headers, body = self.get("page.html/")
        self.assertEqual((200, b"<script>fetch('../r.vtn/trace')</script>"), (status, body))
        self.assertTrue(headers["Content-Security-Policy"].startswith("sandbox allow-scripts "))
        self.assertNotIn("allow-same-origin", headers["Content-Security-Policy"])
        status, headers, body = self.get()
        self.assertNotIn("Content-Security-Policy", headers)
        self.assertEqual(status, 200)
        text = body.decode()
        self.assertEqual(set(re.findall(r'href="([^"]*)"', text)),
                         {"r.vtn/", urllib.parse.quote(name) + "/", "1-result.json/", "page.html/"})
        self.assertIn("&lt;b>&amp;", text)
        self.assertEqual(self.page("r.vtn/")["meta"]["rows"], self.report.data["viztracer_native"]["calls"])
        self.assertEqual(self.get("notes.txt/")[0], 404)
        self.assertEqual(self.get("..%2fwork%2fx.py/")[0], 404)

    def test_names_that_mean_to_be_more(self):
        folder = os.path.join(self.reports, "<", "script><img src=x onerror=x>\x1b]0;x\x07")
        os.makedirs(folder)
        names = ["\u202egpj.vtn", "a\nb\x1b[31m.vtn", "\"'`${x}</x>.vtn".replace("/", "\u2028"), "\udcff%2e%00?#&amp;.vtn", "-->\x9b.vtn"]
        for name in names:
            os.link(self.vtn, os.path.join(folder, name))
        for options in ((), ("--perfetto",)):
            self.serve(*options, path=folder)
            text = self.get()[2].decode()
            self.assertNotIn("<img", text)
            self.assertNotIn("</script>", text)
            links = re.findall(r'href="([^"]*)"', text)
            self.assertEqual({urllib.parse.quote(os.fsencode(name), safe="") + "/" + ("perfetto" if options else "") for name in names}, set(links))
            for link in links:
                status, _, body = self.get(link)
                self.assertEqual(200, status, link)
                if options:
                    script = body.decode().split("<script>")[1].split("</script>")[0]
                    self.assertNotIn("<img", body.decode())
                    self.assertTrue(json.loads(re.search(r"title = (\".*\");\n", script)[1]).endswith(".vtn"))
                    self.assertEqual(200, self.get(link[:-len("perfetto")] + "trace")[0])
        run = self.run_argv([support.LAUNCHER, "view", "--server_only", "\x1b[31m\n\x9b.vtn"])
        self.assertEqual(b"viztracer-native: cannot read ?[31m???.vtn: No such file or directory\n", run.stderr)

    def test_readers_that_go_away_in_the_middle(self):
        page = os.path.join(self.reports, "large.html")
        with open(page, "wb") as file:
            file.write(b"<!doctype html>" + b"x" * 40_000_000)
        self.serve(path=page)
        open_files = lambda: len(os.listdir(f"/proc/{self.process.pid}/fd"))
        before = open_files()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.address.port), timeout=support.TIMEOUT) as one:
                one.sendall(b"GET " + self.address.path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(one.recv(1000).startswith(b"HTTP/1.1 200"))
        for _ in range(500):
            with urllib.request.urlopen(self.address.geturl()) as answer:  # what is over goes when the next comes
                self.assertEqual(40_000_015, len(answer.read()))
            if open_files() <= before + 1:
                return
            time.sleep(0.01)
        self.fail(f"{open_files()} files are open, {before} were")

    def test_perfetto(self):
        ui = os.path.join(self.folder, "ui")
        os.mkdir(ui)
        with open(os.path.join(ui, "index.html"), "w", encoding="utf-8") as file:
            file.write("<p>the UI")
        self.serve("--ui_dir", ui)
        self.assertTrue(self.address.path.endswith("/r.vtn/perfetto"))
        status, _, body = self.get()
        self.assertEqual(status, 200)
        self.assertIn(b"../ui/index.html", body)
        root = "/".join(self.address.path.split("/")[:2])
        self.assertEqual(self.get(root + "/ui/", absolute=True)[2], b"<p>the UI")
        self.assertEqual(self.get(root + "/ui/../../x", absolute=True)[0], 404)
        self.assertEqual(self.get(root + "/r.vtn/trace", absolute=True)[2][:2], b"\x1f\x8b")

    def test_as_vizviewer(self):
        """The options and refusals of VizTracer's viewer, under its name."""
        link = os.path.join(self.bin, "vizviewer")
        os.symlink(shutil.which(support.LAUNCHER), link)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.serve("-p", str(port), "--timeout", "60", "--once", command=(link, "-s"))
        self.assertEqual(self.address.port, port)
        page = self.page()
        self.assertEqual(page["meta"]["rows"], self.report.data["viztracer_native"]["calls"])
        self.assertEqual(self.process.wait(support.TIMEOUT), 0)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            one.listen()
            taken = str(one.getsockname()[1])
            unknown = self.write("x.exe", "MZ")
            for arguments, status, line in (
                    ((), 2, "view needs more: usage: viztracer-native view FILE|FOLDER"),
                    (("missing.json",), 1, "cannot read missing.json: No such file or directory"),
                    ((unknown,), 1, f"cannot show {unknown}: it is no recording and no report with calls in it"),
                    (("-p", taken, self.vtn), 1, f"port {taken} is in use; --port 0 takes one that is free"),
                    (("-p", "-3", self.vtn), 2, "--port must be a number from 0 to 65535"),
                    (("--timeout", "soon", self.vtn), 2, "--timeout must be a number from 1 to "),
                    (("--flamegraph", self.vtn), 2, "view has no option --flamegraph; ")):
                run = self.run_argv([link, "-s", *arguments])
                self.assertEqual((run.status, run.stdout, run.stderr.count(b"\n")), (status, b"", 1), arguments)
                self.assertIn(line, run.stderr.decode(), arguments)

    def test_where_ssh_has_no_terminal_the_server_ends_with_it(self):
        for ends, environment in ((True, {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}), (False, {})):
            with self.subTest(environment):
                process = self.serve(env=environment)
                if ends:
                    process.stdout.readline()
                    process.stdout.close()
                    self.assertEqual(process.wait(support.TIMEOUT), 0)
                else:
                    process.stdout.close()
                    self.assertEqual(self.get()[0], 200)
                    self.assertIsNone(process.poll())

    def test_a_browser_is_started_but_for_a_server_alone(self):
        asked = os.path.join(self.folder, "asked")
        browser = self.write("browser", f"#!/bin/sh\nprintf %s \"$1\" > {asked}.new && mv {asked}.new {asked}\n", 0o755)
        self.serve(env={"BROWSER": browser}, command=(support.LAUNCHER, "view"))
        deadline = time.monotonic() + support.TIMEOUT
        while not os.path.exists(asked):
            self.assertLess(time.monotonic(), deadline, "nobody was asked to open the address")
            time.sleep(0.01)
        with open(asked, encoding="utf-8") as file:
            self.assertEqual(file.read(), self.address.geturl())
        os.unlink(asked)
        for option in ("-s", "--server_only"):
            run = self.run_argv([support.LAUNCHER, "view", option, "--timeout", "1", self.vtn], env={"BROWSER": browser})
            self.assertEqual((run.status, run.stderr), (0, b""))
            self.assertFalse(os.path.exists(asked), option)

    def test_reports(self):
        """A report is imported, packed or not; a page is handed on as it is."""
        plain, packed, html = (os.path.join(self.reports, "r." + kind) for kind in ("json", "json.gz", "html"))
        for path in (plain, packed, html):
            run = self.run_argv([support.LAUNCHER, "--quiet", "--convert", self.vtn, "-o", path])
            self.assertEqual((run.status, run.stderr), (0, b""))
        for path in (plain, packed):
            process = self.serve(path=path)
            self.assertEqual(self.page()["meta"]["rows"], self.report.data["viztracer_native"]["calls"], path)
            process.send_signal(signal.SIGINT)
            self.assertIn(f"{path} is imported first", process.communicate(timeout=support.TIMEOUT)[1].decode())
        self.serve("--once", path=html)
        with open(html, "rb") as file:
            self.assertEqual(self.get()[2], file.read())
        self.assertEqual(self.process.wait(support.TIMEOUT), 0)

    def test_it_ends(self):
        process = self.serve("--once")
        self.assertFalse(self.page()["meta"]["served"])
        self.assertEqual(process.wait(support.TIMEOUT), 0)
        for options in (("--timeout", "1"), ("--once", "--timeout", "1")):
            process = self.serve(*options)
            self.assertEqual(process.wait(support.TIMEOUT), 0)
        process = self.serve()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(support.TIMEOUT), -signal.SIGINT)

    def test_what_it_says(self):
        for connection, option in (("1.2.3.4 5 6.7.8.9 22", ""), ("::1 5 fe80::1 2222", "-p 2222 "), ("odd", "")):
            self.serve(env={"SSH_CONNECTION": connection})
            self.assertIn(f"ssh {option}-L {self.address.port}:127.0.0.1:{self.address.port} ", self.process.stdout.readline().decode())
        for arguments, line in ((("nothing.vtn",), "cannot read nothing.vtn: No such file or directory"),
                                (("--port", "x", self.vtn), "--port must be a number from 0 to 65535"),
                                (("--port", str(self.address.port), self.vtn), "is in use"),
                                (("--ui_dir", self.work, self.vtn), "there is no index.html in it")):
            run = self.run_argv([support.LAUNCHER, "view", "--server_only", *arguments])
            self.assertIn(line, run.stderr.decode(), arguments)
            self.assertEqual(run.stderr.count(b"\n"), 1)
            self.assertNotEqual(run.status, 0)


if __name__ == "__main__":
    unittest.main()
