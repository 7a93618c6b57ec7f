# SPDX-License-Identifier: Apache-2.0
"""Prints what a program can find out about how it was started. Two runs are compared line by line."""

import json
import os
import resource
import signal
import sys
import threading


def tell(name, value):
    print(f"{name}: {json.dumps(value, sort_keys=True, default=repr)}")


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        return repr(error)


def open_fds():
    found = {}
    for fd in range(256):
        try:
            status = os.fstat(fd)
        except OSError:
            continue
        kind = os.readlink(f"/proc/self/fd/{fd}").split(":")[0]
        found[fd] = [kind, oct(status.st_mode), os.get_inheritable(fd)]
    return found


def status_lines():
    wanted = ("Name", "Umask", "Threads", "SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Cap",
              "NoNewPrivs", "Seccomp", "CoreDumping", "THP_enabled", "Uid", "Gid", "Groups")
    return [line for line in read("/proc/self/status").splitlines()
            if line.startswith(wanted) and not line.startswith("SigQ")]


main = sys.modules["__main__"]
modules = sorted(sys.modules)
tell("modules", modules)
tell("argv", sys.argv)
tell("orig_argv", getattr(sys, "orig_argv", None))
tell("flags", repr(sys.flags))
tell("path", sys.path)
tell("executable", [sys.executable, sys._base_executable, sys.prefix, sys.base_prefix, sys.exec_prefix])
tell("options", [sys.warnoptions, sys._xoptions, sys.dont_write_bytecode])
tell("encodings", [sys.stdin and sys.stdin.encoding, sys.stdout.encoding, sys.getfilesystemencoding()])
tell("hooks", [sys.getprofile(), sys.gettrace(), sys.getrecursionlimit(), sys.getswitchinterval()])
tell("finders", [repr(type(one)) for one in sys.meta_path + sys.path_hooks])
tell("main", [main.__name__, getattr(main, "__file__", None), main.__package__, sorted(vars(main)),
              repr(main.__spec__ and main.__spec__.name), type(main.__loader__).__name__])
tell("frames", sys._getframe().f_back is None)
tell("threads", [threading.active_count(), [one.name for one in threading.enumerate()],
                 len(os.listdir("/proc/self/task"))])
tell("environ", list(os.environ.items()))
tell("fds", open_fds())
tell("cwd", [os.getcwd(), os.environ.get("PWD")])
tell("status", status_lines())
tell("comm", read("/proc/self/comm"))
tell("cmdline", read("/proc/self/cmdline"))
tell("coredump_filter", read("/proc/self/coredump_filter"))
tell("oom", read("/proc/self/oom_score_adj"))
tell("nice", os.getpriority(os.PRIO_PROCESS, 0))
tell("affinity", sorted(os.sched_getaffinity(0)))
tell("session", [os.getpgrp() == os.getsid(0), os.isatty(0), os.isatty(1), os.isatty(2)])
tell("limits", {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource)
                if name.startswith("RLIMIT_")})
tell("signals", {str(one): repr(signal.getsignal(one)) for one in signal.valid_signals()
                 if one != signal.SIGKILL})
tell("mask", sorted(map(str, signal.pthread_sigmask(signal.SIG_BLOCK, []))))
tell("timers", [signal.getitimer(one) for one in (0, 1, 2)])
if hasattr(sys, "monitoring"):
    tell("tools", [sys.monitoring.get_tool(one) for one in (0, 1, 2)])
print("to stderr", file=sys.stderr)
