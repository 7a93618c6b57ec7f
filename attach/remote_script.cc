// SPDX-License-Identifier: Apache-2.0
#include "attach/remote_script.h"

#include <algorithm>
#include <array>
#include <optional>

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "attach/remote_call.h"
#include "attach/remote_memory.h"
#include "attach/syscall_state.h"

namespace vtn::attach {

namespace {

// The debug offsets at the beginning of _PyRuntime: 64-bit words, whose order is fixed for each
// version from its first release candidate on.
constexpr char kCookie[] = "xdebugpy";
constexpr size_t kVersion = 1;
constexpr size_t kFirstInterpreter = 5;
constexpr size_t kInterpreterId = 7;
constexpr size_t kNextInterpreter = 8;
constexpr size_t kMainThread = 10;
// Of the part that is about scripts, from its first word.
constexpr size_t kEvalBreaker = 0;
constexpr size_t kSupport = 1;
constexpr size_t kIsSwitchedOn = 2;
constexpr size_t kIsPending = 3;
constexpr size_t kScriptPath = 4;
constexpr size_t kScriptPathBytes = 5;

struct Layout {
  uint32_t python;
  size_t script_words;
};
constexpr Layout kLayouts[] = {{0x030e, 89}, {0x030f, 105}};
constexpr uint32_t kReleaseCandidate = 0xc;
constexpr uint64_t kPathBytes = 512;

// Of the word that interrupts the evaluation of code: asks the thread to look for what there is to
// do. Other bits of the word are the version of what is monitored, which only the process may
// write.
constexpr uint8_t kLookUp = 1 << 5;

constexpr int kMaxInterpreters = 10'000;
constexpr uint64_t kStopLimitNs = 50'000'000;
constexpr uint64_t kBetweenLooksNs = 500'000;
constexpr uint64_t kWakeAfterNs = 10'000'000;  // a thread that runs has looked by then

// Where the words are that are to be written.
struct Places {
  uint64_t eval_breaker = 0;
  uint64_t is_pending = 0;
  uint64_t path = 0;
};

class ScriptRunner {
 public:
  ScriptRunner(const TargetProcess& target, const std::string& path, const ScriptOptions& options)
      : target_(target), path_(path), options_(options), memory_(target.pid) {}

  Result<ScriptReport> run();

 private:
  // The outcome that is certain already; nothing: `places_` are known.
  Result<std::optional<ScriptOutcome>> find_places();
  Status ask();
  Result<bool> is_taken_up() const;
  void wake(ScriptReport& report) const;
  tl::unexpected<Error> fail_read() const {
    return fail_errno("cannot read the Python of process " + std::to_string(target_.pid), EFAULT);
  }

  const TargetProcess& target_;
  const std::string& path_;
  const ScriptOptions& options_;
  const RemoteMemory memory_;
  Places places_;
};

Result<std::optional<ScriptOutcome>> ScriptRunner::find_places() {
  const auto* layout = std::ranges::find(kLayouts, target_.python, &Layout::python);
  std::array<uint64_t, 128> words = {};
  if (layout == std::end(kLayouts) || target_.runtime_address == 0) {
    return ScriptOutcome::kUnsupported;
  }
  VTN_TRY(memory_.read(target_.runtime_address, words.data(), sizeof(words)));
  const uint64_t* script = words.data() + layout->script_words;
  if (memcmp(words.data(), kCookie, sizeof(uint64_t)) != 0 ||
      words[kVersion] >> 16 != target_.python || (words[kVersion] >> 4 & 0xf) < kReleaseCandidate ||
      script[kScriptPathBytes] != kPathBytes || path_.size() >= kPathBytes) {
    return ScriptOutcome::kUnsupported;
  }
  // The main interpreter has the number 0, and is the last of the list.
  auto interpreter = memory_.get<uint64_t>(target_.runtime_address + words[kFirstInterpreter]);
  for (int seen = 0; interpreter.value_or(0) != 0 && seen < kMaxInterpreters; ++seen) {
    if (memory_.get<int64_t>(*interpreter + words[kInterpreterId]) == int64_t{0}) {
      break;
    }
    interpreter = memory_.get<uint64_t>(*interpreter + words[kNextInterpreter]);
  }
  if (interpreter.value_or(0) == 0) {
    return fail_read();
  }
  const auto is_switched_on = memory_.get<int32_t>(*interpreter + script[kIsSwitchedOn]);
  if (is_switched_on != 1) {
    return ScriptOutcome::kSwitchedOff;
  }
  const auto thread = memory_.get<uint64_t>(*interpreter + words[kMainThread]);
  if (thread.value_or(0) == 0) {
    return fail_read();
  }
  places_.eval_breaker = *thread + script[kEvalBreaker];
  places_.is_pending = *thread + script[kSupport] + script[kIsPending];
  places_.path = *thread + script[kSupport] + script[kScriptPath];
  // Somebody else asks.
  VTN_ASSIGN(const bool is_free, is_taken_up());
  return is_free ? std::nullopt : std::optional(ScriptOutcome::kNotTakenUp);
}

Status ScriptRunner::ask() {
  constexpr int32_t kYes = 1;
  VTN_TRY(memory_.write(places_.path, path_.c_str(), path_.size() + 1));
  VTN_TRY(memory_.write(places_.is_pending, &kYes, sizeof(kYes)));
  const auto now = memory_.get<uint8_t>(places_.eval_breaker);
  if (!now) {
    return fail_read();
  }
  const auto asked = static_cast<uint8_t>(*now | kLookUp);
  return memory_.write(places_.eval_breaker, &asked, sizeof(asked));
}

Result<bool> ScriptRunner::is_taken_up() const {
  const auto is_pending = memory_.get<int32_t>(places_.is_pending);
  if (!is_pending) {
    return fail_read();
  }
  return *is_pending == 0;
}

// A wait for a lock is begun again without a look at what there is to do.
void ScriptRunner::wake(ScriptReport& report) const {
  (void)as_tracer([&] {
    auto thread = HeldThread::hold(target_.pid, target_.pid, kStopLimitNs);
    if (!thread) {
      return;
    }
    const auto number = interrupted_syscall(thread->registers());
    if (number && *number != SYS_futex && is_safe_sleep(*number, 0)) {
      thread->end_syscall(EINTR);
      report.woken = true;
    }
    thread->let_go();
    report.held_ns = thread->held_ns();
  });
}

Result<ScriptReport> ScriptRunner::run() {
  const uint64_t begin_ns = monotonic_ns();
  ScriptReport report;
  VTN_ASSIGN(const std::optional<ScriptOutcome> known, find_places());
  if (known) {
    report.outcome = *known;
    return report;
  }
  VTN_TRY(ask());
  bool has_tried_to_wake = !options_.may_wake;
  while (true) {
    VTN_ASSIGN(const bool taken_up, is_taken_up());
    report.took_ns = monotonic_ns() - begin_ns;
    if (taken_up) {
      report.outcome = ScriptOutcome::kRuns;
      return report;
    }
    if (report.took_ns >= options_.limit_ns) {
      break;
    }
    if (!has_tried_to_wake && report.took_ns >= kWakeAfterNs) {
      has_tried_to_wake = true;
      wake(report);
      continue;
    }
    const struct timespec pause = {0, kBetweenLooksNs};
    (void)nanosleep(&pause, nullptr);
  }
  constexpr int32_t kNo = 0;
  VTN_TRY(memory_.write(places_.is_pending, &kNo, sizeof(kNo)));
  report.outcome = ScriptOutcome::kNotTakenUp;
  return report;
}

}  // namespace

Result<ScriptReport> run_script(const TargetProcess& target,
                                const std::string& path,
                                const ScriptOptions& options) {
  return ScriptRunner(target, path, options).run();
}

}  // namespace vtn::attach
