// SPDX-License-Identifier: Apache-2.0
//
// Whether a running process can be attached to, and what it is. It is looked at only: nothing is
// stopped. Each refusal is a line for the user: what, why, and what to try.
#pragma once

#include <string>

#include <stdint.h>
#include <sys/types.h>

#include "base/result.h"

namespace vtn::attach {

struct TargetProcess {
  pid_t pid = 0;
  uint32_t python = 0;  // its CPython: 0x030c for 3.12
  bool is_free_threaded = false;
};

// A process that runs CPython, and that the kernel lets us trace.
Result<TargetProcess> look_at_target(pid_t pid);

// The part of it that asks for no Python: a 64-bit program that is running, and may be traced.
Status check_traceable(pid_t pid);

// Which CPython, of a process that may be traced.
Result<TargetProcess> find_python(pid_t pid);

}  // namespace vtn::attach
