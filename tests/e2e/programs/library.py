# SPDX-License-Identifier: Apache-2.0
"""What real programs lean on: json, re, string formatting, pickling, itertools, dates, imports."""
import copy
import decimal
import io
import itertools
import json
import pickle
import re
import string
import textwrap


class Item:
    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return Item, (self.name,)

    def __deepcopy__(self, memo):
        return Item(self.name)


def default(value):
    return {"name": value.name}


def replaced(match):
    return match.group().upper()


def main():
    text = json.dumps([Item("a"), {"b": [1, 2.5, None]}], default=default, indent=1)
    back = json.loads(text, object_hook=lambda found: found)
    sub = re.sub(r"[aeiou]", replaced, "some words here")
    item = copy.deepcopy([Item("x"), {"y": (1, 2)}])
    unpickled = pickle.loads(pickle.dumps(item))
    groups = [(key, list(values)) for key, values in itertools.groupby(range(6), key=lambda n: n // 2)]
    wrapped = textwrap.fill("a few words to wrap " * 5, 30)
    template = string.Template("$who says $what").substitute(who="x", what="y")
    formatted = "{:>{width}} {!r:<5} {[0]}".format("a", "b", ["c"], width=4)
    number = decimal.Decimal("1.1") + decimal.Decimal(2)
    buffer = io.StringIO()
    print(len(back), sub, len(unpickled), groups, wrapped, template, formatted, number, file=buffer)
    accumulated = list(itertools.accumulate([1, 2, 3], lambda a, b: a * b))
    filtered = list(filter(lambda n: n % 2, range(5)))
    return buffer.getvalue(), accumulated, filtered


print(len(main()))
