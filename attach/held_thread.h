// SPDX-License-Identifier: Apache-2.0
//
// A thread of another process, held by ptrace(2) and sent on an errand: a call of a function in its
// own process, after which it goes on where it was. x86-64.
//
// **At no instant does it need us.** What would bring it back lies on its stack before its
// registers are changed (way_back.h), they are changed all at once, and no code of the process is:
// whether we let it go, or end by SIGKILL wherever we are, it comes to the end of its errand by
// itself. An errand runs below the red zone, with all signals blocked but those that the processor
// raises.
//
// What we are there for is what a way back cannot do: if we let it go ourselves, a system call that
// it was in is begun again by the kernel, as after a stop and SIGCONT. By its own way back one of
// those with a time limit (poll, nanosleep) fails with EINTR, as by a signal.
//
// The kernel binds a held thread to the thread that holds it: all of a HeldThread is for one
// thread, which should have its signals blocked (vtn::Thread has).
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "attach/remote_memory.h"
#include "attach/way_back.h"
#include "base/result.h"

namespace vtn::attach {

uint64_t monotonic_ns();
void pause_for(uint64_t ns);
inline constexpr uint64_t kBetweenLooksNs = 20'000;

// Runs `body` on a thread of its own, before all others of the machine where we may: what is held
// waits for us. Signals to the caller wait meanwhile.
Status as_tracer(const std::function<void()>& body);

class HeldThread {
 public:
  // Stops it. An error: there is no such thread, it may not be traced, is stopped already, or does
  // not stop within `limit_ns`, for it waits for a disk (EBUSY).
  static Result<HeldThread> hold(pid_t pid, pid_t tid, const ReturnCode& code, uint64_t limit_ns);

  HeldThread(HeldThread&& other) noexcept;
  HeldThread& operator=(HeldThread&&) = delete;
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  ~HeldThread() { let_go(); }

  // Where it was when it was stopped.
  const user_regs_struct& registers() const { return saved_.registers; }

  // What a system call of its returns: -errno, if it fails. An error: it is gone, or does not come
  // to it in time, and is not ours any more.
  Result<int64_t> run_syscall(long number,
                              std::initializer_list<uint64_t> arguments,
                              uint64_t deadline_ns);

  // Has it call a function, or make a system call, and lets it go.
  Status send(uint64_t function, uint64_t argument);
  Status send_syscall(long number, std::initializer_list<uint64_t> arguments);

  // Has it call a function of code that lies in these pages, while it stays ours.
  Status start(uint64_t function, uint64_t argument);

  // Of one that was started: whether it was stopped within `code` again, where all of its errand is
  // done. Then it is held as before; else it finds back by itself, and is not ours any more.
  Result<bool> take_back(uint64_t code, uint64_t code_bytes, uint64_t deadline_ns);

  // Lets it run: as it was, if it is held; as it finds back by itself, if it was started.
  void let_go();

  // For how long it has been stopped, or has run errands while it was ours.
  uint64_t held_ns() const;

 private:
  enum class State {
    kStopped,   // by us: where it was, or in a system call of ours
    kStarted,   // on an errand
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

  HeldThread(pid_t pid, pid_t tid, const ReturnCode& code) : memory_(pid), tid_(tid), code_(code) {}
  Result<Stop> next_stop(uint64_t deadline_ns);
  Status go_on(int request, int signal);
  // PTRACE_INTERRUPT, up to the stop that it makes, which may be one of the whole process.
  Result<Stop> interrupt(uint64_t deadline_ns);
  Result<Stop> next_interrupt(uint64_t deadline_ns);
  Status save();
  Status lay_way_back();
  Status set_out(uint64_t address, std::initializer_list<uint64_t> arguments, long number);
  bool restore();
  void release();
  tl::unexpected<Error> fail_here(const std::string& what, int code = errno) const;

  RemoteMemory memory_;
  pid_t tid_;
  ReturnCode code_;
  State state_ = State::kReleased;
  Saved saved_;
  bool is_changed_ = false;   // since it was saved
  uint64_t return_slot_ = 0;  // what errands return by; 0: not laid yet
  uint64_t stopped_ns_ = 0;   // since when; 0: it runs by itself
  uint64_t held_ns_ = 0;      // before that
};

}  // namespace vtn::attach
