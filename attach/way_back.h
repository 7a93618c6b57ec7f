// SPDX-License-Identifier: Apache-2.0
//
// How a thread finds back by itself to where it was, without whoever took it away: a frame as the
// kernel makes one for a signal handler, and the C library's own code that ends a handler. x86-64.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/result.h"

namespace vtn::attach {

// No frame is longer, for vector registers of this many bytes.
uint64_t way_back_limit_bytes(uint64_t vectors_bytes);

// What is to lie at `at`, where the stack pointer is when that code is returned to. A system call
// that was in the registers is begun again, or (where only the kernel knew how much of its time was
// left) has been interrupted.
std::string way_back_frame(uint64_t at,
                           const user_regs_struct& registers,
                           const std::vector<char>& vectors,
                           uint64_t signal_mask);

// What of a process's C library it takes; nothing: it is not known.
struct ReturnCode {
  uint64_t signal_return = 0;  // ends a handler: rt_sigreturn(2)
  uint64_t syscall = 0;        // makes any system call, and returns
};
std::optional<ReturnCode> find_return_code(pid_t pid);

}  // namespace vtn::attach
