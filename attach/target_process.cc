// SPDX-License-Identifier: Apache-2.0
#include "attach/target_process.h"

#include <optional>
#include <vector>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/python_abi.h"
#include "attach/elf_symbols.h"
#include "base/file.h"
#include "base/processes.h"

namespace vtn::attach {

namespace {

constexpr int kCapSysPtrace = 19;
constexpr uint16_t kOurMachine = EM_X86_64;
constexpr char kYama[] = "/proc/sys/kernel/yama/ptrace_scope";

std::string proc_path(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string without_line_end(std::string text) {
  text.resize(text.find_last_not_of(" \n") + 1);
  return text;
}

std::string process(pid_t pid) { return "process " + std::to_string(pid); }

// "python3 (pid 77)"
std::string named(pid_t pid) {
  const std::string name = without_line_end(read_file(proc_path(pid, "comm")).value_or(""));
  return (name.empty() ? "a program" : name) + " (pid " + std::to_string(pid) + ")";
}

std::string user(uint32_t uid) {
  const passwd* entry = getpwuid(uid);
  return (entry != nullptr ? std::string(entry->pw_name) + " (uid " : "(uid ") +
         std::to_string(uid) + ")";
}

// /proc/PID/status: "Name:\tvalue" a line.
class StatusFile {
 public:
  explicit StatusFile(std::string text) : text_("\n" + std::move(text)) {}

  // The value, or its first word; empty: it has none of this name.
  std::string value(std::string_view name) const {
    const std::string wanted = "\n" + std::string(name) + ":";
    const size_t line = text_.find(wanted);
    if (line == text_.npos) {
      return "";
    }
    const size_t begin =
        std::min(text_.find_first_not_of(" \t", line + wanted.size()), text_.size());
    return text_.substr(begin, text_.find_first_of("\t\n", begin) - begin);
  }
  uint64_t number(std::string_view name, int base = 10) const {
    return strtoull(value(name).c_str(), nullptr, base);
  }

 private:
  std::string text_;
};

bool may_trace_everybody() {
  const StatusFile ours(read_file("/proc/self/status").value_or(""));
  return (ours.number("CapEff", 16) >> kCapSysPtrace & 1) != 0;
}

// Why the kernel does not let us: it says no more than EPERM.
tl::unexpected<Error> say_why_not_allowed(pid_t pid, const StatusFile& status, int code) {
  const auto uid = static_cast<uint32_t>(status.number("Uid"));
  const bool is_root = geteuid() == 0;
  if (!is_root && uid != geteuid()) {
    return fail(
        process(pid) + " belongs to user " + user(uid) + ": attach to it as that user, or as root",
        code);
  }
  const std::string scope = without_line_end(read_file(kYama).value_or(""));
  if (scope == "3") {
    return fail(process(pid) +
                    " cannot be attached to: this machine lets nobody trace a running "
                    "process (kernel.yama.ptrace_scope is 3, until it is booted again)",
                code);
  }
  if (!may_trace_everybody() && (scope == "1" || scope == "2")) {
    return fail(process(pid) +
                    " cannot be attached to: this machine lets only root trace a running process "
                    "(kernel.yama.ptrace_scope is " +
                    scope + "): attach to it as root, or set that to 0",
                code);
  }
  if (is_root) {
    return fail(process(pid) +
                    " cannot be attached to: root may not trace processes here (a container "
                    "without the capability SYS_PTRACE): add it (docker run "
                    "--cap-add=SYS_PTRACE), or attach from outside",
                code);
  }
  return fail(process(pid) +
                  " does not let itself be looked at (it is setuid, or has called "
                  "prctl(PR_SET_DUMPABLE)): attach to it as root",
              code);
}

// What kind of program it is, by the file that it runs.
Status check_program(pid_t pid) {
  const auto file = open_file(proc_path(pid, "exe"), O_RDONLY);
  if (!file) {
    return fail(
        process(pid) + " runs no program file that can be read: " + strerror(file.error().code),
        file.error().code);
  }
  Elf64_Ehdr header = {};
  const auto bytes = read_all(file->get(), &header, sizeof(header));
  if (!bytes || *bytes < sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return fail(process(pid) + " runs no ELF program");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    return fail(process(pid) + " is a 32-bit program: only 64-bit ones can be attached to");
  }
  if (header.e_machine != kOurMachine) {
    return fail(process(pid) + " is a program of another processor than x86-64 (ELF machine " +
                std::to_string(header.e_machine) + ")");
  }
  return {};
}

std::string version_text(uint32_t python) {
  return std::to_string(python >> 8) + "." + std::to_string(python & 0xff);
}

// 0: not a CPython; less than the oldest one: older, but not which.
uint32_t python_of(const RemoteMemory& memory, const LoadedObjects& objects) {
  // The oldest ones that tell their version by a function only are told apart by what they have.
  constexpr uint32_t kFirstToExportVersion = 0x030b;
  if (const auto version = objects.find("Py_Version")) {
    return static_cast<uint32_t>(memory.get<uint64_t>(version->address).value_or(0) >> 16);
  }
  if (!objects.find("Py_AddPendingCall") || !objects.find("PyCallable_Check")) {
    return 0;
  }
  return objects.find("Py_NewRef") ? kFirstToExportVersion - 1 : kOldestPython - 1;
}

// At the beginning of _PyRuntime, from 3.13 on, as CPython's debug offsets begin.
struct RuntimeHead {
  char cookie[8];
  uint64_t version;
  uint64_t free_threaded;
};

}  // namespace

Status check_traceable(pid_t pid) {
  if (pid <= 0) {
    return fail(std::to_string(pid) + " is not a process's number", ESRCH);
  }
  if (pid == getpid()) {
    return fail(process(pid) + " is this command itself");
  }
  const auto text = read_file(proc_path(pid, "status"));
  if (!text) {
    return fail("there is no process " + std::to_string(pid), ESRCH);
  }
  const StatusFile status(*text);
  if (const auto leader = static_cast<pid_t>(status.number("Tgid")); leader != pid) {
    return fail(std::to_string(pid) + " is a thread of process " + std::to_string(leader) +
                ": attach to that");
  }
  const std::string state = status.value("State");
  if (state.starts_with('Z') || state.starts_with('X')) {
    return fail(process(pid) + " has ended, and only its parent (pid " + status.value("PPid") +
                    ") has not asked for its status yet",
                ESRCH);
  }
  if (const auto tracer = static_cast<pid_t>(status.number("TracerPid")); tracer != 0) {
    return fail(process(pid) + " is traced by " + named(tracer) + ": end that first", EPERM);
  }
  if (state.starts_with('T')) {
    return fail(process(pid) + " is stopped: let it go on first (kill -CONT " +
                std::to_string(pid) + ", or `fg` in its shell)");
  }
  // A thread of the kernel has no memory.
  if (status.value("VmSize").empty()) {
    return fail(process(pid) + " is a part of the kernel");
  }
  // Opening it asks for just the right that ptrace(2) asks for.
  if (const auto memory = open_file(proc_path(pid, "mem"), O_RDONLY); !memory) {
    return memory.error().code == EACCES || memory.error().code == EPERM
               ? Status(say_why_not_allowed(pid, status, memory.error().code))
               : Status(fail("there is no process " + std::to_string(pid), ESRCH));
  }
  if (status.value("Seccomp") == "1") {
    return fail(process(pid) + " may only read and write (seccomp's strict mode)");
  }
  // A thread that finds back by itself would have to have been called from where it returns to.
  if (status.value("x86_Thread_features").find("shstk") != std::string::npos) {
    return fail(process(pid) +
                " has a shadow stack, on which no calls can be made: start it without "
                "(GLIBC_TUNABLES=glibc.cpu.x86_shstk=off)");
  }
  return check_program(pid);
}

Result<TargetProcess> find_python(pid_t pid) {
  VTN_ASSIGN(const LoadedObjects objects, LoadedObjects::read(pid));
  const RemoteMemory memory(pid);
  TargetProcess target{.pid = pid, .python = python_of(memory, objects)};
  if (target.python == 0) {
    return fail(process(pid) + " is not a CPython: " + read_executable(pid) +
                " and its libraries export none of Python's functions");
  }
  if (target.python < kOldestPython) {
    return fail(process(pid) + " is a CPython older than " + kOldestPythonText +
                ", which is the first that can be traced");
  }
  if (target.python >= 0x0400) {
    return fail(process(pid) + " is Python " + version_text(target.python) +
                ", which is not known here");
  }
  if (const auto runtime = objects.find("_PyRuntime")) {
    const auto head = memory.get<RuntimeHead>(runtime->address);
    target.is_free_threaded = head && memcmp(head->cookie, "xdebugpy", sizeof(head->cookie)) == 0 &&
                              head->free_threaded == 1;
  }
  return target;
}

Result<TargetProcess> look_at_target(pid_t pid) {
  VTN_TRY(check_traceable(pid));
  return find_python(pid);
}

}  // namespace vtn::attach
