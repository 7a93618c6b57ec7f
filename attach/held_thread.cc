// SPDX-License-Identifier: Apache-2.0
#include "attach/held_thread.h"

#include <algorithm>
#include <utility>

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/syscall_state.h"
#include "base/threads.h"

namespace vtn::attach {

namespace {

constexpr uint64_t kRedZone = 128;
constexpr uint64_t kMaxVectorsBytes = 16 << 10;
constexpr uint64_t kDirectionFlag = 0x400;
constexpr uint64_t kTrapFlag = 0x100;
constexpr uint64_t kNoSyscall = ~uint64_t{0};
constexpr int kSyscallStop = SIGTRAP | 0x80;
constexpr int kFirst = -20;
constexpr uint64_t kInterruptLimitNs = 100'000'000;

// What the processor raises in a thread itself ends a process that blocks it.
uint64_t all_but_faults() {
  uint64_t mask = ~uint64_t{0};
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP}) {
    mask &= ~(uint64_t{1} << (signal - 1));
  }
  return mask;
}

long trace(int request, pid_t tid, uint64_t address, uint64_t data) {
  return ptrace(static_cast<__ptrace_request>(request),
                tid,
                reinterpret_cast<void*>(address),  // NOLINT: an address of another process
                reinterpret_cast<void*>(data));    // NOLINT: the same
}

template <class T>
uint64_t address_of(T& value) {
  return reinterpret_cast<uint64_t>(&value);
}

void come_first() {
  // Looks for stops are not to be rounded up to the 50 us of others.
  (void)prctl(PR_SET_TIMERSLACK, 1);
  struct sched_param first = {};
  first.sched_priority = sched_get_priority_min(SCHED_FIFO);
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) != 0) {
    (void)setpriority(PRIO_PROCESS, 0, kFirst);
  }
}

Status run_tracer(const std::function<void()>& body) {
  pid_t tid = 0;
  VTN_ASSIGN(Thread thread, Thread::start([&] {
               come_first();
               tid = static_cast<pid_t>(syscall(SYS_gettid));
               body();
             }));
  thread.join();
  // What it held still is let go while it ends, which is after it can be joined.
  while (syscall(SYS_tgkill, getpid(), tid, 0) == 0) {
    pause_for(kBetweenLooksNs);
  }
  return {};
}

}  // namespace

uint64_t monotonic_ns() {
  struct timespec time = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void pause_for(uint64_t ns) {
  const struct timespec pause = {0, static_cast<long>(ns)};
  (void)nanosleep(&pause, nullptr);
}

Status as_tracer(const std::function<void()>& body) {
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  Status done = run_tracer(body);
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return done;
}

HeldThread::HeldThread(HeldThread&& other) noexcept
    : memory_(other.memory_),
      tid_(other.tid_),
      code_(other.code_),
      state_(std::exchange(other.state_, State::kReleased)),
      saved_(std::move(other.saved_)),
      is_changed_(other.is_changed_),
      return_slot_(other.return_slot_),
      stopped_ns_(other.stopped_ns_),
      held_ns_(other.held_ns_) {}

tl::unexpected<Error> HeldThread::fail_here(const std::string& what, int code) const {
  return fail("thread " + std::to_string(tid_) + " of process " + std::to_string(memory_.pid()) +
                  " " + what,
              code);
}

Result<HeldThread> HeldThread::hold(pid_t pid,
                                    pid_t tid,
                                    const ReturnCode& code,
                                    uint64_t limit_ns) {
  HeldThread thread(pid, tid, code);
  if (trace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0) {
    const int error = errno;
    return thread.fail_here(std::string("cannot be traced: ") + strerror(error), error);
  }
  thread.state_ = State::kStopped;
  VTN_ASSIGN(const Stop stop, thread.interrupt(monotonic_ns() + limit_ns));
  if (stop.signal != SIGTRAP) {  // with the whole process
    thread.release();
    return thread.fail_here("is stopped: let it go on first");
  }
  VTN_TRY(thread.save());
  return thread;
}

// A thread that ends, or whose process does or becomes another program, is nobody's any more. One
// that does not stop in time is let go when ours ends: only a stopped one can be before.
Result<HeldThread::Stop> HeldThread::next_stop(uint64_t deadline_ns) {
  while (true) {
    int status = 0;
    const pid_t found = waitpid(tid_, &status, __WALL | WNOHANG);
    if (found == tid_ && WIFSTOPPED(status)) {
      if (stopped_ns_ == 0) {
        stopped_ns_ = monotonic_ns();
      }
      return Stop{WSTOPSIG(status), status >> 16};
    }
    if (found != 0) {
      release();
      return fail_here("has ended", ESRCH);
    }
    if (monotonic_ns() >= deadline_ns) {
      release();
      return fail_here("does not stop: it waits for a disk or a network", EBUSY);
    }
    pause_for(kBetweenLooksNs);
  }
}

Status HeldThread::go_on(int request, int signal) {
  if (trace(request, tid_, 0, static_cast<uint64_t>(signal)) != 0) {
    release();
    return fail_here("has ended", ESRCH);
  }
  return {};
}

Result<HeldThread::Stop> HeldThread::interrupt(uint64_t deadline_ns) {
  (void)trace(PTRACE_INTERRUPT, tid_, 0, 0);
  return next_interrupt(deadline_ns);
}

Result<HeldThread::Stop> HeldThread::next_interrupt(uint64_t deadline_ns) {
  while (true) {
    VTN_ASSIGN(const Stop stop, next_stop(deadline_ns));
    if (stop.event == PTRACE_EVENT_STOP) {
      return stop;
    }
    VTN_TRY(go_on(PTRACE_CONT, stop.signal));
  }
}

Status HeldThread::save() {
  is_changed_ = false;
  return_slot_ = 0;
  saved_.vectors.resize(kMaxVectorsBytes);
  iovec vectors = {saved_.vectors.data(), saved_.vectors.size()};
  if (trace(PTRACE_GETREGS, tid_, 0, address_of(saved_.registers)) != 0 ||
      trace(PTRACE_GETREGSET, tid_, NT_X86_XSTATE, address_of(vectors)) != 0 ||
      trace(PTRACE_GETSIGMASK, tid_, sizeof(uint64_t), address_of(saved_.signal_mask)) != 0) {
    const int code = errno;
    release();
    return fail_here(std::string("does not tell its registers: ") + strerror(code), code);
  }
  saved_.vectors.resize(vectors.iov_len);
  return {};
}

// From above: the frame that leads back, and the address of the code that takes it, to which what
// is called returns. That is on a stack that was aligned before, as after a call instruction.
Status HeldThread::lay_way_back() {
  if (return_slot_ != 0) {
    return {};
  }
  const uint64_t top = saved_.registers.rsp - kRedZone;
  const uint64_t frame_at = (top - way_back_limit_bytes(saved_.vectors.size())) & ~uint64_t{15};
  const std::string frame =
      way_back_frame(frame_at, saved_.registers, saved_.vectors, saved_.signal_mask);
  const uint64_t slot = frame_at - sizeof(code_.signal_return);
  std::string bytes(reinterpret_cast<const char*>(&code_.signal_return),
                    sizeof(code_.signal_return));
  bytes += frame;
  VTN_TRY(memory_.write(slot, bytes.data(), bytes.size()));
  return_slot_ = slot;
  return {};
}

// The registers before the mask: whatever is done last, the way back restores both.
Status HeldThread::set_out(uint64_t address,
                           std::initializer_list<uint64_t> arguments,
                           long number) {
  if (state_ != State::kStopped) {
    return fail_here("is not held", ESRCH);
  }
  VTN_TRY(lay_way_back());
  user_regs_struct registers = saved_.registers;
  decltype(registers.rdi)* const places[] = {
      &registers.rdi, &registers.rsi, &registers.rdx, &registers.r10, &registers.r8, &registers.r9};
  size_t count = 0;
  for (const uint64_t argument : arguments) {
    *places[count++] = argument;
  }
  registers.rsp = return_slot_;
  registers.rip = address;
  registers.rax = static_cast<uint64_t>(number);
  registers.orig_rax = kNoSyscall;
  registers.eflags &= ~(kDirectionFlag | kTrapFlag);
  const uint64_t mask = all_but_faults();
  is_changed_ = true;
  if (trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) != 0 ||
      trace(PTRACE_SETSIGMASK, tid_, sizeof(mask), address_of(mask)) != 0) {
    release();
    return fail_here("does not take other registers");
  }
  return {};
}

// Stopped as it enters the call, and told to stop again: that is after the call, in the one kind of
// stop after which the kernel begins a system call again.
Result<int64_t> HeldThread::run_syscall(long number,
                                        std::initializer_list<uint64_t> arguments,
                                        uint64_t deadline_ns) {
  VTN_TRY(set_out(code_.syscall, arguments, number));
  int signal = 0;
  while (true) {
    VTN_TRY(go_on(PTRACE_SYSCALL, signal));
    VTN_ASSIGN(const Stop stop, next_stop(deadline_ns));
    if (stop.event == 0 && stop.signal == kSyscallStop) {
      break;
    }
    // A stop of the whole process: this thread takes part in it when it is let go.
    signal = stop.event != 0 ? 0 : stop.signal;
  }
  (void)trace(PTRACE_INTERRUPT, tid_, 0, 0);
  VTN_TRY(go_on(PTRACE_CONT, 0));
  VTN_TRY(next_interrupt(deadline_ns));
  user_regs_struct now = {};
  if (trace(PTRACE_GETREGS, tid_, 0, address_of(now)) != 0) {
    release();
    return fail_here("has ended", ESRCH);
  }
  return static_cast<int64_t>(now.rax);
}

Status HeldThread::send(uint64_t function, uint64_t argument) {
  VTN_TRY(set_out(function, {argument}, 0));
  release();
  return {};
}

Status HeldThread::send_syscall(long number, std::initializer_list<uint64_t> arguments) {
  VTN_TRY(set_out(code_.syscall, arguments, number));
  release();
  return {};
}

Status HeldThread::start(uint64_t function, uint64_t argument) {
  VTN_TRY(set_out(function, {argument}, 0));
  VTN_TRY(go_on(PTRACE_CONT, 0));
  state_ = State::kStarted;
  return {};
}

Result<bool> HeldThread::take_back(uint64_t code, uint64_t code_bytes, uint64_t deadline_ns) {
  if (state_ != State::kStarted) {
    return fail_here("is on no errand", ESRCH);
  }
  VTN_TRY(interrupt(deadline_ns));
  state_ = State::kStopped;
  user_regs_struct now = {};
  if (trace(PTRACE_GETREGS, tid_, 0, address_of(now)) != 0) {
    release();
    return fail_here("has ended", ESRCH);
  }
  if (now.rip - code < code_bytes) {
    return true;
  }
  is_changed_ = false;
  saved_.registers = now;
  let_go();
  return false;
}

// The registers last: until then its way back restores the rest as well.
bool HeldThread::restore() {
  const user_regs_struct registers = resumed_by_kernel(memory_.pid(), tid_, saved_.registers);
  if (!is_changed_) {
    return trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) == 0;
  }
  iovec vectors = {saved_.vectors.data(), saved_.vectors.size()};
  return trace(PTRACE_SETREGSET, tid_, NT_X86_XSTATE, address_of(vectors)) == 0 &&
         trace(PTRACE_SETSIGMASK, tid_, sizeof(uint64_t), address_of(saved_.signal_mask)) == 0 &&
         trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) == 0;
}

// The thread is stopped, or has ended.
void HeldThread::release() {
  (void)trace(PTRACE_DETACH, tid_, 0, 0);
  state_ = State::kReleased;
  held_ns_ = held_ns();
  stopped_ns_ = 0;
}

void HeldThread::let_go() {
  if (state_ == State::kReleased) {
    return;
  }
  if (state_ == State::kStarted) {
    if (interrupt(monotonic_ns() + kInterruptLimitNs)) {
      release();
    }
    return;
  }
  (void)restore();
  release();
}

uint64_t HeldThread::held_ns() const {
  return held_ns_ + (stopped_ns_ != 0 ? monotonic_ns() - stopped_ns_ : 0);
}

}  // namespace vtn::attach
