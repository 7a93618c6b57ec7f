# SPDX-License-Identifier: Apache-2.0
"""PROCESSES CALLS: forks that many processes, each calls `work` so often, all at once.

One of them is stopped for a while, one is killed and one runs out of memory: the others must not
notice. Prints the pids of the sound ones.
"""

import os
import resource
import signal
import sys
import time


def work():
    pass


def record(number, calls):
    if number == 2:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
    for done in range(calls):
        work()
        if number == 1 and done == calls // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 2 and done == calls // 2:
            try:
                bytearray(1 << 33)
            except MemoryError:
                os.abort()


processes, calls = map(int, sys.argv[1:])
pids = []
for number in range(processes):
    pid = os.fork()
    if pid == 0:
        record(number, calls)
        os._exit(0)
    pids.append(pid)
os.kill(pids[0], signal.SIGSTOP)
time.sleep(0.5)
os.kill(pids[0], signal.SIGCONT)
statuses = [os.waitpid(pid, 0)[1] for pid in pids]
assert os.WTERMSIG(statuses[1]) == signal.SIGKILL and os.WTERMSIG(statuses[2]) == signal.SIGABRT
assert not any(statuses[3:]) and statuses[0] == 0, statuses
print(*(pid for number, pid in enumerate(pids) if number not in (1, 2)))
