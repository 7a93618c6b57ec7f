// SPDX-License-Identifier: Apache-2.0
//
// How large the arena may be, and which clock to stamp with: what the machine allows.
#pragma once

#include <string>

#include <stdint.h>

#include "abi/session_abi.h"

namespace vtn::session {

// The limits that the arena's size follows from. UINT64_MAX: no limit.
struct MemoryLimits {
  uint64_t file_system_free_bytes = UINT64_MAX;  // where the arena file lies
  uint64_t cgroup_bytes = UINT64_MAX;            // memory.max; shared memory is charged to it
  uint64_t address_space_bytes = UINT64_MAX;     // RLIMIT_AS: the program maps the arena whole
  uint64_t file_bytes = UINT64_MAX;              // RLIMIT_FSIZE
};

MemoryLimits read_memory_limits(const std::string& folder);

// min(256 MiB, a quarter of the free space, a sixteenth of the cgroup's memory and of the address
// space), in whole MiB where it is that much. May be below kSmallestArenaBytes: then there is no
// room for a session here.
uint64_t arena_size(const MemoryLimits& limits);

// The least memory.max from this process's cgroup up to the root. `proc_cgroup` is the text of
// /proc/self/cgroup, `root` the mount point (/sys/fs/cgroup). Version 2 and version 1.
uint64_t cgroup_memory_limit(const std::string& proc_cgroup, const std::string& root);

// The TSC where it is invariant and the kernel itself counts by it, else CLOCK_MONOTONIC.
ClockKind choose_clock();

}  // namespace vtn::session
