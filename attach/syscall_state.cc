// SPDX-License-Identifier: Apache-2.0
#include "attach/syscall_state.h"

#include <algorithm>
#include <string>

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/file.h"

namespace vtn::attach {

namespace {

// What the kernel keeps in the result of a call that it means to begin again.
constexpr long kRestartSys = 512;
constexpr long kRestartNoIntr = 513;
constexpr long kRestartNoHand = 514;
constexpr long kRestartBlock = 516;

constexpr uint64_t kSyscallBytes = 2;  // the instruction
constexpr uint64_t kNoSyscall = ~uint64_t{0};

constexpr long kSafeSleeps[] = {
    SYS_accept,      SYS_accept4,       SYS_clock_nanosleep, SYS_connect,
    SYS_epoll_pwait, SYS_epoll_wait,    SYS_flock,           SYS_nanosleep,
    SYS_pause,       SYS_poll,          SYS_ppoll,           SYS_pselect6,
    SYS_read,        SYS_readv,         SYS_recvfrom,        SYS_recvmmsg,
    SYS_recvmsg,     SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_select,
    SYS_sendmsg,     SYS_sendto,        SYS_wait4,           SYS_waitid,
    SYS_write,       SYS_writev,
};

// Of a signal set in /proc/PID/status.
uint64_t signal_set(const std::string& status, const char* name) {
  const size_t at = status.find(name);
  return at == status.npos ? 0
                           : strtoull(status.c_str() + at + std::string(name).size(), nullptr, 16);
}

bool has_signal_waiting(pid_t pid, pid_t tid) {
  const std::string status =
      read_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/status")
          .value_or("");
  const uint64_t waiting = signal_set(status, "\nSigPnd:") | signal_set(status, "\nShdPnd:");
  return (waiting & ~signal_set(status, "\nSigBlk:")) != 0;
}

user_regs_struct begun_again(user_regs_struct registers) {
  registers.rip -= kSyscallBytes;
  registers.rax = registers.orig_rax;
  registers.orig_rax = kNoSyscall;
  return registers;
}

}  // namespace

std::optional<long> interrupted_syscall(const user_regs_struct& registers) {
  const auto number = static_cast<long>(registers.orig_rax);
  switch (-static_cast<long>(registers.rax)) {
    case kRestartSys:
    case kRestartNoIntr:
    case kRestartNoHand:
    case kRestartBlock:
    case EINTR:
      return number >= 0 ? std::optional(number) : std::nullopt;
    default:
      return {};
  }
}

bool is_safe_sleep(long syscall, unsigned long operation) {
  if (syscall == SYS_futex) {
    // Semaphores, conditions and joins wait by this one; the locks of malloc and of the dynamic
    // linker by FUTEX_WAIT.
    return (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
  }
  return std::ranges::find(kSafeSleeps, syscall) != std::end(kSafeSleeps);
}

user_regs_struct resumed_by_kernel(pid_t pid, pid_t tid, const user_regs_struct& registers) {
  const long number = interrupted_syscall(registers).value_or(-1);
  const bool is_endless_wait = (number == SYS_epoll_wait || number == SYS_epoll_pwait) &&
                               static_cast<long>(registers.rax) == -EINTR &&
                               static_cast<int>(registers.r10) < 0;
  return is_endless_wait && !has_signal_waiting(pid, tid) ? begun_again(registers) : registers;
}

user_regs_struct resumed_by_hand(const user_regs_struct& registers) {
  user_regs_struct resumed = registers;
  if (interrupted_syscall(registers)) {
    const long result = -static_cast<long>(registers.rax);
    if (result == kRestartBlock || result == EINTR) {
      resumed.rax = static_cast<unsigned long>(-EINTR);
    } else {
      resumed = begun_again(registers);
    }
  }
  return resumed;
}

}  // namespace vtn::attach
