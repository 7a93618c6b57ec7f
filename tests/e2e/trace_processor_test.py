# SPDX-License-Identifier: Apache-2.0
"""view --use_external_processor, with a program in the place of Perfetto's trace_processor."""

import contextlib
import json
import os
import signal
import socket
import time
import unittest
import urllib.request

import support

# Reads the trace, tells of it, listens; what is sent to it is the status that it ends with.
FAKE = """#!{python} -IS
import json, os, socket, sys
if os.path.exists("{folder}/broken"):
    print("no trace at all", file=sys.stderr)
    sys.exit(4)
with open(sys.argv[-1], "rb") as file:
    head = file.read(4)
with open("{folder}/told", "w") as file:
    json.dump({{"pid": os.getpid(), "arguments": sys.argv[1:], "head": list(head)}}, file)
listener = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--http-port") + 1])))
while True:
    connection, _ = listener.accept()
    if data := connection.recv(10):
        os._exit(int(data))
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class TraceProcessor(support.TestCase):
    each_way_only = True

    def setUp(self):
        super().setUp()
        self.program = self.write("processor", FAKE.format(python=self.interpreter.path, folder=self.work), 0o755)
        self.vtn, self.json = (os.path.join(self.reports, "r" + ending) for ending in (".vtn", ".json"))
        run = self.run_argv([support.LAUNCHER, "--quiet", "-o", self.vtn, "-o", self.json, self.write("x.py", "def f(): pass\nf()\n")])
        self.assertEqual(0, run.status, run.stderr)
        self.scratch = os.path.join(self.folder, "scratch")
        os.mkdir(self.scratch)
        self.port = free_port()

    def argv(self, *options, path=None):
        return [support.LAUNCHER, "view", "--server_only", "--use_external_processor", "--port", str(self.port), *options, path or self.vtn]

    def start(self, *options, path=None, env=None):
        process = self.spawn(self.argv(*options, path=path), env={"TMPDIR": self.scratch, "SSH_CONNECTION": None, **(env or {})})
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        address = process.stdout.readline().decode().strip()
        self.assertTrue(address, process.stderr.read().decode() if not address else "")
        return process, address

    def told(self):
        with open(os.path.join(self.work, "told"), encoding="utf-8") as file:
            return json.load(file)

    def named(self, *options, env=None):
        return self.start("--trace_processor", self.program, *options, env=env)

    def test_a_recording_is_made_a_trace_of(self):
        process, address = self.named()
        self.assertTrue(address.startswith("https://ui.perfetto.dev/#!/viewer?startupCommands="), address)
        self.assertTrue(address.endswith(f"&rpc_port={self.port}"), address)
        self.assertIn(b"Ctrl-C ends it", process.stdout.readline())
        told = self.told()
        self.assertEqual(["--httpd", "--http-port", str(self.port)], told["arguments"][:3])
        self.assertTrue(told["arguments"][3].startswith(self.scratch + "/"), told)
        self.assertEqual(0x0A, told["head"][0])  # a packet of a .pftrace
        self.assertEqual([], os.listdir(self.scratch))
        process.send_signal(signal.SIGINT)
        self.assertEqual(-signal.SIGINT, process.wait(support.TIMEOUT))
        self.gone(told["pid"])

    def gone(self, pid):
        for _ in range(500):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    if file.read().rpartition(")")[2].split()[0] != "Z":
                        time.sleep(0.01)
                        continue
            return
        self.fail("the processor lives on")

    def test_a_trace_is_read_as_it_is(self):
        self.start(path=self.json, env={"VIZTRACER_NATIVE_TRACE_PROCESSOR": self.program})
        self.assertEqual(self.json, self.told()["arguments"][3])

    def test_found_on_path(self):
        os.symlink(self.program, os.path.join(self.bin, "trace_processor"))
        self.start(path=self.json)
        self.assertEqual(self.json, self.told()["arguments"][3])

    def test_it_does_not_outlive_a_killed_one(self):
        process, _ = self.named()
        process.kill()
        process.wait()
        self.gone(self.told()["pid"])

    def test_one_that_dies(self):
        process, _ = self.named()
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            one.sendall(b"3")
        self.assertEqual(1, process.wait(support.TIMEOUT))
        self.assertEqual(f"viztracer-native: {self.program} has ended with status 3\n", process.stderr.read().decode())

    def test_one_that_does_not_start(self):
        with open(os.path.join(self.work, "broken"), "w", encoding="ascii"):
            pass
        run = self.run_argv(self.argv("--trace_processor", self.program), env={"TMPDIR": self.scratch})
        self.assertEqual((1, b""), (run.status, run.stdout))
        self.assertIn(b"no trace at all\n", run.stderr)
        self.assertIn(b"has ended with status 4\n", run.stderr)
        self.assertEqual([], os.listdir(self.scratch))

    def test_refusals(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for options, line, status in (
                    (("--once",), "--once and --use_external_processor exclude each other", 2),
                    (("--timeout", "3"), "--timeout and --use_external_processor exclude each other", 2),
                    (("--trace_processor", "/nowhere"), "--trace_processor /nowhere: there is no such program", 1),
                    ((), "there is no trace_processor on PATH: get it from https://", 1),
                    (("--trace_processor", self.program, "--port", str(taken.getsockname()[1])), "is in use", 1)):
                run = self.run_argv(self.argv(*options))
                self.assertEqual((status, b"", 1), (run.status, run.stdout, run.stderr.count(b"\n")), run.stderr)
                self.assertIn(line, run.stderr.decode())
        run = self.run_argv(self.argv("--trace_processor", self.program, path=self.reports))
        self.assertEqual((1, 1), (run.status, run.stderr.count(b"\n")))
        self.assertIn(b"is for one file", run.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.work, "told")))

    def test_a_copy_of_the_ui(self):
        ui = os.path.join(self.folder, "ui")
        os.mkdir(ui)
        with open(os.path.join(ui, "index.html"), "w", encoding="utf-8") as file:
            file.write("<p>the UI")
        try:
            socket.create_server(("127.0.0.1", 10000)).close()
        except OSError as error:
            self.skipTest(f"port 10000, which a processor answers pages of: {error}")
        _, address = self.named("--ui_dir", ui)
        self.assertTrue(address.startswith("http://127.0.0.1:10000/"), address)
        with urllib.request.urlopen(address) as answer:
            self.assertEqual(b"<p>the UI", answer.read())


if __name__ == "__main__":
    unittest.main()
