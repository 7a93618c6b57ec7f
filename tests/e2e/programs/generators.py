# SPDX-License-Identifier: Apache-2.0
"""send, throw, close, yield from, generators that catch, die early, or are never started."""


def count(n):
    for i in range(n):
        got = yield i
        if got:
            abs(got)


def catching():
    while True:
        try:
            yield len("wait")
        except ValueError as error:
            repr(error)
        except GeneratorExit:
            cleanup()
            raise


def cleanup():
    pass


def inner():
    try:
        yield 1
        yield 2
    except KeyError:
        yield cleanup() or 3
    return 4


def outer():
    result = yield from inner()
    yield result
    yield from count(2)


def failing():
    yield 1
    raise RuntimeError("inside")


def plain_pause():
    yield 1


def main():
    first = count(3)
    next(first)
    first.send(5)
    list(first)

    second = catching()
    next(second)
    second.throw(ValueError("one"))
    second.throw(ValueError("two"))
    second.close()

    third = outer()
    next(third)
    third.throw(KeyError("k"))
    list(third)

    fourth = failing()
    next(fourth)
    try:
        next(fourth)
    except RuntimeError:
        cleanup()
    try:
        next(fourth)
    except StopIteration:
        cleanup()

    never_started = count(9)
    never_started.close()

    thrown_at_start = catching()
    try:
        thrown_at_start.throw(TypeError("early"))
    except TypeError:
        cleanup()

    pair = [sum(x * y for y in count(3)) for x in count(3)]
    total = sum(value for value in (number for number in range(4)))
    any(len(str(x)) > 1 for x in range(20))
    zipped = list(zip(count(2), count(3)))
    return pair, total, zipped


print(main())
