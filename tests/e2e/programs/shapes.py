# SPDX-License-Identifier: Apache-2.0
"""Calls every shape of callable, each within a function of its own. Prints {shape: calls of callee}.

    shapes.py [LIBRARY]     LIBRARY: set its evaluation function first (eval_frame.c)
"""

import ctypes
import functools
import itertools
import json
import operator
import sys
import types
import weakref

SHAPES = {}


def shape(calls):
    """Registers `shape_NAME`; `calls`: how often it makes `callee` run."""
    def register(function):
        SHAPES[function.__name__[len("shape_"):]] = calls
        return function
    return register


def callee(*args, **kwargs):
    return 1


def after():
    pass


def between():
    pass


def failing(*args):
    callee()
    raise ValueError("failing")


class Type:
    def __init__(self, *args):
        pass

    def method(self, *args):
        return callee()

    def __call__(self, *args):
        return callee()

    @classmethod
    def of_class(cls, *args):
        return callee()

    @staticmethod
    def static(*args):
        return callee()

    @property
    def attribute(self):
        return callee()

    of_c = len
    bound_c = classmethod(repr)
    partial = functools.partialmethod(method, 1)
    c_static = staticmethod(abs)


class Raising:
    def __init__(self):
        failing()


class FromNew:
    def __new__(cls):
        return callee()


class ViaMeta(type):
    def __call__(cls, *args):
        return callee()


class Made(metaclass=ViaMeta):
    pass


class Sub(Type):
    def method(self, *args):
        return super().method(*args)


class Slotted:
    __slots__ = ("slot",)


class StrSub(str):
    def __hash__(self):
        callee()
        return str.__hash__(self)


def tried(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except Exception:
        return None


@shape(1)
def shape_python_function():
    callee()
    after()

@shape(1)
def shape_python_keywords():
    callee(a=1, b=2)
    after()

@shape(1)
def shape_python_star():
    callee(*[1, 2], **{"c": 3})
    after()

@shape(1)
def shape_python_star_only():
    callee(*(1, 2))
    after()

@shape(1)
def shape_python_raising():
    tried(failing)
    after()

@shape(1)
def shape_lambda():
    (lambda: callee())()
    after()

@shape(1)
def shape_method():
    Type().method(1)
    after()

@shape(1)
def shape_unbound_method():
    Type.method(Type(), 1)
    after()

@shape(1)
def shape_stored_method():
    method = Type().method
    method()
    after()

@shape(1)
def shape_class_method():
    Type.of_class()
    after()

@shape(1)
def shape_static_method():
    Type.static()
    after()

@shape(1)
def shape_super():
    Sub().method()
    after()

@shape(1)
def shape_property():
    Type().attribute
    after()

@shape(1)
def shape_partial_method():
    Type().partial()
    after()

@shape(1)
def shape_callable_object():
    Type()()
    after()

@shape(1)
def shape_callable_object_star():
    Type()(*[1])
    after()

@shape(0)
def shape_type():
    Type()
    after()

@shape(0)
def shape_type_star():
    Type(*[1, 2])
    after()

@shape(1)
def shape_type_raising():
    tried(Raising)
    after()

@shape(1)
def shape_type_new():
    FromNew()
    after()

@shape(1)
def shape_type_metaclass():
    Made()
    after()

@shape(0)
def shape_type_three_arguments():
    type("Three", (), {})
    after()

@shape(0)
def shape_type_builtin():
    int("3")
    list((1, 2))
    dict(a=1)
    after()

@shape(0)
def shape_type_builtin_raising():
    tried(int, "x")
    after()

@shape(0)
def shape_builtin():
    len([])
    after()

@shape(0)
def shape_builtin_keywords():
    sorted([2, 1], reverse=True)
    print(end="", file=sys.stdout)
    after()

@shape(0)
def shape_builtin_star():
    max(*[1, 2])
    after()

@shape(0)
def shape_builtin_raising():
    try:
        len(3)
    except TypeError:
        pass
    after()

@shape(0)
def shape_builtin_star_raising():
    try:
        len(*[3])
    except TypeError:
        pass
    after()

@shape(1)
def shape_builtin_calls_python():
    max([1], key=callee)
    after()

@shape(1)
def shape_builtin_calls_raising():
    tried(sorted, [1], key=failing)
    after()

@shape(0)
def shape_c_method():
    [].append(1)
    "a".upper()
    after()

@shape(0)
def shape_c_method_unbound():
    list.append([], 1)
    str.upper("a")
    after()

@shape(0)
def shape_c_method_raising():
    try:
        [].pop()
    except IndexError:
        pass
    after()

@shape(0)
def shape_c_method_stored():
    push = [].append
    push(1)
    after()

@shape(0)
def shape_c_class_method():
    dict.fromkeys("ab")
    int.from_bytes(b"a", "big")
    after()

@shape(0)
def shape_c_static_method():
    str.maketrans("a", "b")
    Type.c_static(-1)
    after()

@shape(0)
def shape_slot_wrapper():
    int.__add__(1, 2)
    (1).__add__(2)
    object.__repr__(3)
    after()

@shape(0)
def shape_slot_wrapper_star():
    int.__add__(*(1, 2))
    (1).__add__(*(2,))
    after()

@shape(0)
def shape_method_of_builtin():
    types.MethodType(len, [1])()
    after()

@shape(0)
def shape_method_of_builtin_star():
    types.MethodType(max, 1)(*[2])
    after()

@shape(0)
def shape_method_of_builtin_keyword():
    types.MethodType(sorted, [2, 1])(reverse=True)
    after()

@shape(0)
def shape_method_of_builtin_raising():
    try:
        types.MethodType(len, 1)()
    except TypeError:
        pass
    after()

@shape(0)
def shape_class_method_of_builtin():
    Type.bound_c()
    Type().bound_c()
    after()

@shape(1)
def shape_method_of_partial():
    types.MethodType(functools.partial(callee), 1)()
    after()

@shape(1)
def shape_method_of_object():
    types.MethodType(Type(), 1)()
    after()

@shape(0)
def shape_method_of_type():
    types.MethodType(Type, 1)()
    after()

@shape(0)
def shape_method_of_type_raising():
    tried(types.MethodType(int, "x"))
    after()

@shape(1)
def shape_method_of_python():
    types.MethodType(callee, 1)()
    after()

@shape(0)
def shape_method_of_slot_wrapper():
    types.MethodType(int.__add__, 1)(2)
    after()

@shape(1)
def shape_partial():
    functools.partial(callee, 1)()
    after()

@shape(0)
def shape_partial_of_builtin():
    functools.partial(len, [])()
    after()

@shape(1)
def shape_partial_raising():
    tried(functools.partial(failing))
    after()

@shape(1)
def shape_lru_cache():
    cached = functools.lru_cache(callee)
    cached()
    cached()
    after()

@shape(0)
def shape_operator():
    operator.itemgetter(0)([1])
    operator.attrgetter("real")(1)
    after()

@shape(1)
def shape_operator_method():
    operator.methodcaller("method")(Type())
    after()

@shape(3)
def shape_map():
    list(map(callee, range(3)))
    after()

@shape(3)
def shape_itertools():
    list(itertools.starmap(callee, [(), (), ()]))
    after()

@shape(3)
def shape_sort_key():
    [3, 1, 2].sort(key=callee)
    after()

@shape(2)
def shape_hash():
    {StrSub("a"): 1}[StrSub("a")]
    after()

@shape(1)
def shape_ctypes_callback():
    ctypes.CFUNCTYPE(ctypes.c_int)(callee)()
    after()

@shape(0)
def shape_ctypes_function():
    ctypes.pythonapi.Py_IsInitialized()
    after()

@shape(3)
def shape_generator():
    for _ in (callee() for _ in range(3)):
        pass
    after()

@shape(1)
def shape_generator_closed():
    def generator():
        try:
            yield 1
        finally:
            callee()
    one = generator()
    next(one)
    one.close()
    after()

@shape(0)
def shape_generator_dropped():
    one = (x for x in [1, 2])
    next(one)
    del one
    after()

@shape(1)
def shape_generator_thrown():
    def generator():
        try:
            yield 1
        except KeyError:
            yield callee()
    one = generator()
    next(one)
    one.throw(KeyError())
    one.close()
    after()

@shape(1)
def shape_coroutine():
    async def coroutine():
        return callee()
    tried(coroutine().send, None)
    after()

@shape(1)
def shape_exec():
    exec("callee()")
    after()

@shape(1)
def shape_eval():
    eval("callee()")
    after()

@shape(1)
def shape_apply_in_c():
    functools.reduce(callee, [1, 2])
    after()

@shape(2)
def shape_context_manager():
    class Manager:
        __enter__ = callee
        __exit__ = callee
    with Manager():
        pass
    after()

@shape(1)
def shape_getattr_hook():
    class Hooked:
        def __getattr__(self, name):
            return callee()
    Hooked().anything
    after()

@shape(1)
def shape_descriptor():
    class Descriptor:
        def __get__(self, instance, owner):
            return callee()
    class Owner:
        field = Descriptor()
    Owner().field
    after()

@shape(0)
def shape_member_descriptor():
    one = Slotted()
    one.slot = 1
    Slotted.slot.__get__(one, Slotted)
    after()

@shape(1)
def shape_weakref_callback():
    one = Type()
    reference = weakref.ref(one, callee)
    del one
    reference()
    after()

@shape(1)
def shape_destructor():
    class Dying:
        def __del__(self):
            callee()
    Dying()
    after()


def main():
    # More than once: after a few calls CPython specialises the call sites.
    for _ in range(ROUNDS):
        for name in SHAPES:
            globals()[f"shape_{name}"]()
            between()


ROUNDS = 3

if __name__ == "__main__":
    if len(sys.argv) > 1:
        assert ctypes.PyDLL(sys.argv[1]).set_eval_frame() == 0
    main()
    print(json.dumps(SHAPES))
