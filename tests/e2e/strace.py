# SPDX-License-Identifier: Apache-2.0
"""What strace saw of a process tree: which processes there were, and what each executed."""

import dataclasses
import re
import signal

CALLS = "execve,execveat,clone,clone3,fork,vfork"
LINE = re.compile(r"^(\d+) +(.*)$")
UNFINISHED = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
EXITED = re.compile(r"^\+\+\+ exited with (\d+) \+\+\+$")
KILLED = re.compile(r"^\+\+\+ killed by (\w+)")
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")


@dataclasses.dataclass
class Seen:
    """A process. `executed`: the arguments of its successful execs, as strace writes them. `status` as
    subprocess has it: negative for a signal, None where its end was not seen. `borrows`: born by vfork, so
    that it lives in its parent's memory until it executes something."""

    pid: int
    parent: int
    executed: list = dataclasses.field(default_factory=list)
    status: int = None
    borrows: bool = False


def parse(text):
    """{pid: Seen} of the output of `strace -f -q -o FILE -e trace=CALLS`. Threads count to their process."""
    processes, threads, halves, statuses = {}, {}, {}, {}
    first = None
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        tid, rest = int(match[1]), match[2]
        if first is None:
            first = tid
            processes[tid] = Seen(tid, None)
        ended = EXITED.match(rest) or KILLED.match(rest)
        if ended:
            word = ended[1]
            statuses[tid] = int(word) if word.isdigit() else -getattr(signal, word)
            continue
        half = UNFINISHED.match(rest)
        if half:
            halves[tid] = f"{half[1]}({half[2]}"
            continue
        other_half = RESUMED.match(rest)
        if other_half:
            rest = halves.pop(tid, other_half[1] + "(") + other_half[2]
        call = CALL.match(rest)
        if not call or int(call[3]) < 0:
            continue
        name, arguments, result = call[1], call[2], int(call[3])
        pid = threads.get(tid, tid)
        if name.startswith("exec"):
            # An exec of a thread makes it the process: strace then shows it under the process's id.
            processes.setdefault(pid, Seen(pid, None)).executed.append(arguments)
        elif "CLONE_THREAD" in arguments:
            threads[result] = pid
        else:
            # The child may have been seen before its parent's call came back.
            child = processes.setdefault(result, Seen(result, pid))
            child.parent = pid
            child.borrows = name == "vfork" or "CLONE_VFORK" in arguments
    for pid, process in processes.items():
        process.status = statuses.get(pid)
    return processes


def below(processes, roots):
    """`roots` and all their descendants."""
    found, pending = set(), list(roots)
    while pending:
        pid = pending.pop()
        if pid not in found:
            found.add(pid)
            pending += [one.pid for one in processes.values() if one.parent == pid]
    return found


def program_of(processes, launcher):
    """The process that the launcher started for its command: the first below it that executed anything."""
    root = next(one for one in processes.values() if one.parent is None)
    assert root.executed and launcher in root.executed[0], root
    order = [pid for pid in processes if pid != root.pid and processes[pid].executed
             and processes[pid].parent == root.pid]
    assert len(order) == 1, f"the launcher started {order}"
    return order[0]
