// SPDX-License-Identifier: Apache-2.0
#include "base/processes.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace vtn::test {

TEST_CASE("processes: one whose memory is being taken down is not said to map nothing", "[base]") {
  constexpr int kProcesses = 300;
  constexpr int kMappings = 2000;  // a list that takes many reads
  const long page = sysconf(_SC_PAGESIZE);
  int wrong = 0;
  int right = 0;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      char* at = static_cast<char*>(mmap(nullptr,
                                         static_cast<size_t>(page * kMappings),
                                         PROT_READ,
                                         MAP_PRIVATE | MAP_ANONYMOUS,
                                         -1,
                                         0));
      for (int k = 0; at != MAP_FAILED && k < kMappings; k += 2) {
        (void)mprotect(at + k * page, static_cast<size_t>(page), PROT_NONE);
      }
      _exit(0);
    }
    REQUIRE(pid > 0);
    siginfo_t info = {};
    while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0) {
      const auto answer = maps_file(pid, "[stack]");  // near the end of the list
      wrong += answer == false ? 1 : 0;
      right += answer == true ? 1 : 0;
    }
    REQUIRE(waitpid(pid, nullptr, 0) == pid);
  }
  CHECK(right > 0);
  CHECK(wrong == 0);
}

}  // namespace vtn::test
