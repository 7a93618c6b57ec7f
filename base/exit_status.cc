// SPDX-License-Identifier: Apache-2.0
#include "base/exit_status.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/processes.h"

namespace vtn {

std::optional<int> status_of_ended(int pidfd, pid_t pid) {
  const auto stat = read_process_stat(pid);
  // What was read is of this process if its pid is still taken.
  if (stat && stat->wait_status && syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) == 0) {
    return stat->wait_status;
  }
  return exit_status_of(pidfd);
}

}  // namespace vtn
