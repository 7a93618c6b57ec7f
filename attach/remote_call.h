// SPDX-License-Identifier: Apache-2.0
//
// A thread of another process, held by ptrace(2) and made to call functions of its own process.
// x86-64.
//
// A call runs on the thread's stack, below its red zone, with all signals blocked but those that
// the processor itself raises, and returns to an address where nothing is: the fault is the sign
// that it is over, and never becomes a signal of the program's. Afterwards the thread has its
// registers, vector registers, signal mask and errno again, and a system call that it was in is
// begun again by the kernel, as after a stop and SIGCONT.
//
// The kernel binds a held thread to the thread that holds it: all of a HeldThread is for one
// thread, which should have its signals blocked (vtn::Thread has), since what is held must be let
// go. Whatever it holds still when that thread ends is let go by the kernel.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "attach/remote_memory.h"
#include "base/result.h"

namespace vtn::attach {

uint64_t monotonic_ns();

// Runs `body` on a thread of its own, as holding others asks. Signals to the caller wait meanwhile:
// one that ended us while we hold a thread would be the end of that as well.
Status as_tracer(const std::function<void()>& body);

class HeldThread {
 public:
  // Stops it. An error: there is no such thread, it may not be traced, is stopped already, or does
  // not stop within `limit_ns`, for it waits for a disk (EBUSY).
  static Result<HeldThread> hold(pid_t pid, pid_t tid, uint64_t limit_ns);

  HeldThread(HeldThread&& other) noexcept;
  HeldThread& operator=(HeldThread&&) = delete;
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  ~HeldThread() { let_go(); }

  // Where it was when it was stopped.
  const user_regs_struct& registers() const { return saved_.registers; }

  // Puts bytes on its stack, where they stay until it is let go or runs on.
  Result<uint64_t> put(std::string_view bytes);

  // Calls a function of at most six whole numbers and pointers; what it returns. An error: it
  // crashed (the thread is as it was before, what the function had begun is not undone), or it is
  // not over at `deadline_ns` (CLOCK_MONOTONIC, code ETIMEDOUT): it goes on by itself when the
  // thread is let go, and then returns to where the thread was. No other call can be made then.
  Result<uint64_t> call(uint64_t function,
                        std::initializer_list<uint64_t> arguments,
                        uint64_t deadline_ns);

  // Has the thread's errno, which lies at `address`, restored with the rest.
  Status keep_errno(uint64_t address);

  // Has the system call that it is in fail with this error, once it is let go.
  void end_syscall(int code);

  // Lets it run as it was, and holds it again as soon as it is about to execute what is at
  // `address` (by a register of the processor, no code is changed). An error at the deadline
  // (ETIMEDOUT): it is held where it is. Any other error: it is not held any more.
  // It waits for the thread to stop, however long: one that is left with such a mark, as by SIGKILL
  // of us, dies of it.
  Status run_to(uint64_t address, uint64_t deadline_ns);

  // Restores all, and lets it run.
  void let_go();

  // For how long it has been stopped, or has run calls of ours.
  uint64_t held_ns() const;

 private:
  enum class State {
    kStopped,   // where it was, or after a call
    kCalling,   // within a call that is not over
    kReleased,  // not ours any more
  };
  struct Saved {
    user_regs_struct registers = {};
    std::vector<char> vectors;  // as NT_X86_XSTATE has them
    uint64_t signal_mask = 0;
  };
  struct Stop {
    int signal = 0;
    int event = 0;  // PTRACE_EVENT_STOP, or 0 for a signal on its way to the thread
  };

  HeldThread(pid_t pid, pid_t tid) : memory_(pid), tid_(tid) {}
  Result<Stop> next_stop(uint64_t deadline_ns);
  Status go_on(int signal);
  // PTRACE_INTERRUPT, up to the stop that it makes.
  Status interrupt(uint64_t deadline_ns);
  Status save();
  bool restore();
  Status watch(uint64_t address);
  Result<uint64_t> end_of_call(uint64_t deadline_ns);
  // What the call returns, if that is what it has stopped at.
  std::optional<uint64_t> returned(const Stop& stop) const;
  void release();
  void leave_call();
  bool is_at(uint64_t address, int trap_code) const;
  std::optional<int> signal_code() const;
  tl::unexpected<Error> fail_here(const std::string& what, int code = errno) const;

  RemoteMemory memory_;
  pid_t tid_;
  State state_ = State::kReleased;
  Saved saved_;
  bool is_changed_ = false;     // since it was saved
  uint64_t stack_ = 0;          // below this nothing is used
  uint64_t return_slot_ = 0;    // of the call that is not over
  uint64_t errno_address_ = 0;  // 0: not to be kept
  int errno_ = 0;
  std::vector<int> put_off_;  // signals sent to it meanwhile that could not be blocked
  uint64_t stopped_ns_ = 0;   // since when; 0: it runs by itself
  uint64_t held_ns_ = 0;      // before that
};

}  // namespace vtn::attach
