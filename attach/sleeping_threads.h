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

// Those that sleep in a safe system call, with enough of a stack; the first one first. Where the
// kernel does not tell of system calls, all those that sleep.
std::vector<pid_t> find_sleeping_threads(pid_t pid, const LoadedObjects& objects);

// The same of a thread that is held, by its registers.
bool is_safely_asleep(const user_regs_struct& registers, const LoadedObjects& objects);

// Whether its stack has room for calls: enough for the dynamic linker, and for a library's
// constructors. (The first thread's stack grows by itself.)
bool has_room_on_stack(uint64_t stack_pointer, const LoadedObjects& objects);

}  // namespace vtn::attach
