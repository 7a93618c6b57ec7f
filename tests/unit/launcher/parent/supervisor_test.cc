// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/supervisor.h"

#include "tests/support/catch.h"
#include "tests/support/forked.h"

namespace vtn::launcher {
namespace {

using test::exited_with;
using test::status_of_forked;

// The status of a supervised run of a shell script, untraced, as who started it sees it.
int supervised(const std::string& script) {
  return status_of_forked([&]() -> int {
    SupervisorRequest request;
    request.signals = take_over_signals();
    request.program = {"/bin/sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin"}};
    end_as(supervise(request).wait_status);
  });
}

TEST_CASE("supervisor: ends as the program does", "[supervisor]") {
  CHECK(supervised("exit 0") == exited_with(0));
  CHECK(supervised("exit 42") == exited_with(42));
  CHECK(supervised("kill -KILL $$") == SIGKILL);
  CHECK(supervised("kill -SEGV $$") == SIGSEGV);
}

TEST_CASE("supervisor: what is sent to it alone reaches the program", "[supervisor]") {
  CHECK(supervised("trap 'exit 5' USR1; setsid kill -USR1 $PPID; while :; do :; done") ==
        exited_with(5));
}

TEST_CASE("supervisor: what the program sends to its group comes once", "[supervisor]") {
  CHECK(supervised("n=0; trap 'n=$((n + 1))' USR1; trap 'exit $n' USR2; kill -USR1 0; "
                   "setsid kill -USR2 $PPID; while :; do :; done") == exited_with(1));
}

TEST_CASE("supervisor: a program that cannot be started gives a shell's status", "[supervisor]") {
  CHECK(status_of_forked([]() -> int {
          SupervisorRequest request;
          request.signals = take_over_signals();
          request.program = {"/nowhere/program", {"program"}, {}};
          end_as(supervise(request).wait_status);
        }) == exited_with(127));
}

TEST_CASE("supervisor: children that the program leaves behind are not waited for",
          "[supervisor]") {
  CHECK(supervised("sleep 300 & exit 6") == exited_with(6));
}

}  // namespace
}  // namespace vtn::launcher
