// SPDX-License-Identifier: Apache-2.0
#include "launcher/exit_status.h"

#include <string>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

namespace vtn {

namespace {

// As of Linux 6.13, which grew at its end since; the kernel fills in as much as is asked for.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_status;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr unsigned long kGetInfo = _IOWR(0xff, 11, PidfdInfo);
constexpr uint64_t kInfoExit = 1u << 3;  // valid once the process has been waited for

constexpr int kStateField = 3;
constexpr int kExitCodeField = 52;

// The kernel shows 0 for the exit code of a process that the reader may not look into.
bool may_look_into(const std::string& status) {
  if (geteuid() == 0) {
    return true;
  }
  const size_t line = status.find("\nUid:");
  uid_t ids[3];
  return line != status.npos &&
         sscanf(status.c_str() + line, "\nUid: %u %u %u", &ids[0], &ids[1], &ids[2]) == 3 &&
         ids[0] == geteuid() && ids[1] == geteuid() && ids[2] == geteuid();
}

// While it is a zombie.
std::optional<int> status_in_proc(int pidfd, pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto stat = read_file(folder + "/stat");
  const auto status = read_file(folder + "/status");
  if (!stat || !status || !may_look_into(*status)) {
    return std::nullopt;
  }
  // What was read is of this process if its pid is still taken.
  if (syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0) {
    return std::nullopt;
  }
  size_t at = stat->rfind(')');
  for (int field = kStateField; at != stat->npos; ++field) {
    at = stat->find(' ', at + 1);
    if (at == stat->npos || (field == kStateField && (*stat)[at + 1] != 'Z')) {
      break;
    }
    if (field == kExitCodeField) {
      return static_cast<int>(strtol(stat->c_str() + at, nullptr, 10));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> status_of_ended(int pidfd, pid_t pid) {
  if (const auto status = status_in_proc(pidfd, pid)) {
    return status;
  }
  PidfdInfo info = {};
  info.mask = kInfoExit;
  if (ioctl(pidfd, kGetInfo, &info) == 0 && (info.mask & kInfoExit) != 0) {
    return info.exit_status;
  }
  return std::nullopt;
}

}  // namespace vtn
