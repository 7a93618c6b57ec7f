# SPDX-License-Identifier: Apache-2.0
"""Classes, descriptors, metaclasses, operators, slots: Python code that runs without a call in sight."""
import collections
import dataclasses
import enum
import functools
import operator


class Meta(type):
    def __new__(mcs, name, bases, body, **kwargs):
        return super().__new__(mcs, name, bases, body)

    def __init__(cls, name, bases, body, **kwargs):
        super().__init__(name, bases, body)

    def __call__(cls, *args, **kwargs):
        return super().__call__(*args, **kwargs)

    def __instancecheck__(cls, instance):
        return True

    def __getitem__(cls, item):
        return item

    @classmethod
    def __prepare__(mcs, name, bases, **kwargs):
        return {}


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self if instance is None else instance.__dict__.get(self.name, 0)

    def __set__(self, instance, value):
        instance.__dict__[self.name] = value


class Base(metaclass=Meta, flavour="x"):
    field = Descriptor()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)

    def __new__(cls, *args):
        return super().__new__(cls)

    def __init__(self, value=1):
        self.field = value

    @property
    def double(self):
        return self.field * 2

    @double.setter
    def double(self, value):
        self.field = value // 2

    @staticmethod
    def static(x):
        return abs(x)

    @classmethod
    def made(cls, value):
        return cls(value)

    @functools.cached_property
    def cached(self):
        return self.static(-5)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return len(name)

    def __call__(self, *args):
        return self.field + len(args)

    def __add__(self, other):
        return type(self)(self.field + getattr(other, "field", other))

    __radd__ = __add__

    def __eq__(self, other):
        return isinstance(other, Base) and self.field == other.field

    def __hash__(self):
        return hash(self.field)

    def __lt__(self, other):
        return self.field < other.field

    def __len__(self):
        return 3

    def __bool__(self):
        return self.field > 0

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError
        return index

    def __contains__(self, item):
        return item == 2

    def __iter__(self):
        return iter(range(len(self)))

    def __repr__(self):
        return f"Base({self.field!r})"

    def __format__(self, spec):
        return spec or repr(self)

    def __del__(self):
        pass


class Child(Base):
    def __init__(self, value):
        super().__init__(value)
        self.extra = self.double


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = dataclasses.field(default_factory=lambda: 7)

    def __post_init__(self):
        self.sum = self.x + self.y


class Colour(enum.Enum):
    RED = 1
    BLUE = 2

    @classmethod
    def _missing_(cls, value):
        return cls.RED


@functools.lru_cache(maxsize=None)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)


@functools.singledispatch
def shown(value):
    return str(value)


@shown.register(int)
def _(value):
    return hex(value)


@functools.total_ordering
class Ordered:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __lt__(self, other):
        return self.value < other.value


def keyword_only(*args, key=None, **rest):
    return args, key, rest


def main():
    base, child = Base(), Child(4)
    base.double = 10
    values = [base.double, base.cached, base.cached, base(1, 2), Base.made(3).field, base.missing_name]
    values += [base + child, 1 + base, base == child, base < child, sum([base, child], base)]
    values += [len(base), bool(base), list(base), 2 in base, Meta.__getitem__(Base, 1), Base["x"], f"{base:>3}"]
    values += [sorted([child, base]), max(base, child), {base: 1}.get(base), isinstance(3, Base)]
    values += [Point(1), Point(1) < Point(2), Colour(1), Colour(99), cached(6), shown(3), shown("s")]
    values += [Ordered(1) >= Ordered(2), list(map(Base.static, [1, -2])), operator.methodcaller("made", 2)(Base)]
    values += [keyword_only(*[1, 2], **{"key": 3, "z": 4}), (lambda: base.static(3))()]
    grouped = collections.defaultdict(list)
    for number in sorted(range(5), key=lambda n: -n):
        grouped[number % 2].append(number)
    numbers = [3, 1, 2]
    numbers.sort(key=functools.cmp_to_key(lambda a, b: a - b))
    return values, dict(grouped), numbers, [x for x in base], {str(k) for k in numbers}


print(len(main()))
