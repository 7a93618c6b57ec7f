# SPDX-License-Identifier: Apache-2.0
"""COUNT calls from THREADS threads in PROCESSES forked processes; prints what they took.

    many.py COUNT [THREADS [PROCESSES]]

One line per process: seconds of its calls, resident anonymous memory at its end in KiB, CPU seconds.
"""

import os
import sys
import threading
import time


def callee():
    pass


def work(count):
    for _ in range(count):
        callee()


def anonymous_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def process(count, thread_count):
    start, start_cpu = time.monotonic(), time.process_time()
    threads = [threading.Thread(target=work, args=(count // thread_count,))
               for _ in range(thread_count - 1)]
    for thread in threads:
        thread.start()
    work(count // thread_count)
    for thread in threads:
        thread.join()
    os.write(1, f"{time.monotonic() - start:.4f} {anonymous_kib()} "
                f"{time.process_time() - start_cpu:.4f}\n".encode())


def main():
    count, thread_count, process_count = (*map(int, sys.argv[1:]), 1, 1)[:3]
    children = []
    for _ in range(process_count - 1):
        child = os.fork()
        if child == 0:
            process(count, thread_count)
            os._exit(0)
        children.append(child)
    process(count, thread_count)
    for child in children:
        os.waitpid(child, 0)


main()
