# SPDX-License-Identifier: Apache-2.0
"""Pools of the standard library: multiprocessing with each way to start, ProcessPoolExecutor, and a
loader of data as machine learning has it. On every interpreter that runs the tests."""

import os
import unittest

import servers

# A sampler hands indices to workers through a queue each; one queue brings batches back, in any
# order; the loader puts them in order again. Workers persist over epochs.
LOADER = """
import multiprocessing, os, sys, threading

class Dataset:
    def __init__(self, size): self.size = size
    def __len__(self): return self.size
    def __getitem__(self, index): return index * index

def fetch(dataset, indices): return [dataset[i] for i in indices]

def worker(dataset, indices, batches, done):
    with open("pids", "a") as file: file.write(f"{os.getpid()}\\n")
    while True:
        task = indices.get()
        if task is None: break
        number, chosen = task
        batches.put((number, fetch(dataset, chosen)))
    batches.close()
    batches.join_thread()
    done.set()

class Loader:
    def __init__(self, context, dataset, batch, workers):
        self.dataset, self.batch, self.batches = dataset, batch, context.Queue()
        self.indices = [context.Queue() for _ in range(workers)]
        self.done = [context.Event() for _ in range(workers)]
        self.workers = [context.Process(target=worker, daemon=True, args=(dataset, queue, self.batches, done))
                        for queue, done in zip(self.indices, self.done)]
        for one in self.workers: one.start()
    def __iter__(self):
        sampled = [list(range(i, min(i + self.batch, len(self.dataset))))
                   for i in range(0, len(self.dataset), self.batch)]
        for number, chosen in enumerate(sampled):
            self.indices[number % len(self.indices)].put((number, chosen))
        waiting = {}
        for number in range(len(sampled)):
            while number not in waiting:
                got, data = self.batches.get(timeout=60)
                waiting[got] = data
            yield waiting.pop(number)
    def close(self):
        for queue in self.indices: queue.put(None)
        for one in self.workers: one.join(60)

if __name__ == "__main__":
    loader = Loader(multiprocessing.get_context(sys.argv[1]), Dataset(40), 4, 2)
    for epoch in range(2):
        print(epoch, [sum(batch) for batch in loader])
    loader.close()
    print([one.exitcode for one in loader.workers])
"""

POOL = """
import multiprocessing, os, sys, time

def square(n):
    with open("pids", "a") as file: file.write(f"{os.getpid()}\\n")
    return n * n

def forever(n):
    with open("forever", "a") as file: file.write(f"{n}\\n")
    time.sleep(600)

def wait_for(number):
    while not os.path.exists("forever") or len(open("forever").readlines()) < number:
        time.sleep(0.01)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    pool = context.Pool(2)
    print(sum(pool.map(square, range(20), chunksize=1)))
    workers = list(pool._pool)
    hanging = [pool.apply_async(forever, (n,)) for n in range(2)]
    wait_for(2)
    pool.terminate()
    pool.join()
    print([worker.exitcode for worker in workers])
    alone = context.Process(target=forever, args=(0,))
    alone.start()
    wait_for(3)
    alone.kill()
    alone.join(60)
    print(alone.exitcode)
"""

EXECUTOR = """
import concurrent.futures, multiprocessing, os, sys

def square(n):
    with open("pids", "a") as file: file.write(f"{os.getpid()}\\n")
    return n * n

def dies(n): os._exit(n)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(sum(pool.map(square, range(20))))
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            print(pool.submit(dies, 3).result(60))
        except concurrent.futures.process.BrokenProcessPool as error:
            print(type(error).__name__)
"""


class Pools(servers.ServerCase):
    per_interpreter = True
    venv_name = None

    def play(self, text, function, calls, *arguments):
        self.write("program.py", text)
        run = self.compare([os.path.join(self.bin, "python3"), "program.py", *arguments],
                           prepare=lambda: self.remove("pids", "forever"))
        self.assertEqual(0, run.status, run.output())
        workers = set(map(int, self.lines("pids")))
        report = self.check_tree(run)
        self.assertEqual(workers, set(report.called(function)))
        self.assertEqual(calls, len(report.named(function)))
        return report

    def test_loader(self):
        for method in ("fork", "spawn"):
            with self.subTest(method):
                report = self.play(LOADER, "fetch", 20, method)
                self.assertEqual(2, len(report.called("worker")))

    def test_pool(self):
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method):
                report = self.play(POOL, "square", 20, method)
                self.assertEqual([False] * 3, report.returned("forever"))

    def test_executor(self):
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method):
                report = self.play(EXECUTOR, "square", 20, method)
                self.assertEqual([False], report.returned("dies"))


if __name__ == "__main__":
    unittest.main()
