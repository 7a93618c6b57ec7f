// SPDX-License-Identifier: Apache-2.0
//
// Which threads of a process sleep where they may be made to call functions. They are looked at,
// not stopped; where a thread is has to be looked at again once it is held.
#pragma once

#include <vector>

#include <sys/types.h>
#include <sys/user.h>

#include "attach/elf_symbols.h"

namespace vtn::attach {

// All threads, the first one first.
std::vector<pid_t> threads_of(pid_t pid);

// Those that sleep in a safe system call; the first one first. Where the kernel does not tell of
// system calls, all those that sleep.
std::vector<pid_t> find_sleeping_threads(pid_t pid);

// Of a thread that is held: whether it does, called by the C library, and on a stack with room.
bool is_safely_asleep(const user_regs_struct& registers, const LoadedObjects& objects);

// Whether it is on the stack that it was made with, not on one of a coroutine's or a signal
// handler's, with room for calls: enough for the dynamic linker, and for a library's constructors.
bool has_room_on_stack(const user_regs_struct& registers, const LoadedObjects& objects);

}  // namespace vtn::attach
