// SPDX-License-Identifier: Apache-2.0
//
// A process that can start no thread, as under a limit (RLIMIT_NPROC, a cgroup's pids.max), which
// would not bind root or would take a cgroup: a filter of system calls refuses it.
#pragma once

#include <functional>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/catch.h"
#include "tests/support/forked.h"

namespace vtn::test {

inline bool refuse_threads() {
  // The C library falls back to clone where there is no clone3, whose flags a filter cannot see.
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// What `body` returned in a child that can start none. `meanwhile` runs here.
inline int without_threads(
    const std::function<int()>& body, const std::function<void()>& meanwhile = [] {}) {
  const int status = status_of_forked([&] { return refuse_threads() ? body() : 77; }, meanwhile);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace vtn::test
