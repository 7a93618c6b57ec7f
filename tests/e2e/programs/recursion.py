# SPDX-License-Identifier: Apache-2.0
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def walk(tree):
    return sum(map(walk, tree)) if isinstance(tree, list) else len(str(tree))


print(fib(12), even(150), ackermann(2, 2), walk([1, [22, [333]], 4]))
