# SPDX-License-Identifier: Apache-2.0
"""Threads that call, raise and recurse at once."""
import sys
import threading


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def squares(n):
    for i in range(n):
        yield i * i


class Worker(threading.Thread):
    def __init__(self, number):
        super().__init__(name=f"worker-{number}")
        self.number = number
        self.result = None

    def run(self):
        self.result = self.work()

    def work(self):
        total = fib(8 + self.number)
        for square in squares(20):
            total += abs(-square)
        try:
            self.fail()
        except ZeroDivisionError:
            total += 1
        return total

    def fail(self):
        return max([1, 2], key=lambda x: x / 0)


def target(results):
    results.append(sorted("cab", key=lambda letter: ord(letter)))


sys.setswitchinterval(1e-4)
workers = [Worker(number) for number in range(4)]
results = []
plain = threading.Thread(target=target, args=(results,))
for one in workers + [plain]:
    one.start()
for one in workers + [plain]:
    one.join()
print([one.result for one in workers], results)
