// SPDX-License-Identifier: Apache-2.0
#include "attach/remote_call.h"

#include <algorithm>
#include <utility>

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
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
#include "attach/way_back.h"
#include "base/threads.h"

namespace vtn::attach {

namespace {

// Below what the kernel ever maps: see vm.mmap_min_addr. Not 0, which a call of a null pointer
// would be at.
constexpr uint64_t kReturnAddress = 0xa77;
constexpr uint64_t kRedZone = 128;
constexpr uint64_t kMaxVectorsBytes = 16 << 10;
constexpr uint64_t kDirectionFlag = 0x400;
constexpr uint64_t kTrapFlag = 0x100;
constexpr uint64_t kNoSyscall = ~uint64_t{0};
constexpr size_t kAddressRegister = offsetof(struct user, u_debugreg[0]);
constexpr size_t kControlRegister = offsetof(struct user, u_debugreg[7]);
constexpr uint64_t kExecuteAtFirst = 1;
constexpr int kFirst = -20;
constexpr uint64_t kBetweenLooksNs = 20'000;
constexpr uint64_t kForever = ~uint64_t{0};
constexpr uint64_t kInterruptLimitNs = 100'000'000;
// What the processor raises in a thread itself.
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};

bool is_fault(int signal) { return std::ranges::find(kFaults, signal) != std::end(kFaults); }

uint64_t all_but_faults() {
  uint64_t mask = ~uint64_t{0};
  for (const int signal : kFaults) {
    mask &= ~(uint64_t{1} << (signal - 1));
  }
  return mask;
}

long trace(__ptrace_request request, pid_t tid, uint64_t address, uint64_t data) {
  return ptrace(request, tid, reinterpret_cast<void*>(address), reinterpret_cast<void*>(data));
}

template <class T>
uint64_t address_of(T& value) {
  return reinterpret_cast<uint64_t>(&value);
}

void pause_between_looks() {
  const struct timespec pause = {0, kBetweenLooksNs};
  (void)nanosleep(&pause, nullptr);
}

Status run_tracer(const std::function<void()>& body) {
  pid_t tid = 0;
  VTN_ASSIGN(Thread thread, Thread::start([&] {
               // Looks for stops are not to be rounded up to the 50 us of others.
               (void)prctl(PR_SET_TIMERSLACK, 1);
               // What is held waits for us: root's tracers come first.
               (void)setpriority(PRIO_PROCESS, 0, kFirst);
               tid = static_cast<pid_t>(syscall(SYS_gettid));
               body();
             }));
  thread.join();
  // What it held still is let go while it ends, which is after it can be joined.
  while (syscall(SYS_tgkill, getpid(), tid, 0) == 0) {
    pause_between_looks();
  }
  return {};
}

}  // namespace

uint64_t monotonic_ns() {
  struct timespec time = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
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
      state_(std::exchange(other.state_, State::kReleased)),
      saved_(std::move(other.saved_)),
      is_changed_(other.is_changed_),
      stack_(other.stack_),
      return_slot_(other.return_slot_),
      errno_address_(other.errno_address_),
      errno_(other.errno_),
      put_off_(std::move(other.put_off_)),
      stopped_ns_(other.stopped_ns_),
      held_ns_(other.held_ns_) {}

tl::unexpected<Error> HeldThread::fail_here(const std::string& what, int code) const {
  return fail("thread " + std::to_string(tid_) + " of process " + std::to_string(memory_.pid()) +
                  " " + what,
              code);
}

Result<HeldThread> HeldThread::hold(pid_t pid, pid_t tid, uint64_t limit_ns) {
  HeldThread thread(pid, tid);
  if (trace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACEEXEC) != 0) {
    const int code = errno;
    return thread.fail_here(std::string("cannot be traced: ") + strerror(code), code);
  }
  thread.state_ = State::kStopped;
  VTN_TRY(thread.interrupt(monotonic_ns() + limit_ns));
  VTN_TRY(thread.save());
  return thread;
}

// A thread that ends, or whose process does or becomes another program, is nobody's any more.
Result<HeldThread::Stop> HeldThread::next_stop(uint64_t deadline_ns) {
  while (true) {
    int status = 0;
    const pid_t found = waitpid(tid_, &status, __WALL | WNOHANG);
    if (found == tid_ && WIFSTOPPED(status)) {
      if (status >> 16 == PTRACE_EVENT_EXEC) {
        release();
        return fail_here("has become another program", ESRCH);
      }
      return Stop{WSTOPSIG(status), status >> 16};
    }
    if (found != 0) {
      release();
      return fail_here("has ended", ESRCH);
    }
    if (monotonic_ns() >= deadline_ns) {
      return fail_here("did not stop in time", ETIMEDOUT);
    }
    pause_between_looks();
  }
}

Status HeldThread::go_on(int signal) {
  if (trace(PTRACE_CONT, tid_, 0, static_cast<uint64_t>(signal)) != 0) {
    release();
    return fail_here("has ended", ESRCH);
  }
  return {};
}

Status HeldThread::interrupt(uint64_t deadline_ns) {
  (void)trace(PTRACE_INTERRUPT, tid_, 0, 0);
  while (true) {
    const auto stop = next_stop(deadline_ns);
    if (!stop) {
      // Only a stopped thread can be let go: this one will be when ours ends.
      release();
      return stop.error().code == ETIMEDOUT
                 ? Status(fail_here("does not stop: it waits for a disk or a network", EBUSY))
                 : Status(tl::unexpected(stop.error()));
    }
    if (stopped_ns_ == 0) {
      stopped_ns_ = monotonic_ns();
    }
    if (stop->event == PTRACE_EVENT_STOP && stop->signal == SIGTRAP) {
      return {};
    }
    if (stop->event == PTRACE_EVENT_STOP) {
      release();
      return fail_here("is stopped: let it go on first");
    }
    VTN_TRY(go_on(stop->signal));
  }
}

Status HeldThread::save() {
  is_changed_ = false;
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
  stack_ = saved_.registers.rsp - kRedZone;
  return {};
}

bool HeldThread::restore() {
  const user_regs_struct registers = resumed_by_kernel(memory_.pid(), tid_, saved_.registers);
  if (!is_changed_) {
    return trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) == 0;
  }
  if (errno_address_ != 0) {
    (void)memory_.write(errno_address_, &errno_, sizeof(errno_));
  }
  iovec vectors = {saved_.vectors.data(), saved_.vectors.size()};
  // The registers last: while a system call is in them it must not be begun again.
  const bool restored =
      trace(PTRACE_SETREGSET, tid_, NT_X86_XSTATE, address_of(vectors)) == 0 &&
      trace(PTRACE_SETSIGMASK, tid_, sizeof(uint64_t), address_of(saved_.signal_mask)) == 0 &&
      trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) == 0;
  is_changed_ = !restored;
  return restored;
}

Result<uint64_t> HeldThread::put(std::string_view bytes) {
  const uint64_t at = (stack_ - bytes.size()) & ~uint64_t{15};
  VTN_TRY(memory_.write(at, bytes.data(), bytes.size()));
  stack_ = at;
  return at;
}

Result<uint64_t> HeldThread::call(uint64_t function,
                                  std::initializer_list<uint64_t> arguments,
                                  uint64_t deadline_ns) {
  if (state_ != State::kStopped) {
    return fail_here("is not held", ESRCH);
  }
  user_regs_struct registers = saved_.registers;
  decltype(registers.rdi)* const places[] = {
      &registers.rdi, &registers.rsi, &registers.rdx, &registers.rcx, &registers.r8, &registers.r9};
  size_t count = 0;
  for (const uint64_t argument : arguments) {
    *places[count++] = argument;
  }
  // As after a call instruction: the return address on a stack that was aligned before. Above it
  // there is room for a way back.
  const uint64_t room = way_back_limit_bytes(saved_.vectors.size());
  return_slot_ = ((stack_ - room) & ~uint64_t{15}) - sizeof(kReturnAddress);
  VTN_TRY(memory_.write(return_slot_, &kReturnAddress, sizeof(kReturnAddress)));
  registers.rsp = return_slot_;
  registers.rip = function;
  registers.rax = 0;
  registers.orig_rax = kNoSyscall;
  registers.eflags &= ~(kDirectionFlag | kTrapFlag);
  const uint64_t mask = all_but_faults();
  is_changed_ = true;
  if (trace(PTRACE_SETSIGMASK, tid_, sizeof(mask), address_of(mask)) != 0 ||
      trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) != 0) {
    return fail_here("cannot be made to call a function");
  }
  VTN_TRY(go_on(0));
  state_ = State::kCalling;
  return end_of_call(deadline_ns);
}

Result<uint64_t> HeldThread::end_of_call(uint64_t deadline_ns) {
  while (true) {
    VTN_ASSIGN(const Stop stop, next_stop(deadline_ns));
    if (stop.event != 0 || !is_fault(stop.signal)) {
      // A stop of the whole process: this thread takes part in it when it is let go.
      VTN_TRY(go_on(stop.event != 0 ? 0 : stop.signal));
      continue;
    }
    if (signal_code().value_or(0) <= 0) {  // sent by somebody
      put_off_.push_back(stop.signal);
      VTN_TRY(go_on(0));
      continue;
    }
    state_ = State::kStopped;
    if (const auto result = returned(stop)) {
      return *result;
    }
    return fail_here(std::string("crashed in a call of ours (") + strsignal(stop.signal) +
                         "), which was taken back",
                     EFAULT);
  }
}

std::optional<uint64_t> HeldThread::returned(const Stop& stop) const {
  user_regs_struct now = {};
  const bool is_return = stop.event == 0 && stop.signal == SIGSEGV &&
                         trace(PTRACE_GETREGS, tid_, 0, address_of(now)) == 0 &&
                         now.rip == kReturnAddress &&
                         now.rsp == return_slot_ + sizeof(kReturnAddress);
  return is_return ? std::optional<uint64_t>(now.rax) : std::nullopt;
}

Status HeldThread::keep_errno(uint64_t address) {
  VTN_TRY(memory_.read(address, &errno_, sizeof(errno_)));
  errno_address_ = address;
  return {};
}

void HeldThread::end_syscall(int code) {
  saved_.registers.rax = static_cast<unsigned long>(-code);
  saved_.registers.orig_rax = kNoSyscall;
}

std::optional<int> HeldThread::signal_code() const {
  siginfo_t info = {};
  return trace(PTRACE_GETSIGINFO, tid_, 0, address_of(info)) == 0 ? std::optional(info.si_code)
                                                                  : std::nullopt;
}

bool HeldThread::is_at(uint64_t address, int trap_code) const {
  user_regs_struct now = {};
  return signal_code() == trap_code && trace(PTRACE_GETREGS, tid_, 0, address_of(now)) == 0 &&
         now.rip == address;
}

Status HeldThread::watch(uint64_t address) {
  if (trace(PTRACE_POKEUSER, tid_, kAddressRegister, address) != 0 ||
      trace(PTRACE_POKEUSER, tid_, kControlRegister, address != 0 ? kExecuteAtFirst : 0) != 0) {
    return fail_here(std::string("cannot be stopped at a function: ") + strerror(errno) +
                     " (a processor without breakpoints)");
  }
  return {};
}

Status HeldThread::run_to(uint64_t address, uint64_t deadline_ns) {
  if (state_ != State::kStopped) {
    return fail_here("is not held", ESRCH);
  }
  if (!restore()) {
    return fail_here("does not take its registers back");
  }
  errno_address_ = 0;
  VTN_TRY(watch(address));
  VTN_TRY(go_on(0));
  held_ns_ = held_ns();
  stopped_ns_ = 0;
  bool is_late = false;
  while (true) {
    // Left to itself it would be killed by the trap: what is late is waited for, however long.
    const auto stop = next_stop(is_late ? kForever : deadline_ns);
    if (!stop && stop.error().code == ETIMEDOUT && !is_late) {
      is_late = true;
      (void)trace(PTRACE_INTERRUPT, tid_, 0, 0);
      continue;
    }
    if (!stop) {
      release();
      return tl::unexpected(stop.error());
    }
    if (stop->event == PTRACE_EVENT_STOP && stop->signal != SIGTRAP && !is_late) {
      (void)trace(PTRACE_LISTEN, tid_, 0, 0);
      continue;
    }
    const bool is_there =
        stop->event == 0 && stop->signal == SIGTRAP && is_at(address, TRAP_HWBKPT);
    if (!is_there && !(is_late && stop->event == PTRACE_EVENT_STOP)) {
      VTN_TRY(go_on(stop->event != 0 ? 0 : stop->signal));
      continue;
    }
    stopped_ns_ = monotonic_ns();
    (void)watch(0);
    VTN_TRY(save());
    return is_there ? Status() : Status(fail_here("did not come to a function in time", ETIMEDOUT));
  }
}

// A call that takes too long. It may hold locks, so it must come to its end, for which we do not
// wait: what it returns to is made a way back to where the thread was, which needs no help of ours.
void HeldThread::leave_call() {
  const auto code = find_signal_return(memory_.pid());
  const uint64_t frame_at = return_slot_ + sizeof(kReturnAddress);
  const std::string frame =
      way_back_frame(frame_at, saved_.registers, saved_.vectors, saved_.signal_mask);
  // The frame first: the thread runs, and may be about to return.
  if (!code || !memory_.write(frame_at, frame.data(), frame.size()) ||
      !memory_.write(return_slot_, &*code, sizeof(*code))) {
    (void)end_of_call(kForever);
    return;
  }
  (void)trace(PTRACE_INTERRUPT, tid_, 0, 0);
  const uint64_t deadline_ns = monotonic_ns() + kInterruptLimitNs;
  while (state_ == State::kCalling) {
    const auto stop = next_stop(deadline_ns);
    if (!stop) {
      state_ = State::kReleased;  // with our thread's end
    } else if (stop->event == PTRACE_EVENT_STOP) {
      release();
    } else if (returned(*stop)) {
      state_ = State::kStopped;
    } else {
      (void)go_on(stop->signal);
    }
  }
}

// The thread is stopped, or has ended.
void HeldThread::release() {
  (void)trace(PTRACE_DETACH, tid_, 0, 0);
  state_ = State::kReleased;
  held_ns_ = held_ns();
  stopped_ns_ = 0;
  for (const int signal : put_off_) {
    (void)syscall(SYS_tgkill, memory_.pid(), tid_, signal);
  }
  put_off_.clear();
}

void HeldThread::let_go() {
  if (state_ == State::kCalling) {
    leave_call();
  }
  if (state_ == State::kStopped) {
    (void)restore();
    release();
  }
}

uint64_t HeldThread::held_ns() const {
  return held_ns_ + (stopped_ns_ != 0 ? monotonic_ns() - stopped_ns_ : 0);
}

}  // namespace vtn::attach
