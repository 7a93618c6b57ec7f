# SPDX-License-Identifier: Apache-2.0
"""report.html as docs/PAGE_FORMAT.md describes it: writes synthetic ones, and reads any.

Written from that document alone, so that it tells whether page and writer keep to it.

    page_file.py OUT.html [--rows N] [--threads N] [--processes N] [--depth N] [--repeat N] [--page PAGE.html]
    page_file.py --read FILE.html        what is in it, as JSON
"""

import argparse
import array
import base64
import gzip
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "viewer", "page")

WIDE = 0xFFFF
HUGE = 0xFFFFFFFF
RAISED, OPEN, RESUMED, CUT = 1, 2, 4, 8


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class Column:
    """Rows of one thread and depth. `odd`: {row: flags}; `folds`: {row: (calls, raised, busy_ns, [calls of each function])}."""

    def __init__(self):
        self.start, self.end, self.code = [], [], []
        self.odd, self.folds = {}, {}

    def add(self, start, end, code, flags=0, fold=None):
        if flags:
            self.odd[len(self.start)] = flags
        if fold:
            self.folds[len(self.start)] = fold
        self.start.append(start)
        self.end.append(end)
        self.code.append(code)

    def __len__(self):
        return len(self.start)


def split_planes(numbers, kind):
    data = array.array(kind, numbers)
    if sys.byteorder == "big":
        data.byteswap()
    data, width = data.tobytes(), data.itemsize
    return [data[at::width] for at in range(width)]


def call_block(thread, columns, firsts, base_ns=0, shift_ns=0, functions=0):
    """One block of {depth: Column}; firsts: {depth: rows before}. shift_ns moves all of it."""
    gaps, durations, codes, odd, folds = [], [], [], [], bytearray()
    row = 0
    last_odd = 0
    for column in columns.values():
        at = base_ns
        for start, end in zip(column.start, column.end):
            gaps.append(start - at)
            durations.append(end - start)
            at = end
        codes += column.code
        for index in sorted(column.odd):
            odd.append(varint(row + index - last_odd) + bytes([column.odd[index]]))
            last_odd = row + index
        for index in sorted(column.folds):
            calls, raised, busy_ns, each = column.folds[index]
            folds += varint(calls) + varint(raised) + varint(busy_ns) + b"".join(varint(one - 1) for one in each)
        row += len(column)
    wide = [number for number in gaps + durations if number >= WIDE]
    huge = [number for number in wide if number >= HUGE]
    third = max(codes, default=0) > 0xFFFF
    out = [struct.pack("<IIIId", thread, len(columns), row, int(third), base_ns + shift_ns)]
    out += [struct.pack("<III", depth, len(column), firsts[depth]) for depth, column in columns.items()]
    out += split_planes([min(one, WIDE) for one in gaps], "H")
    out += split_planes([min(one, WIDE) for one in durations], "H")
    out += split_planes(codes, "I")[:3 if third else 2]
    out.append(struct.pack("<II", len(wide), len(huge)))
    out += split_planes([min(one, HUGE) for one in wide], "I")
    out.append(struct.pack(f"<{len(huge)}d", *huge))
    out.append(struct.pack("<I", len(odd)) + b"".join(odd))
    out.append(struct.pack("<I", len(folds)) + bytes(folds))
    return b"".join(out)


class BlockReader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        if self.at > len(self.data):
            raise ValueError(f"a block ends at {len(self.data)}, before {self.at}")
        return self.data[self.at - size:self.at]

    def unpack(self, layout):
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def read_call_blocks(data, functions, sets):
    """Of each block in an element: thread, {depth: (first, Column)}. Raises ValueError on what the document forbids."""
    reader = BlockReader(data)
    while True:
        yield read_call_block(reader, functions, sets)
        if reader.at == len(data):
            return


def read_call_block(reader, functions, sets):
    thread, count, rows, flags, base_ns = reader.unpack("IIIId")
    if rows > 1 << 20:
        raise ValueError(f"{rows} rows in a block")
    if flags & ~1:
        raise ValueError(f"unknown flags {flags}")
    heads = [reader.unpack("III") for _ in range(count)]
    if sum(head[1] for head in heads) != rows:
        raise ValueError("the columns are not the rows")
    planes = [reader.take(rows) for _ in range(6 + (flags & 1))]
    gaps = [low | high << 8 for low, high in zip(planes[0], planes[1])]
    durations = [low | high << 8 for low, high in zip(planes[2], planes[3])]
    codes = [sum(byte << 8 * at for at, byte in enumerate(each)) for each in zip(*planes[4:])]
    wide_count, huge_count = reader.unpack("II")
    wide_planes = [reader.take(wide_count) for _ in range(4)]
    wide = [sum(byte << 8 * at for at, byte in enumerate(each)) for each in zip(*wide_planes)]
    huge = iter(reader.unpack(f"{huge_count}d"))
    long_numbers = iter([int(next(huge)) if one == HUGE else one for one in wide])
    gaps = [next(long_numbers) if one == WIDE else one for one in gaps]
    durations = [next(long_numbers) if one == WIDE else one for one in durations]
    if next(long_numbers, None) is not None or next(huge, None) is not None:
        raise ValueError("long numbers that nothing refers to")
    odd, row = {}, 0
    for _ in range(reader.unpack("I")[0]):
        row += reader.varint()
        if row in odd or row >= rows:
            raise ValueError(f"odd row {row} of {rows}")
        odd[row] = reader.unpack("B")[0]
    fold_bytes, = reader.unpack("I")
    fold_end = reader.at + fold_bytes
    columns, row = {}, 0
    for depth, size, first in heads:
        if depth in columns:
            raise ValueError(f"depth {depth} stands twice")
        column, at = Column(), int(base_ns)
        for index in range(row, row + size):
            start = at + gaps[index]
            at = start + durations[index]
            fold = None
            if codes[index] >= functions:
                fold = [reader.varint() for _ in range(3)]
                fold.append([reader.varint() + 1 for _ in sets[codes[index] - functions]])
            column.add(start, at, codes[index], odd.get(index, 0), tuple(fold) if fold else None)
        columns[depth] = (first, column)
        row += size
    if reader.at != fold_end:
        raise ValueError(f"folds were read up to {reader.at}, and end at {fold_end}")
    return thread, columns


ELEMENT = re.compile(r'<script type="application/x-vtn" id="vtn-([a-z]+)(?:-(\d+))?"((?: data-[a-z-]+="[^"]*")*)>([^<]*)</script>')
META = re.compile(r'<script type="application/json" id="vtn-meta">([^<]*)</script>')


def append_rows(known, name, first, column):
    if first != len(known):
        raise ValueError(f"{name}: first is {first}, not {len(known)}")
    if len(known) and len(column) and column.start[0] < known.end[-1]:
        raise ValueError(f"{name}: a block begins before the one before it ends")
    for index in range(len(column)):
        known.add(column.start[index], column.end[index], column.code[index], column.odd.get(index, 0), column.folds.get(index))


def read_page(path):
    """All that is in a report: meta, tables, `columns` and `overview` ({(thread, depth): Column}), values, marks, stacks, sources
    (the JSON of each block, with the element's attributes as "data"), functions (the text), whole."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    meta = json.loads(META.search(text)[1])
    blocks, tables, whole = {}, None, False
    for kind, number, attributes, content in ELEMENT.findall(text):
        if kind == "end":
            whole = content == ""
            continue
        data = gzip.decompress(base64.b64decode(content, validate=True))
        if kind == "tables":
            tables = json.loads(data)
            continue
        known = blocks.setdefault(kind, [])
        if int(number) != len(known):
            raise ValueError(f"vtn-{kind}-{number} is number {len(known)}")
        known.append((data, {name.replace("-", "_"): int(value) for name, value in re.findall(r'data-([a-z-]+)="([^"]*)"', attributes)}))
    for kind, count in meta["blocks"].items():
        if len(blocks.get(kind, [])) != count:
            raise ValueError(f"{len(blocks.get(kind, []))} blocks of {kind}, not {count}")
    functions = len(tables["functions"]["name"])
    result = {"meta": meta, "tables": tables, "whole": whole}
    for kind, name in (("calls", "columns"), ("overview", "overview")):
        columns = result[name] = {}
        for data, _ in blocks.get(kind, []):
            for thread, found in read_call_blocks(data, functions, tables["sets"]):
                for depth, (first, column) in found.items():
                    append_rows(columns.setdefault((thread, depth), Column()), f"thread {thread}, depth {depth}", first, column)
    for kind in ("values", "marks", "stacks", "sources"):
        result[kind] = [{**json.loads(data), "data": attributes} for data, attributes in blocks.get(kind, [])]
    listing = re.search(r'<pre id="vtn-functions">(.*?)</pre>', text, re.S)
    for number, thread in enumerate(tables["threads"]):
        for depth, rows in enumerate(thread.get("rows", [])):
            if rows != len(result["columns"].get((number, depth), [])):
                raise ValueError(f"thread {number}, depth {depth}: {rows} rows are announced")
    result["functions"] = listing and listing[1]
    return result


def built_page():
    """The page of the tree, made as the build makes it."""
    with open(os.path.join(PAGE, "meson.build"), encoding="utf-8") as file:
        names = re.findall(r"'([\w/]+\.(?:html|js|css))'", file.read())
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "page.html")
        subprocess.run([sys.executable, os.path.join(PAGE, "bundle.py"), "--html", out,
                        *(os.path.join(PAGE, name) for name in names)], check=True)
        with open(out, encoding="utf-8") as file:
            return file.read()


class PageWriter:
    """Writes a report of blocks that are given to it. Anything may be left out, or written wrong, by a test."""

    def __init__(self, page=None):
        self.page = page or built_page()
        self.tables, self.meta = {}, {}
        self.overview, self.calls = [], []
        self.others = {"values": [], "marks": [], "stacks": [], "sources": []}  # kind: [(JSON, attributes)]
        self.listing = ""
        self.packed = {}

    def pack(self, data):
        return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()

    @staticmethod
    def element(name, content, attributes=""):
        return f'<script type="application/x-vtn" id="vtn-{name}"{attributes}>{content}</script>\n'

    def json_bytes(self, value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def text(self):
        head, rest = self.page.split("<!--vtn:META-->")
        middle, rest = rest.split("<!--vtn:TABLES-->")
        code, tail = rest.split("<!--vtn:DATA-->")
        calls = [self.element(f"calls-{at}", self.pack(block)) for at, block in enumerate(self.calls)]
        others = [self.element(f"{kind}-{at}", self.pack(self.json_bytes(value)), attributes)
                  for kind, blocks in self.others.items() for at, (value, attributes) in enumerate(blocks)]
        self.meta["blocks"] = {"overview": len(self.overview), "calls": len(self.calls),
                               **{kind: len(blocks) for kind, blocks in self.others.items()}}
        self.meta["data_bytes"] = sum(map(len, calls + others))
        listing = self.listing.replace("&", "&amp;").replace("<", "&lt;")
        return "".join([
            head, '<script type="application/json" id="vtn-meta">', json.dumps(self.meta).replace("<", "\\u003c"), "</script>\n", middle,
            self.element("tables", self.pack(self.json_bytes(self.tables))),
            *(self.element(f"overview-{at}", self.pack(block)) for at, block in enumerate(self.overview)), code,
            f'<pre id="vtn-functions">{listing}</pre>\n', *calls, *others, self.element("end", ""), tail])

    def write(self, path):
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(self.text())


class Synthetic:
    """A recording that no program made: threads of nested calls, with folds, odd rows, gaps, long and short numbers."""

    FILES = ["/home/me/shop/app.py", "/home/me/shop/orders.py", "/usr/lib/python3.12/json/decoder.py", "/home/me/shop/a b/<odd> & \u202e.py"]
    NAMES = ["main", "handle_request", "Order.total", "parse", "load", "<listcomp>", "Session.execute", "render", "fetch_all", "retry",
             "decode", "raw_decode", "Cart.__init__", "walk", "validate", "compress", "</script><b>bold</b>", "back\u202edrow"]
    BUILTINS = ["len", "isinstance", "dict.get", "time.sleep", "socket.recv", "str.join", "re.Pattern.match", "builtins.sorted"]

    def __init__(self, rows=2000, threads=2, processes=1, depth=12, seed=1, span_ns=None, repeat=1, extra_functions=0, fold_share=0.06,
                 element_bytes=1 << 20, spans=0):
        self.random = random.Random(seed)
        self.rows, self.depth, self.repeat, self.fold_share, self.element_bytes = rows, depth, repeat, fold_share, element_bytes
        self.name, self.file, self.line, self.kind = [], [], [], []
        for at, name in enumerate(self.NAMES + [f"step_{n}" for n in range(extra_functions)]):
            self.function(name, at % len(self.FILES), 3 + 11 * at, 0)
        self.python_functions = len(self.name)
        for name in self.BUILTINS:
            self.function(name, -1, 0, 1)
        self.gap_code = self.function("123 calls lost: the buffer was full", -1, 0, 2)
        self.spans = spans
        self.span_codes = [self.function(name, -1, 0, 3) for name in ("request", "query", "never seen")]
        self.sets = [sorted(self.random.sample(range(self.gap_code), size)) for size in (2, 3, 3, 4, 5, 8, 13) for _ in range(3)]
        self.calls_of, self.own_of, self.total_of, self.folded_of = ([0] * len(self.name) for _ in range(4))
        self.processes = self.make_processes(processes)
        self.threads = [{"process": at * processes // threads, "tid": 1000 + at, "name": "MainThread" if at * processes % threads < processes else f"worker-{at}",
                         "names": []} for at in range(threads)]
        self.threads.sort(key=lambda one: one["process"])
        self.per_thread = max(1, rows // max(1, threads) // repeat)
        self.wanted_ns = span_ns or max(1_000_000, self.per_thread * 2000)
        self.span_ns = 0

    def function(self, name, file, line, kind):
        self.name.append(name)
        self.file.append(file)
        self.line.append(line)
        self.kind.append(kind)
        return len(self.name) - 1

    def make_processes(self, count):
        found = []
        parents = [-1]
        for at in range(count):
            # In the order of the tree: the parent is on the way from the last one to the root.
            keep = self.random.randrange(1, len(parents) + 1) if at else 1
            parents = parents[:max(keep, 2) if at else 1]
            found.append({"pid": 4000 + at, "name": "app.py" if at == 0 else self.random.choice(["worker.py", "pytest", "celery worker", "-c import x"]),
                          "parent": parents[-1], "ledger": "traced", "executable": "/usr/bin/python3.12", "argv": ["python3", "app.py", "--all"],
                          "cwd": "/home/me/shop", "python": "3.12.1", "start_ns": 0, "end_ns": 0, "alive": False,
                          "end": "" if at % 3 else f"exit status {at % 7}" if at else "", "lost_events": 0,
                          "notices": [], "programs": []})
            parents.append(at)
        return found

    def thread_columns(self, start_ns):
        """Nested calls from start_ns on: {depth: Column}, and the end."""
        rnd = self.random
        columns = {}
        left = self.per_thread
        depth_end = [start_ns] * (self.depth + 1)
        now = start_ns + rnd.randrange(1000)
        open_calls = []  # [start, code, children_ns]
        scale = max(2, self.wanted_ns // max(1, self.per_thread) // 3)
        functions = self.gap_code
        expovariate = rnd.expovariate

        def close():
            start, code, inner = open_calls.pop()
            depth = len(open_calls)
            column = columns.get(depth)
            if column is None:
                column = columns[depth] = Column()
            flags = RAISED if rnd.random() < 0.01 else RESUMED if rnd.random() < 0.004 else 0
            column.add(start, now, code, flags)
            took = now - start
            self.calls_of[code] += self.repeat
            self.total_of[code] += took * self.repeat
            self.own_of[code] += (took - inner) * self.repeat
            if open_calls:
                open_calls[-1][2] += took

        while left > 0:
            step = int(expovariate(1 / scale)) + 1
            if rnd.random() < 0.0005:
                step *= 400
            now += step
            if open_calls and (len(open_calls) >= self.depth or rnd.random() < 0.42):
                close()
                continue
            depth = len(open_calls)
            left -= 1
            if depth and rnd.random() < self.fold_share:
                chosen = rnd.randrange(len(self.sets))
                each = [1 + int(expovariate(0.3)) for _ in self.sets[chosen]]
                end = now + step * 3 + sum(each)
                columns.setdefault(depth, Column()).add(now, end, len(self.name) + chosen,
                                                        fold=(sum(each), int(rnd.random() < 0.1), (end - now) * 7 // 8, each))
                for function, calls in zip(self.sets[chosen], each):
                    self.calls_of[function] += calls * self.repeat
                    self.folded_of[function] += calls * self.repeat
                open_calls[-1][2] += end - now
                now = end
                continue
            if rnd.random() < 0.0008:
                columns.setdefault(depth, Column()).add(now, now + step * 5, self.gap_code, CUT)
                now += step * 5
                continue
            high = self.python_functions if depth < self.depth - 1 else functions
            # Near neighbours call each other: a program has shapes, noise has none.
            code = (depth * 3 + int(expovariate(0.9))) % high if rnd.random() < 0.8 else rnd.randrange(functions)
            open_calls.append([now, code, 0])
        while open_calls:
            now += int(expovariate(1 / scale)) + 1
            close()
        del depth_end
        return columns, now

    def overview_of(self, columns):
        """A coarse picture: runs of up to 200 rows as one fold."""
        found = {}
        for depth, column in columns.items():
            coarse = Column()
            for at in range(0, len(column), 200):
                end = min(at + 200, len(column))
                chosen = self.random.randrange(len(self.sets))
                size = len(self.sets[chosen])
                coarse.add(column.start[at], column.end[end - 1], len(self.name) + chosen,
                           fold=(max(end - at, size), 0, column.end[end - 1] - column.start[at], [max(1, (end - at) // size)] * size))
            found[depth] = coarse
        return found

    def write(self, path, page=None, overview=True):
        writer = PageWriter(page)
        rows = 0
        for number, thread in enumerate(self.threads):
            start_ns = self.random.randrange(1 + self.wanted_ns // 20)
            columns, end_ns = self.thread_columns(start_ns)
            own_span_ns = end_ns - start_ns + 1000
            counts = {depth: len(column) for depth, column in columns.items()}
            for turn in range(self.repeat):
                for part, firsts in self.blocks(columns):
                    shifted = {depth: counts[depth] * turn + first for depth, first in firsts.items()}
                    base_ns = min(column.start[0] for column in part.values())
                    writer.calls.append(call_block(number, part, shifted, base_ns, turn * own_span_ns))
                if overview:
                    coarse = self.overview_of(columns)
                    writer.overview.append(call_block(number, coarse, {depth: turn * len(one) for depth, one in coarse.items()}, start_ns, turn * own_span_ns))
            end_ns += (self.repeat - 1) * own_span_ns
            rows += sum(counts.values()) * self.repeat
            self.span_ns = max(self.span_ns, end_ns)
            thread.update(calls=sum(counts.values()) * self.repeat, depth=max(columns) + 1, start_ns=start_ns, end_ns=end_ns,
                          rows=[counts.get(depth, 0) * self.repeat for depth in range(max(columns) + 1)])
            process = self.processes[thread["process"]]
            process["end_ns"] = max(process["end_ns"], end_ns)
            self.add_others(writer, number, columns)
        for process in self.processes:
            process["end_ns"] = process["end_ns"] or self.span_ns
        if self.spans:
            self.add_spans(writer)
        writer.overview, writer.calls = self.together(writer.overview, self.element_bytes), self.together(writer.calls, self.element_bytes)
        self.finish(writer, rows)
        writer.write(path)
        return writer

    def add_spans(self, writer):
        """Of the first thread: requests of three lanes or so, with queries in them; the last request never ends."""
        lanes, values, rnd, number = {}, [], self.random, len(self.threads)
        step = max(10, self.span_ns // (self.spans + 1))

        def add(begin, end, code, flags=0):
            lane = next((one for one in range(len(lanes)) if lanes[one].end[-1] <= begin), len(lanes))
            values.append([lane, len(lanes.setdefault(lane, Column())), 0, {"number": str(len(values)), "path": "/orders/<b>"}, None])
            lanes[lane].add(begin, end, code, flags)
            self.calls_of[code] += 1
            self.total_of[code] += end - begin
        for at in range(self.spans // 2):
            begin = 2 * at * step
            last = at == self.spans // 2 - 1
            add(begin, self.span_ns if last else begin + step * rnd.randrange(2, 7), self.span_codes[0], OPEN if last else 0)
            add(begin + step // 4, begin + step, self.span_codes[1])
        writer.calls.append(call_block(number, lanes, {lane: 0 for lane in lanes}))
        writer.others["values"].append(({"thread": number, "calls": values}, f' data-thread="{number}" data-from-ns="0" data-to-ns="{max(max(one.end) for one in lanes.values())}"'))
        of = self.threads[0]
        self.threads.append({"process": of["process"], "tid": of["tid"], "name": "spans", "names": [], "calls": 0, "depth": len(lanes), "start_ns": 0,
                             "end_ns": self.span_ns, "rows": [len(lanes[lane]) for lane in range(len(lanes))], "spans_of": 0})

    @staticmethod
    def together(blocks, most):
        """Small blocks in one element."""
        elements, size = [], most
        for block in blocks:
            if size + len(block) > most:
                elements.append([])
                size = 0
            elements[-1].append(block)
            size += len(block)
        return [b"".join(one) for one in elements]

    @staticmethod
    def blocks(columns, most=1 << 20):
        """The columns, cut so that no block has more than 2^20 rows: by time, as a writer would."""
        total = sum(map(len, columns.values()))
        pieces = (total + most - 1) // most + (total > most // 2)
        if pieces <= 1:
            yield columns, {depth: 0 for depth in columns}
            return
        for piece in range(pieces):
            part, firsts = {}, {}
            for depth, column in columns.items():
                begin, end = len(column) * piece // pieces, len(column) * (piece + 1) // pieces
                if begin == end:
                    continue
                one = part[depth] = Column()
                one.start, one.end, one.code = column.start[begin:end], column.end[begin:end], column.code[begin:end]
                one.odd = {at - begin: flags for at, flags in column.odd.items() if begin <= at < end}
                one.folds = {at - begin: fold for at, fold in column.folds.items() if begin <= at < end}
                firsts[depth] = begin
            yield part, firsts

    def add_others(self, writer, number, columns):
        if number >= 40:
            return
        rnd = self.random
        kept = [(depth, index) for depth, column in columns.items() for index in range(0, len(column), 7) if column.code[index] < self.gap_code]
        calls = [[depth, index, rnd.randrange(1, 400), {"self": "<Order 17>", "count": str(index), "</script>": "\u202e"}, repr("x" * (index % 50))]
                 for depth, index in kept[:3000]]
        starts = [columns[depth].start[index] for depth, index in kept[:3000]]
        ends = [columns[depth].end[index] for depth, index in kept[:3000]]
        if calls:
            writer.others["values"].append(({"thread": number, "calls": calls}, f' data-thread="{number}" data-from-ns="{min(starts)}" data-to-ns="{max(ends)}"'))
        column = columns[0]
        times = list(range(column.start[0], column.end[-1], max(1, (column.end[-1] - column.start[0]) // 60)))
        instants = [[ns, rnd.choice(["ValueError: no such order", "request 200", "print"]), "log", [["level", "info"]]] for ns in times[::5]]
        counters = [["memory (MB)", times, [round(50 + 30 * rnd.random(), 1) if rnd.random() > 0.05 else None for _ in times]],
                    ["queue", times[::3], [rnd.randrange(12) for _ in times[::3]]]] if number % 2 == 0 else []
        writer.others["marks"].append(({"thread": number, "instants": instants, "counters": counters}, f' data-thread="{number}"'))
        caller, function = [], []
        for at in range(60):
            caller.append(rnd.randrange(-1, at) if at else -1)
            function.append(rnd.randrange(self.gap_code))
        writer.others["stacks"].append(({"thread": number, "caller": caller, "function": function, "calls": [rnd.randrange(1, 9) for _ in caller],
                                         "own_ns": [rnd.randrange(10 ** 6) for _ in caller]}, f' data-thread="{number}"'))

    def finish(self, writer, rows):
        rnd = self.random
        folded = sum(self.folded_of)
        for at, process in enumerate(self.processes):
            if at % 4 == 1:
                process["start_ns"] = self.span_ns // 50
            begin, end = process["start_ns"], process["end_ns"]
            process["programs"] = [{"name": name, "start_ns": begin + (end - begin) * k // 10, "end_ns": begin + (end - begin) * (k + 2) // 10,
                                    "open": False, "traced": False, "facts": [["argv", name.split()]]}
                                   for k, name in ((1, "git rev-parse HEAD"), (5, "ls -l"))]
        arrows = []
        for number, process in enumerate(self.processes):
            if process["parent"] >= 0:
                thread = next((at for at, one in enumerate(self.threads) if one["process"] == process["parent"]), -1)
                ns = process["start_ns"]
                arrows.append({"process": process["parent"], "thread": thread, "ns": ns, "to_process": number, "to_thread": -1,
                               "to_ns": ns + self.span_ns // 200, "name": f"start {process['name']}"})
        writer.tables = {
            "functions": {"name": self.name, "file": self.file, "line": self.line, "kind": self.kind, "calls": self.calls_of,
                          "own_ns": self.own_of, "total_ns": self.total_of, "folded_calls": self.folded_of},
            "files": self.FILES, "source_block": [0, 0, 1, -1], "processes": self.processes, "threads": self.threads, "arrows": arrows,
            "losses": [{"process": 0, "start_ns": self.span_ns // 3, "end_ns": self.span_ns // 3 + self.span_ns // 100, "events": 123, "name": "123 events lost"}],
            "sets": self.sets, "left_out": ["values of folded calls"]}
        text = "".join(f"def function_{line}():  # {rnd.random()}\n    return {line}\n" for line in range(200))
        writer.others["sources"] = [({"0": text, "1": text[::-1]}, ""), ({"2": "x = '</script>'\n" * 50}, "")]
        writer.meta = {"format": 2, "version": "0.1.0", "title": "app.py --all", "command": "viztracer-native app.py --all </script>",
                       "start_unix_ns": "1790000000000000000", "span_ns": self.span_ns, "exit": {"status": 0}, "calls": sum(self.calls_of),
                       "kept_calls": sum(self.calls_of) - folded, "folded_calls": folded, "rows": rows, "fold_below_ns": 2000 if folded else 0,
                       "lost_events": 123, "complete": True}
        writer.listing = "\n".join(f"{ns:>15} {name}" for ns, name in sorted(zip(self.own_of, self.name), reverse=True))


def summary(path):
    found = read_page(path)
    return {"whole": found["whole"], "meta": found["meta"], "functions": len(found["tables"]["functions"]["name"]),
            "processes": len(found["tables"]["processes"]), "threads": len(found["tables"]["threads"]),
            "rows": sum(map(len, found["columns"].values())), "overview_rows": sum(map(len, found["overview"].values()))}


def main(arguments):
    parser = argparse.ArgumentParser(description="Writes a synthetic report.html, or reads any.")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--read", metavar="FILE")
    parser.add_argument("--page", metavar="FILE", help="a page of bundle.py --html; made of the tree if not given")
    for name, value in (("rows", 2000), ("threads", 2), ("processes", 1), ("depth", 12), ("seed", 1), ("repeat", 1), ("functions", 0), ("span", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--no-overview", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.read:
        print(json.dumps(summary(chosen.read), indent=1))
        return
    page = None
    if chosen.page:
        with open(chosen.page, encoding="utf-8") as file:
            page = file.read()
    Synthetic(chosen.rows, chosen.threads, chosen.processes, chosen.depth, chosen.seed, chosen.span, chosen.repeat,
              chosen.functions).write(chosen.out, page, not chosen.no_overview)


if __name__ == "__main__":
    main(sys.argv[1:])
