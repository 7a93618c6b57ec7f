// SPDX-License-Identifier: Apache-2.0
#include "launcher/attach.h"

#include <algorithm>
#include <vector>

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <fmt/format.h>

#include "attach/load_library.h"
#include "attach/memory_map.h"
#include "attach/target_process.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/syscalls.h"
#include "base/log.h"
#include "base/processes.h"
#include "launcher/parent/signals.h"
#include "tracer/clock.h"

namespace vtn::launcher {

namespace {

constexpr int kOtherError = 1;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr uint64_t kSayAfterNs = kSecondNs;
constexpr uint64_t kLongestWaitNs = 30 * kSecondNs;
constexpr uint64_t kStepNs = 20 * kMillisecondNs;

std::string command_of(pid_t pid) {
  std::string line = read_command_line(pid);
  while (!line.empty() && line.back() == '\0') {
    line.pop_back();
  }
  std::replace(line.begin(), line.end(), '\0', ' ');
  constexpr size_t kMostBytes = 120;
  return line.size() > kMostBytes ? line.substr(0, kMostBytes) + "..." : line;
}

// The Python processes below it, children before their own.
std::vector<pid_t> python_descendants(pid_t pid) {
  std::vector<pid_t> found;
  std::vector<pid_t> parents = {pid};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const pid_t child : children_of(parent)) {
      parents.push_back(child);
      if (attach::look_at_target(child)) {
        found.push_back(child);
      }
    }
  }
  return found;
}

// Where a process has another C library than the runtime was built for, say, nobody else tells.
bool has_loaded_runtime(pid_t pid) {
  const auto areas = attach::read_memory_map(pid);
  return areas && std::ranges::any_of(*areas, [](const attach::MappedArea& area) {
           return name_of(area.path).starts_with(kRuntimeFileName);
         });
}

// The processes of one attachment, and what they have done so far.
class Attachment {
 public:
  Attachment(const Attach& attach, const session::Session& session)
      : attach_(attach), session_(session), control_(*session.arena.control) {}

  // True: at least the one that was named is, or will be, recorded.
  bool begin() {
    store_release(&control_.late_wish, uint32_t{VTN_LATE_RECORD});
    const auto pid = static_cast<pid_t>(attach_.pid);
    target_ = open_pidfd(pid);
    if (!load_into(pid, true)) {
      return false;
    }
    if (attach_.tree) {
      for (const pid_t child : python_descendants(pid)) {
        (void)load_into(child, false);
      }
    }
    if (wait_for(control_.late_begun, "to let us in")) {
      return true;
    }
    log_error("process %d was not recorded: %s",
              static_cast<int>(pid),
              target_has_ended()                          ? "it has ended"
              : load_acquire(&control_.late_refused) != 0 ? "its interpreter cannot be traced"
                                                          : "it did not let us in within 30 s");
    return false;
  }

  // Until its time is up, the process has ended, or somebody has had enough.
  void wait() {
    sigset_t heeded = heeded_end_signals();
    const UniqueFd signals(signalfd(-1, &heeded, SFD_CLOEXEC | SFD_NONBLOCK));
    pollfd waiting[2] = {{signals.get(), POLLIN, 0}, {target_.get(), POLLIN, 0}};
    const uint64_t until_ns =
        attach_.for_ns == 0 ? UINT64_MAX : tracer::monotonic_ns() + attach_.for_ns;
    for (;;) {
      const uint64_t now_ns = tracer::monotonic_ns();
      if (now_ns >= until_ns) {
        return;
      }
      const uint64_t left_ms =
          until_ns == UINT64_MAX ? INT_MAX : (until_ns - now_ns) / kMillisecondNs + 1;
      const int ready = poll(waiting, 2, static_cast<int>(std::min<uint64_t>(left_ms, INT_MAX)));
      signalfd_siginfo info;
      if (ready > 0 && waiting[0].revents != 0) {
        (void)!read(signals.get(), &info, sizeof(info));
        return;
      }
      if (ready > 0 && waiting[1].revents != 0) {
        return;
      }
    }
  }

  void end() {
    store_release(&control_.late_wish, uint32_t{VTN_LATE_STOP});
    futex_wake(&control_.late_wish, INT_MAX);
    (void)wait_for(control_.late_ended, "to let us go");
  }

 private:
  Result<attach::LoadReport> load(pid_t pid) {
    VTN_ASSIGN(const attach::LoadReport report,
               attach::load_library(pid, session_.seen(kEntryFileName)));
    if (report.is_over && !has_loaded_runtime(pid)) {
      return fail(fmt::format("process {} cannot load {}: has it a C library other than glibc?",
                              pid,
                              kRuntimeFileName));
    }
    return report;
  }

  bool load_into(pid_t pid, bool named) {
    const auto loaded = load(pid);
    if (!loaded) {
      // Others are passed over, and said; the one that was named is what all this is for.
      named ? log_error("%s", loaded.error().message.c_str())
            : log_warning("%s", loaded.error().message.c_str());
      return false;
    }
    log_debug("process %d was held for %.3f ms",
              static_cast<int>(pid),
              static_cast<double>(loaded->held_ns) / static_cast<double>(kMillisecondNs));
    ++wanted_;
    return true;
  }

  bool target_has_ended() const {
    pollfd waiting = {target_.get(), POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
  }

  // Until as many have done it as were loaded into. The GIL may be somebody's for long.
  bool wait_for(const uint32_t& count, const char* what) {
    const uint64_t began_ns = tracer::monotonic_ns();
    bool said = false;
    for (;;) {
      const uint32_t seen = load_acquire(&count);
      const uint32_t refused = load_acquire(&control_.late_refused);
      if (seen + refused >= wanted_) {
        return seen != 0;
      }
      const uint64_t waited_ns = tracer::monotonic_ns() - began_ns;
      if (target_has_ended() || waited_ns > kLongestWaitNs) {
        return seen != 0;
      }
      if (waited_ns > kSayAfterNs && !said) {
        said = true;
        log_info("process %d is in C code that holds the GIL; waiting for it %s",
                 static_cast<int>(attach_.pid),
                 what);
      }
      futex_wait(&count, seen, kStepNs);
    }
  }

  const Attach& attach_;
  const session::Session& session_;
  ControlPage& control_;
  UniqueFd target_;
  uint32_t wanted_ = 0;
};

}  // namespace

Status check_attach(const Attach& attach) {
  VTN_ASSIGN(const attach::TargetProcess target,
             attach::look_at_target(static_cast<pid_t>(attach.pid)));
  if (target.is_free_threaded) {
    return fail(fmt::format("cannot attach to process {}: its CPython is a build without the GIL",
                            attach.pid));
  }
  return {};
}

int run_attach(const Attach& attach, const session::Session& session, const CollectorJob& job) {
  CollectorProcess collector(session, job);
  Attachment attachment(attach, session);
  collector::ProgramEnd end = {};
  end.pid = static_cast<int32_t>(attach.pid);
  end.wait_status = collector::kUnknownWaitStatus;
  collector.start();
  end.start_ns = tracer::monotonic_ns();
  if (!attachment.begin()) {
    collector.cancel();
    return kOtherError;
  }
  log_info("recording process %d (%s); %s",
           static_cast<int>(attach.pid),
           command_of(static_cast<pid_t>(attach.pid)).c_str(),
           attach.for_ns == 0 ? "Ctrl-C ends it" : "Ctrl-C ends it before its time");
  attachment.wait();
  attachment.end();
  end.end_ns = tracer::monotonic_ns();
  return collector.finish(end) ? 0 : kOtherError;
}

}  // namespace vtn::launcher
