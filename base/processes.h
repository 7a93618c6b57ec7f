// SPDX-License-Identifier: Apache-2.0
//
// What the kernel tells about processes that are not our children: by pidfd, and by /proc. Nothing
// here is certain to be there: kernels are old, /proc is another namespace's or hidden.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>
#include <sys/types.h>

#include "base/fd.h"

namespace vtn {

struct ProcessStat {
  char state = 0;  // as in /proc/PID/stat: 'Z' is dead and not waited for yet
  uint32_t parent_pid = 0;
  uint64_t start_jiffies = 0;               // since boot
  std::optional<int32_t> wait_status = {};  // of a zombie
};

// A process as the recorder sees it, from its own pid namespace. 0: it cannot be found any more.
struct SeenProcess {
  uint32_t pid = 0;
  uint32_t parent_pid = 0;  // only looked up for a process of another namespace
};

// Nothing: there is no such process (or no /proc of our namespace).
std::optional<ProcessStat> read_process_stat(pid_t pid);

// When it was started, by CLOCK_MONOTONIC; exact to 10 ms.
uint64_t started_at_ns(const ProcessStat& stat);

// Its arguments, each with a NUL; empty: it has none, or they cannot be read.
std::string read_command_line(pid_t pid);

// The file that it runs; empty: it has none any more, or it cannot be told.
std::string read_executable(pid_t pid);

// Whether it has a file mapped whose path has this in it; nothing: it cannot be told.
std::optional<bool> maps_file(pid_t pid, std::string_view part_of_path);

// An empty descriptor with errno set: ESRCH, EMFILE, ENOSYS ...
UniqueFd open_pidfd(pid_t pid);

// How the process ended that the pidfd is of; from Linux 6.15 on, once its parent has waited for
// it.
std::optional<int32_t> exit_status_of(int pidfd);

// Those that any of its threads has started and that live, as /proc has them.
std::vector<pid_t> children_of(pid_t pid);

// A process of another pid namespace by the pid it sees itself under. `parent_pid` is its parent's
// in ours if that is known: looked at first. Reads all of /proc at the worst.
SeenProcess find_in_namespace(uint32_t pid_namespace, uint32_t own_pid, uint32_t parent_pid);

// The inode that stands for our pid namespace; 0: unknown.
uint32_t own_pid_namespace();

}  // namespace vtn
