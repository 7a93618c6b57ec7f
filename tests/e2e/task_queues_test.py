# SPDX-License-Identifier: Apache-2.0
"""Celery's workers (billiard forks them) and joblib's loky (which execs its own)."""

import os
import signal
import unittest

import servers

# The worker's messages go through a folder; nothing listens anywhere.
CELERY = """
import os
from celery import Celery

app = Celery("app", broker="filesystem://", backend="file://" + os.path.abspath("results"))
app.conf.update(
    broker_transport_options={
        "data_folder_in": os.path.abspath("queue"), "data_folder_out": os.path.abspath("queue"),
        "control_folder": os.path.abspath("queue"), "polling_interval": 0.02},
    worker_hijack_root_logger=False, worker_send_task_events=False, task_track_started=False,
    broker_connection_retry_on_startup=False)

@app.task
def sum_of_two(x, y):
    print("task", x, y, flush=True)
    return x + y

@app.task
def whoami(n):
    print("whoami", n, flush=True)
    return os.getpid()
"""

# kombu makes a message's file and then writes it: a worker that looks in between takes an empty one,
# and the message is lost. From another folder they come whole.
SENDER = """
import app, os, sys
from kombu.transport.filesystem import Channel

put_into_outbox = Channel._put

def put(channel, *args, **kwargs):
    put_into_outbox(channel, *args, **kwargs)
    for name in os.listdir("outbox"):
        os.rename(os.path.join("outbox", name), os.path.join("queue", name))

Channel._put = put
app.app.conf.broker_transport_options["data_folder_out"] = os.path.abspath("outbox")
results = [app.sum_of_two.delay(i, i) for i in range(4)]
print("sums", [result.get(timeout=60, interval=0.02) for result in results], flush=True)
results = [app.whoami.delay(i) for i in range(4)]
pids = {result.get(timeout=60, interval=0.02) for result in results}
print("pids", *pids, flush=True)
"""

MASKS = [(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "TASK"), (r"ForkPoolWorker-\d+", "WORKER"),
         (r" succeeded in \S+: .*", " succeeded")]

LOKY = """
import os
from joblib import Parallel, delayed

def task(n):
    return os.getpid(), n * n

if __name__ == "__main__":
    results = Parallel(n_jobs=2)(delayed(task)(n) for n in range(20))
    print(sum(square for _, square in results))
    with open("pids", "w") as file:
        print(*{pid for pid, _ in results}, file=file)
"""


@servers.on_every_base
class Celery(servers.ServerCase):
    def prepare(self):
        self.remove("queue", "outbox", "results")
        for name in ("queue", "outbox", "results"):
            os.mkdir(os.path.join(self.work, name))
        self.write("app.py", CELERY)
        self.write("sender.py", SENDER)

    def play(self, *more):
        """The worker is the program under test; the sender runs beside it, as it is."""
        def scenario(run):
            run.wait_for(r"celery@\S+ ready")
            sent = self.plain(f"{self.work}/sender.py", env={"PATH": self.venv + "/bin:/usr/bin:/bin"})
            self.assertEqual(0, sent.status, sent)
            sums, pids = sent.stdout.decode().splitlines()
            run.look()
            run.workers = set(map(int, pids.split()[1:]))
            run.signal(signal.SIGTERM)
            return sums
        argv = ["celery", "--app", "app", "worker", "--concurrency", "2", "--without-gossip",
                "--without-mingle", "--without-heartbeat", "--loglevel", "INFO", *more]
        run = self.compare(argv, scenario, prepare=self.prepare, ordered=False, masks=MASKS)
        report = self.check_tree(run)
        self.assertLessEqual(run.workers, report.traced())
        self.assertEqual(4, len(report.named("sum_of_two")))
        self.assertEqual(4, len(report.named("whoami")))
        self.assertLessEqual(set(report.called("whoami")), run.workers)
        return report

    def test_prefork(self):
        report = self.play("--pool", "prefork")
        self.assertEqual(3, len(report.traced()))

    def test_a_worker_for_each_task(self):
        report = self.play("--pool", "prefork", "--max-tasks-per-child", "1")
        self.assertEqual(8, len(report.called("sum_of_two")) + len(report.called("whoami")))

    def test_threads(self):
        report = self.play("--pool", "threads")
        self.assertEqual(1, len(report.traced()))


@servers.on_every_base
class Loky(servers.ServerCase):
    def test_joblib(self):
        self.write("program.py", LOKY)
        run = self.compare(["python3", "program.py"])
        workers = {int(word) for line in self.lines("pids") for word in line.split()}
        report = self.check_tree(run)
        self.assertEqual(workers, set(report.called("task")))
        self.assertEqual(20, len(report.named("task")))


if __name__ == "__main__":
    unittest.main()
