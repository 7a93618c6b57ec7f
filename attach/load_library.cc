// SPDX-License-Identifier: Apache-2.0
#include "attach/load_library.h"

#include <algorithm>
#include <array>
#include <optional>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "attach/elf_symbols.h"
#include "attach/remote_call.h"
#include "attach/sleeping_threads.h"
#include "attach/target_process.h"
#include "base/file.h"

namespace vtn::attach {

namespace {

constexpr uint64_t kStopLimitNs = 500'000'000;       // it runs meanwhile
constexpr uint64_t kCallLimitNs = 90'000'000;        // of what takes microseconds
constexpr uint64_t kPendingLimitNs = 1'000'000'000;  // then sleeping threads are looked for again
constexpr uint64_t kBetweenTriesNs = 1'000'000;
constexpr size_t kMaxErrorBytes = 2000;
constexpr size_t kCodeBytes = 16;
constexpr char kProcFile[] = "/proc/version";
#ifndef MFD_EXEC
constexpr unsigned kMemoryMayRun = 0x10;
#else
constexpr unsigned kMemoryMayRun = MFD_EXEC;
#endif

// A function there, and how its code begins: another program may have taken the place of the one
// that was looked at.
struct Function {
  Symbol symbol;
  std::array<char, kCodeBytes> code = {};

  uint64_t address() const { return symbol.address; }
};

// A name of an open file that no library has been loaded by: the dynamic linker takes one of the
// same name for the same library, and descriptors come back. Of the time it makes slashes, with and
// without a dot, that lead nowhere.
std::string name_of_descriptor(const std::string& number) {
  std::string name = "/proc/self/fd/";
  for (uint64_t bits = monotonic_ns() / 1000; bits != 0; bits >>= 1) {
    name += (bits & 1) != 0 ? "./" : "/";
  }
  return name + number;
}

class Loader {
 public:
  Loader(pid_t pid, const std::string& path, const LoadOptions& options)
      : pid_(pid), path_(path), options_(options), memory_(pid) {}

  Result<LoadReport> run();

 private:
  Status look();
  Result<Function> function(const char* name, bool of_libc) const;
  bool is_still_there(const Function& function) const;
  // Nothing: no thread sleeps where it may be used.
  Result<std::optional<LoadReport>> try_sleeping();
  // Nothing: it was not called in time.
  Result<std::optional<LoadReport>> try_pending_call(uint64_t deadline_ns);
  Result<std::optional<LoadReport>> try_all(uint64_t deadline_ns);
  bool may_ask_for_pending_call(const HeldThread& thread) const;
  Status keep_errno(HeldThread& thread, uint64_t deadline_ns) const;
  Status open_any_in(HeldThread& thread, LoadReport& report, uint64_t deadline_ns);
  Result<LoadReport> load_in(HeldThread& thread, LoadWay way, pid_t tid);
  Result<uint64_t> call_short(HeldThread& thread,
                              const Function& function,
                              std::initializer_list<uint64_t> arguments,
                              uint64_t deadline_ns) const;
  Status open_in(HeldThread& thread, const std::string& path, uint64_t deadline_ns);
  Status open_copy_in(HeldThread& thread, uint64_t deadline_ns);
  tl::unexpected<Error> fail_process(const std::string& what, int code = 0) const {
    return fail("process " + std::to_string(pid_) + " " + what, code);
  }

  const pid_t pid_;
  const std::string& path_;
  const LoadOptions& options_;
  const RemoteMemory memory_;
  LoadedObjects objects_;
  Function open_;
  Function error_;
  Function errno_location_;
  Function add_pending_call_;
  Function make_pending_calls_;
  Function pending_;
  bool is_file_seen_ = false;
  std::string library_;  // its bytes, where they are to be copied
};

Result<Function> Loader::function(const char* name, bool of_libc) const {
  const auto symbol = of_libc ? objects_.find_in(is_libc_name, name) : objects_.find(name);
  Function function;
  if (!symbol || !memory_.read(symbol->address, function.code.data(), kCodeBytes)) {
    return fail_process(std::string("has no function ") + name +
                        (of_libc ? " in its C library" : ""));
  }
  function.symbol = *symbol;
  return function;
}

bool Loader::is_still_there(const Function& function) const {
  std::array<char, kCodeBytes> code = {};
  return memory_.read(function.address(), code.data(), kCodeBytes) && code == function.code;
}

// All that can be done before anything is held.
Status Loader::look() {
  VTN_TRY(look_at_target(pid_));
  VTN_ASSIGN(objects_, LoadedObjects::read(pid_));
  VTN_ASSIGN(open_, function("dlopen", true));
  VTN_ASSIGN(error_, function("dlerror", true));
  VTN_ASSIGN(errno_location_, function("__errno_location", true));
  VTN_ASSIGN(add_pending_call_, function("Py_AddPendingCall", false));
  VTN_ASSIGN(make_pending_calls_, function("Py_MakePendingCalls", false));
  VTN_ASSIGN(pending_, function("PyCallable_Check", false));
  // Read, so that nobody waits for a disk while a thread is held.
  VTN_ASSIGN(library_, read_file(path_));
  const std::string root = "/proc/" + std::to_string(pid_) + "/root";
  is_file_seen_ = is_same_file(path_, root + path_);
  if (!is_file_seen_ && access((root + kProcFile).c_str(), F_OK) != 0) {
    return fail_process("sees neither " + path_ +
                        " nor /proc, where it would find a copy: mount one of them in its root");
  }
  return {};
}

// Of what takes microseconds: if it does not come to its end, it has not come to run.
Result<uint64_t> Loader::call_short(HeldThread& thread,
                                    const Function& function,
                                    std::initializer_list<uint64_t> arguments,
                                    uint64_t deadline_ns) const {
  auto result = thread.call(function.address(), arguments, deadline_ns);
  if (!result && result.error().code == ETIMEDOUT) {
    return fail_process("has no time for calls", EBUSY);
  }
  return result;
}

Status Loader::keep_errno(HeldThread& thread, uint64_t deadline_ns) const {
  VTN_ASSIGN(const uint64_t address, call_short(thread, errno_location_, {}, deadline_ns));
  return thread.keep_errno(address);
}

// ETIMEDOUT: it has begun, and goes on by itself.
Status Loader::open_in(HeldThread& thread, const std::string& path, uint64_t deadline_ns) {
  VTN_ASSIGN(const uint64_t path_at, thread.put({path.c_str(), path.size() + 1}));
  VTN_ASSIGN(const uint64_t handle, thread.call(open_.address(), {path_at, RTLD_NOW}, deadline_ns));
  if (handle != 0) {
    return {};
  }
  VTN_ASSIGN(const uint64_t text, call_short(thread, error_, {}, deadline_ns));
  return fail_process("does not load the library: " + (text != 0
                                                           ? memory_.text(text, kMaxErrorBytes)
                                                           : std::string("no reason given")));
}

// A file that has no place in any root.
Status Loader::open_copy_in(HeldThread& thread, uint64_t deadline_ns) {
  VTN_ASSIGN(const Function create, function("memfd_create", true));
  VTN_ASSIGN(const Function close, function("close", true));
  VTN_ASSIGN(const uint64_t name, thread.put({"viztracer-native", sizeof("viztracer-native")}));
  VTN_ASSIGN(uint64_t fd,
             call_short(thread, create, {name, MFD_CLOEXEC | kMemoryMayRun}, deadline_ns));
  if (static_cast<int>(fd) < 0) {  // an older kernel, where all may
    VTN_ASSIGN(fd, call_short(thread, create, {name, MFD_CLOEXEC}, deadline_ns));
  }
  if (static_cast<int>(fd) < 0) {
    return fail_process("does not see " + path_ + ", and can be given no copy of it in memory");
  }
  const std::string number = std::to_string(static_cast<int>(fd));
  const std::string seen_by_us = "/proc/" + std::to_string(pid_) + "/fd/" + number;
  Status loaded;
  if (auto copy = open_file(seen_by_us, O_WRONLY); !copy) {
    loaded = tl::unexpected(copy.error());
  } else if (loaded = write_all(copy->get(), library_); loaded) {
    loaded = open_in(thread, name_of_descriptor(number), deadline_ns);
  }
  if (loaded || loaded.error().code != ETIMEDOUT) {
    VTN_TRY(call_short(thread, close, {fd}, deadline_ns));
  }
  return loaded;
}

Status Loader::open_any_in(HeldThread& thread, LoadReport& report, uint64_t deadline_ns) {
  Status by_path = is_file_seen_ ? open_in(thread, path_, deadline_ns) : Status(fail(""));
  if (by_path || by_path.error().code == ETIMEDOUT) {
    return by_path;
  }
  // It may be one that our user may read, and the process may not.
  report.by_memory = true;
  Status by_copy = open_copy_in(thread, deadline_ns);
  const bool is_known = by_copy || by_copy.error().code == ETIMEDOUT || !is_file_seen_;
  return is_known ? by_copy : by_path;
}

Result<LoadReport> Loader::load_in(HeldThread& thread, LoadWay way, pid_t tid) {
  const uint64_t deadline_ns = monotonic_ns() + options_.hold_limit_ns;
  VTN_TRY(keep_errno(thread, deadline_ns));
  LoadReport report{.way = way, .tid = tid};
  const Status opened = open_any_in(thread, report, deadline_ns);
  if (!opened && opened.error().code != ETIMEDOUT) {
    return tl::unexpected(opened.error());
  }
  report.is_over = opened.has_value();
  thread.let_go();
  report.held_ns = thread.held_ns();
  return report;
}

Result<std::optional<LoadReport>> Loader::try_sleeping() {
  for (const pid_t tid : find_sleeping_threads(pid_)) {
    auto thread = HeldThread::hold(pid_, tid, kStopLimitNs);
    if (thread && is_still_there(open_) && is_safely_asleep(thread->registers(), objects_)) {
      VTN_ASSIGN(LoadReport report, load_in(*thread, LoadWay::kSleepingThread, tid));
      return report;
    }
  }
  return std::nullopt;
}

// In CPython's own code no lock of others is held. Py_AddPendingCall takes one of its own: the
// thread must not hold that already, as it may in two functions.
bool Loader::may_ask_for_pending_call(const HeldThread& thread) const {
  const uint64_t at = thread.registers().rip;
  const LoadedObject* object = objects_.at(at);
  return object != nullptr && object == objects_.at(add_pending_call_.address()) &&
         !add_pending_call_.symbol.has(at) && !make_pending_calls_.symbol.has(at) &&
         has_room_on_stack(thread.registers(), objects_) && is_still_there(add_pending_call_) &&
         is_still_there(open_);
}

Result<std::optional<LoadReport>> Loader::try_pending_call(uint64_t deadline_ns) {
  VTN_ASSIGN(HeldThread thread, HeldThread::hold(pid_, pid_, kStopLimitNs));
  if (!may_ask_for_pending_call(thread)) {
    return std::nullopt;
  }
  // If there are too many already, they are waited for.
  const uint64_t call_deadline_ns = monotonic_ns() + kCallLimitNs;
  VTN_TRY(keep_errno(thread, call_deadline_ns));
  VTN_TRY(call_short(thread, add_pending_call_, {pending_.address(), 0}, call_deadline_ns));
  const Status came = thread.run_to(pending_.address(), deadline_ns);
  if (!came && came.error().code == ETIMEDOUT) {
    return std::nullopt;
  }
  VTN_TRY(came);
  VTN_ASSIGN(LoadReport report, load_in(thread, LoadWay::kPendingCall, pid_));
  return report;
}

Result<std::optional<LoadReport>> Loader::try_all(uint64_t deadline_ns) {
  VTN_ASSIGN(std::optional<LoadReport> report, try_sleeping());
  return report ? report : try_pending_call(deadline_ns);
}

// A thread that does not stop stays traced until the tracer ends: each try has its own.
Result<LoadReport> Loader::run() {
  VTN_TRY(look());
  const uint64_t deadline_ns = monotonic_ns() + options_.limit_ns;
  do {
    Result<std::optional<LoadReport>> report;
    VTN_TRY(as_tracer(
        [&] { report = try_all(std::min(deadline_ns, monotonic_ns() + kPendingLimitNs)); }));
    if (report && *report) {
      return **report;
    }
    if (!report) {
      // It waits for a disk, or has ended, which EPERM may mean as well: was it the process?
      const int code = report.error().code;
      const bool may_pass = code == ESRCH || code == EBUSY || code == EPERM;
      if (!may_pass || (code == EPERM && monotonic_ns() >= deadline_ns)) {
        return tl::unexpected(report.error());
      }
      VTN_TRY(check_traceable(pid_));
    }
    const struct timespec pause = {0, kBetweenTriesNs};
    (void)nanosleep(&pause, nullptr);
  } while (monotonic_ns() < deadline_ns);
  return fail_process(
      "is in no place where it may load a library: its main thread runs no Python code, and no "
      "other thread waits; nothing was changed, try again");
}

}  // namespace

Result<LoadReport> load_library(pid_t pid, const std::string& path, const LoadOptions& options) {
  const uint64_t begin_ns = monotonic_ns();
  auto report = Loader(pid, path, options).run();
  if (report) {
    report->took_ns = monotonic_ns() - begin_ns;
  }
  return report;
}

}  // namespace vtn::attach
