// SPDX-License-Identifier: Apache-2.0
//
// What the registers of a stopped thread say of the system call that it is in. x86-64.
#pragma once

#include <optional>

#include <sys/types.h>
#include <sys/user.h>

namespace vtn::attach {

// The number of the call that the stop has interrupted, and that has done nothing yet.
std::optional<long> interrupted_syscall(const user_regs_struct& registers);

// Whether a thread that sleeps in it can be made to call functions that allocate and load: it is
// called by programs that wait for the world or for each other, and by no allocator and no dynamic
// linker. `operation` is its second argument, which tells of a futex what kind it is.
bool is_safe_sleep(long syscall, unsigned long operation);

// The registers with which the thread goes on as the program expects it. The kernel itself begins
// most calls again after a stop; not epoll_wait(2), which fails with EINTR. If it has no time
// limit, and no signal is there to be told of, it is begun again here.
user_regs_struct resumed_by_kernel(pid_t pid, pid_t tid, const user_regs_struct& registers);

// The same where no kernel looks at them: see way_back.h.
user_regs_struct resumed_by_hand(const user_regs_struct& registers);

}  // namespace vtn::attach
