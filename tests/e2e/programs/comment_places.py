# SPDX-License-Identifier: Apache-2.0
#
# What comments_test.py makes programs of: each `#[number]` is a magic comment in one, and a statement in another that
# says the number. FILL stands for many lines.
import asyncio, contextlib
class Ignoring:
    def __enter__(self): return self
    def __exit__(self, *error): return True
def raises(kind=ValueError): raise kind("raised")
def handlers_that_end_others(n):
    for i in range(n):
        try: int("x" if i & 1 else "1")
        except ValueError:
            #[147]
            try: int("x" if i & 2 else "1")
            except ValueError:
                x = i
                #[148]
            #[149]
        #[150]
    #[151]
def first():
    #[1]
    x = 1
    return x
def last(x):
    y = x
    #[2]
def last_of_two_ways(x):
    if x:
        y = 1
        #[3]
    #[4]
def for_loop(n):
    #[5]
    for i in range(n):
        #[6]
        if i == 1:
            #[7]
            continue
        if i == 3:
            break
        elif i == 2:
            #[8]
            pass
        #[9]
    else:
        #[10]
        pass
    #[11]
    return n
def while_loop(n):
    #[12]
    while n:
        n -= 1
        #[13]
    #[14]
    while True:
        #[15]
        n += 1
        if n > 2:
            break
        #[16]
    #[17]
def end_of_loop(n):
    for i in range(n):
        if i == 1:
            continue
        #[18]
    while n > 0:
        n -= 1
        if n == 1:
            pass
        else:
            n -= 1
            #[19]
        #[20]
def nested_loops(n):
    for i in range(n):
        for j in range(n):
            #[21]
            if j > i:
                break
            #[22]
        #[23]
    #[24]
def handlers(kind):
    #[25]
    try:
        #[26]
        if kind: raises(kind)
        #[27]
    except ValueError as error:
        #[28]
        x = error
        #[29]
        error, x
        #[102]
    except (KeyError, IndexError):
        #[30]
        pass
    else:
        #[31]
        pass
    finally:
        #[32]
        x = 1
        #[33]
    #[34]
def first_of_try():
    try:
        x = raises()
        #[35]
    except ValueError: pass
    #[36]
    try:
        raises()
    except ValueError:
        pass
    #[37]
def loop_of_handlers(n):
    for i in range(n):
        #[38]
        try:
            #[39]
            1 / (i % 2)
            #[40]
        except ZeroDivisionError:
            #[41]
            continue
        #[42]
def contexts(fails):
    #[43]
    with Ignoring() as a, Ignoring():
        #[44]
        if fails: raises()
        #[45]
    #[46]
    with contextlib.suppress(ValueError):
        with Ignoring():
            return a
        #[47]
def generator(n):
    #[48]
    for i in range(n):
        #[49]
        x = yield i
        #[50]
    #[51]
    yield from range(n)
    #[52]
async def coroutine(n):
    #[53]
    await asyncio.sleep(0)
    #[54]
    async def numbers():
        for i in range(n):
            yield i
            #[55]
    async for i in numbers():
        #[56]
        pass
    #[57]
    x = [i async for i in numbers()]
    #[58]
def matching(x):
    #[59]
    match x:
        case 1:
            #[60]
            y = 1
        case [a, *b] if a:
            y = 2
            #[61]
        case _:
            #[62]
            pass
    #[63]
def definitions():
    #[64]
    class Inner:
        #[65]
        x = 1
        #[66]
        def method(self):
            #[67]
            return 1
        #[68]
    #[69]
    @staticmethod
    def decorated(x=1):
        #[70]
        pass
    #[71]
    z = lambda: 1
    #[72]
    y = [i for i in range(3)]
    Inner().method()
    decorated()
    z()
    #[73]
def comprehension_loop(n):
    while n > 0:
        #[74]
        x = [i for i in range(n) if i]
        n -= 1
    for x in [i for i in range(2)]:
        #[75]
        y = {j: x for j in range(2)}
        #[76]
    #[77]
    return [
        x
        for x in range(3)
    ]
def assertion(x):
    #[78]
    assert x, \
        "text"
    #[79]
    del x
    #[80]
def docstring():
    #[81]
    """text"""
    #[82]
    global made
    #[83]
    made = 1
def only_passes():
    #[84]
    pass
def raising():
    #[85]
    raise ValueError
def nothing_after(x):
    try:
        return x
    finally:
        #[86]
        x = 2
def ends_in_loop(n):
    while n:
        n -= 1
        for i in range(n):
            pass
        #[87]
def big(x):
    FILL
    while x:
        #[88]
        x -= 1
        FILL
        #[89]
    #[90]
def long_or(a, b):
    #[91]
    if a and b or not a:
        #[92]
        a = (a or
             b)
        #[93]
    elif b:
        #[94]
        b = 1 if a else 2
        #[95]
    #[96]
def loops_in_a_loop(n):
    for i in range(n):
        if i != 1:
            #[103]
            for j in range(i):
                #[104]
                yield j
                #[105]
            #[106]
        #[107]
        if i != 2:
            for j in [k for k in range(i)]:
                j
            #[108]
def passes_in_handlers(x):
    try:
        1 / x
    except ZeroDivisionError:
        #[109]
        pass
        #[110]
    else:
        #[111]
        x = 2
    try:
        1 / 0
    except ZeroDivisionError as error:
        if x:
            pass
        #[112]
    for i in (0, 1):
        try: raise KeyError(i)
        except KeyError:
            continue
        finally:
            #[113]
            pass
            #[114]
def two_ways_in_a_try(n):
    for i in range(n):
        try:
            if i:
                #[122]
                x = 1
                #[123]
            else:
                #[124]
                for x in (2, 3):
                    if x == i: x
                    else:
                        #[125]
                        x = 4
                        #[126]
                #[127]
        finally:
            pass
    for i in range(n):
        try:
            x = 1 // i
        except ZeroDivisionError as error:
            #[128]
            x = error
            #[129]
        else:
            #[130]
            x = 0
            #[131]
        finally:
            #[132]
            pass
    while n:
        n -= 1
        with Ignoring():
            try:
                if n == 1:
                    #[133]
                    x = 5
                elif n: x = 6
                else:
                    #[134]
                    x = 7
                    #[135]
            finally: x
        #[136]
def ends_of_finally(x):
    try: 1 / x[0]
    finally:
        #[137]
        if x[1] and x[2]:
            #[138]
            x = 1
            #[139]
def contexts_in_loops(n):
    for i in range(n):
        try: x = 1
        except KeyError: return x
        finally: x = 2
        with Ignoring() as x:
            #[140]
            1 / (i % 2)
            #[141]
        #[142]
    #[143]
    while n:
        n -= 1
        try: 1 / 0
        except ZeroDivisionError:
            with Ignoring():
                1 / (n % 2)
            #[144]
    #[145]
    for i in (0, 1):
        with Ignoring():
            1 / i
    #[146]
class Annotated:
    #[116]
    x: int
    #[117]
    y: int = 1
    #[118]
    z: int
    #[119]
def annotated():
    #[120]
    x: int
    #[121]
    y = 1
class Documented:
    """Of
    several lines."""
    #[115]
def quietly(function, *arguments):
    try: return function(*arguments)
    except Exception: return None
list(loops_in_a_loop(4))
for x in (0, 1): passes_in_handlers(x)
annotated()
two_ways_in_a_try(3)
contexts_in_loops(4)
handlers_that_end_others(4)
for n in range(8): quietly(ends_of_finally, (n & 1, n & 2, n & 4))
first()
last(1)
for x in (0, 1): last_of_two_ways(x)
for n in range(5): for_loop(n)
while_loop(3)
end_of_loop(4)
nested_loops(3)
for kind in (None, ValueError, KeyError, TypeError): quietly(handlers, kind)
first_of_try()
loop_of_handlers(4)
contexts(False), contexts(True)
list(generator(2))
g = generator(2); next(g); g.close()
asyncio.run(coroutine(2))
for x in (1, [1, 2], [0], 2): matching(x)
definitions()
comprehension_loop(2)
assertion(1); quietly(assertion, 0)
docstring()
only_passes()
quietly(raising)
nothing_after(1)
ends_in_loop(3)
big(2)
for a in (0, 1):
    for b in (0, 1):
        long_or(a, b)
        #[97]
for i in range(2):
    #[98]
    i += 1
#[99]
if x:
    x = 3
    #[100]
#[101]
