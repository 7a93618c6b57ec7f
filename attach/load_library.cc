// SPDX-License-Identifier: Apache-2.0
#include "attach/load_library.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attach/elf_symbols.h"
#include "attach/held_thread.h"
#include "attach/loading_code.h"
#include "attach/memory_map.h"
#include "attach/sleeping_threads.h"
#include "attach/target_process.h"
#include "base/fd.h"
#include "base/file.h"

namespace vtn::attach {

namespace {

constexpr uint64_t kStopLimitNs = 500'000'000;       // it runs meanwhile
constexpr uint64_t kSyscallLimitNs = 90'000'000;     // of what takes microseconds
constexpr uint64_t kPendingLimitNs = 1'000'000'000;  // then sleeping threads are looked for again
constexpr uint64_t kBetweenTriesNs = 1'000'000;
constexpr long kTakeBackLimitNs = 20'000'000;
constexpr size_t kCodeBytes = 16;
constexpr uint64_t kMayExecute = PROT_READ | PROT_EXEC;
constexpr uint64_t kLowestAddress = 1 << 20;
constexpr uint64_t kEndOfAddresses = uint64_t{1} << 47;

// A function there, and how its code begins: another program may have taken the place of the one
// that was looked at.
struct Function {
  Symbol symbol;
  std::array<char, kCodeBytes> code = {};

  uint64_t address() const { return symbol.address; }
};

// What the process was given (loading_code.h).
struct Pages {
  uint64_t code = 0;  // 0: nothing
  uint64_t cookie = 0;

  uint64_t data() const { return code + kLoadingPageBytes; }
};

// A page that nothing is near to.
uint64_t free_address(const std::vector<MappedArea>& areas) {
  uint64_t begin = 0;
  uint64_t bytes = 0;
  uint64_t last_end = kLowestAddress;
  for (const MappedArea& area : areas) {
    if (area.begin < kEndOfAddresses && area.begin > last_end + bytes) {
      begin = last_end;
      bytes = area.begin - last_end;
    }
    last_end = std::max(last_end, area.end);
  }
  uint64_t random = 0;
  (void)!getrandom(&random, sizeof(random), 0);
  return (begin + bytes / 4 + random % (bytes / 2 + 1)) & ~(kLoadingPageBytes - 1);
}

class Loader {
 public:
  Loader(pid_t pid, const std::string& path, const LoadOptions& options)
      : pid_(pid), path_(path), options_(options), memory_(pid) {}
  ~Loader() { cancel_pending(); }

  Result<LoadReport> run();

 private:
  Status look();
  Result<Function> function(const char* name, bool of_libc) const;
  bool is_still_there(const Function& function) const;
  Result<Pages> give_pages(HeldThread& thread) const;
  Result<Pages> fill_pages(uint64_t code, bool is_held) const;
  Status write(uint64_t address, const void* from, size_t bytes) const;
  // How far the code has come: VTN_LOADING_STATE, and loaded where the pages are gone.
  uint32_t state_of(const Pages& pages) const;
  // Until the code is through; false: it is not in time.
  bool wait_for(const Pages& pages, uint64_t deadline_ns) const;
  tl::unexpected<Error> fail_to_load(const Pages& pages) const;
  // Nothing: no thread sleeps where it may be used.
  Result<std::optional<LoadReport>> try_sleeping();
  Result<LoadReport> load_in(HeldThread& thread, pid_t tid);
  // Nothing: it was not called in time.
  Result<std::optional<LoadReport>> try_pending_call(uint64_t deadline_ns);
  Result<bool> ask_for_pending_call(LoadReport& report);
  Status wait_for_memory(uint64_t at) const;
  bool may_ask_for_pending_call(const HeldThread& thread) const;
  void cancel_pending();
  Result<std::optional<LoadReport>> try_all(uint64_t deadline_ns);
  tl::unexpected<Error> fail_process(const std::string& what, int code = 0) const {
    return fail("process " + std::to_string(pid_) + " " + what, code);
  }

  const pid_t pid_;
  const std::string& path_;
  const LoadOptions& options_;
  const RemoteMemory memory_;
  UniqueFd pages_fd_;  // its memory, also what it may not write itself; ends with its program
  ReturnCode return_code_;
  LoadedObjects objects_;
  Function open_;
  Function error_;
  Function errno_location_;
  Function add_pending_call_;
  Function make_pending_calls_;
  Pages pending_;  // what CPython was asked to call, or may be
  bool is_queued_ = false;
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
  VTN_ASSIGN(pages_fd_, open_file("/proc/" + std::to_string(pid_) + "/mem", O_RDWR));
  const auto code = find_return_code(pid_);
  if (!code) {
    return fail_process("has a C library that is not known here");
  }
  return_code_ = *code;
  if (path_.size() >= VTN_LOADING_PATH_BYTES) {
    return fail("the path " + path_ + " is too long");
  }
  const std::string seen = "/proc/" + std::to_string(pid_) + "/root" + path_;
  if (access(seen.c_str(), F_OK) != 0 && errno == ENOENT) {
    return fail_process("does not see " + path_);
  }
  return {};
}

Status Loader::write(uint64_t address, const void* from, size_t bytes) const {
  const ssize_t done = pwrite(pages_fd_.get(), from, bytes, static_cast<off_t>(address));
  return done == static_cast<ssize_t>(bytes)
             ? Status()
             : Status(fail_errno("cannot write to the memory of process " + std::to_string(pid_),
                                 done < 0 ? errno : EIO));
}

Result<Pages> Loader::give_pages(HeldThread& thread) const {
  const uint64_t deadline_ns = monotonic_ns() + kSyscallLimitNs;
  VTN_ASSIGN(const int64_t mapped,
             thread.run_syscall(
                 SYS_mmap,
                 {0, kLoadingBytes, kMayExecute, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0},
                 deadline_ns));
  if (mapped < 0) {
    return fail_process(std::string("may be given no code: mmap: ") +
                        strerror(static_cast<int>(-mapped)));
  }
  auto pages = fill_pages(static_cast<uint64_t>(mapped), true);
  if (!pages) {
    (void)thread.run_syscall(
        SYS_munmap, {static_cast<uint64_t>(mapped), kLoadingBytes}, deadline_ns);
  }
  return pages;
}

Result<Pages> Loader::fill_pages(uint64_t code, bool is_held) const {
  Pages pages = {.code = code};
  (void)!getrandom(&pages.cookie, sizeof(pages.cookie), 0);
  LoadingData data = {};
  data.is_held = is_held ? 1 : 0;
  data.errno_location = errno_location_.address();
  data.dlopen = open_.address();
  data.dlerror = error_.address();
  data.add_pending_call = add_pending_call_.address();
  data.syscall = return_code_.syscall;
  data.wait = {0, kTakeBackLimitNs};
  data.cookie = pages.cookie;
  (void)memcpy(data.path, path_.c_str(), path_.size() + 1);
  const std::string_view text = loading_code();
  VTN_TRY(write(pages.code, text.data(), text.size()));
  VTN_TRY(write(pages.data(), &data, sizeof(data)));
  return pages;
}

uint32_t Loader::state_of(const Pages& pages) const {
  const auto data = memory_.get<LoadingData>(pages.data());
  return data && data->cookie == pages.cookie ? data->state : uint32_t{VTN_LOADING_LOADED};
}

bool Loader::wait_for(const Pages& pages, uint64_t deadline_ns) const {
  while (state_of(pages) <= VTN_LOADING_RUNS) {
    if (monotonic_ns() >= deadline_ns) {
      return false;
    }
    pause_for(kBetweenLooksNs);
  }
  return true;
}

tl::unexpected<Error> Loader::fail_to_load(const Pages& pages) const {
  const std::string why = memory_.text(pages.data() + VTN_LOADING_ERROR, VTN_LOADING_ERROR_BYTES);
  return fail_process("does not load the library: " + (why.empty() ? "no reason given" : why));
}

Result<std::optional<LoadReport>> Loader::try_sleeping() {
  for (const pid_t tid : find_sleeping_threads(pid_)) {
    auto thread = HeldThread::hold(pid_, tid, return_code_, kStopLimitNs);
    if (thread && is_still_there(open_) && is_safely_asleep(thread->registers(), objects_)) {
      VTN_ASSIGN(LoadReport report, load_in(*thread, tid));
      return report;
    }
  }
  return std::nullopt;
}

Result<LoadReport> Loader::load_in(HeldThread& thread, pid_t tid) {
  const uint64_t deadline_ns = monotonic_ns() + options_.hold_limit_ns;
  LoadReport report{.way = LoadWay::kSleepingThread, .tid = tid};
  VTN_ASSIGN(const Pages pages, give_pages(thread));
  VTN_TRY(thread.start(pages.code + kLoad, pages.data()));
  report.is_over = wait_for(pages, deadline_ns);
  if (!report.is_over) {
    constexpr uint32_t kNobody = 0;
    (void)write(pages.data() + VTN_LOADING_IS_HELD, &kNobody, sizeof(kNobody));
    thread.let_go();
    report.held_ns = thread.held_ns();
    return report;
  }
  const bool has_failed = state_of(pages) == VTN_LOADING_FAILED;
  const auto failure = has_failed ? std::optional(fail_to_load(pages)) : std::nullopt;
  const uint64_t soon_ns = monotonic_ns() + kSyscallLimitNs;
  VTN_ASSIGN(const bool is_back, thread.take_back(pages.code, kLoadingPageBytes, soon_ns));
  if (is_back) {
    VTN_TRY(thread.run_syscall(SYS_munmap, {pages.code, kLoadingBytes}, soon_ns));
    thread.let_go();
  }
  if (failure) {
    return *failure;
  }
  report.held_ns = thread.held_ns();
  return report;
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

// It is sent twice, and held for as long as that takes only, not until it comes to run: first for
// memory at an address that is known beforehand, then to ask. False: it is in no place for that.
Result<bool> Loader::ask_for_pending_call(LoadReport& report) {
  if (pending_.code == 0) {
    VTN_ASSIGN(const std::vector<MappedArea> areas, read_memory_map(pid_));
    const uint64_t at = free_address(areas);
    VTN_ASSIGN(HeldThread thread, HeldThread::hold(pid_, pid_, return_code_, kStopLimitNs));
    if (!may_ask_for_pending_call(thread)) {
      return false;
    }
    VTN_TRY(thread.send_syscall(SYS_mmap,
                                {at,
                                 kLoadingBytes,
                                 kMayExecute,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                                 ~uint64_t{0},
                                 0}));
    report.held_ns = thread.held_ns();
    VTN_TRY(wait_for_memory(at));
    VTN_ASSIGN(pending_, fill_pages(at, false));
  }
  VTN_ASSIGN(HeldThread thread, HeldThread::hold(pid_, pid_, return_code_, kStopLimitNs));
  if (!may_ask_for_pending_call(thread)) {
    return false;
  }
  VTN_TRY(thread.send(pending_.code + loading_queue(), pending_.data()));
  report.held_ns = std::max(report.held_ns, thread.held_ns());
  return true;
}

// Memory that was asked for there and nowhere else.
Status Loader::wait_for_memory(uint64_t at) const {
  const uint64_t deadline_ns = monotonic_ns() + kPendingLimitNs;
  while (monotonic_ns() < deadline_ns) {
    VTN_ASSIGN(const std::vector<MappedArea> areas, read_memory_map(pid_));
    const MappedArea* area = area_at(areas, at);
    if (area != nullptr && area->begin == at && area->end == at + kLoadingBytes &&
        area->executable && area->path.empty()) {
      return {};
    }
    pause_for(kBetweenLooksNs);
  }
  return fail_process("may be given no code, or does not come to run");
}

Result<std::optional<LoadReport>> Loader::try_pending_call(uint64_t deadline_ns) {
  LoadReport report{.way = LoadWay::kPendingCall, .tid = pid_};
  if (!is_queued_) {
    VTN_ASSIGN(is_queued_, ask_for_pending_call(report));
    if (!is_queued_) {
      return std::nullopt;
    }
  }
  report.is_over = wait_for(pending_, deadline_ns);
  if (!report.is_over && state_of(pending_) == VTN_LOADING_RUNS) {
    is_queued_ = false;
    return report;
  }
  if (!report.is_over) {
    // With too many calls in the queue already it is asked again.
    is_queued_ = memory_.get<uint32_t>(pending_.data() + VTN_LOADING_QUEUED) !=
                 uint32_t{VTN_LOADING_QUEUE_IS_FULL};
    return std::nullopt;
  }
  const Pages pages = std::exchange(pending_, {});
  is_queued_ = false;
  if (state_of(pages) == VTN_LOADING_FAILED) {
    return fail_to_load(pages);
  }
  if (!is_still_there(open_)) {
    return fail_process("has become another program", ESRCH);
  }
  return report;
}

// Its pages go when it is called.
void Loader::cancel_pending() {
  constexpr uint32_t kCancelled = VTN_LOADING_CANCELLED;
  if (is_queued_ && state_of(pending_) == 0) {
    (void)write(pending_.data() + VTN_LOADING_STATE, &kCancelled, sizeof(kCancelled));
  }
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
    pause_for(kBetweenTriesNs);
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
