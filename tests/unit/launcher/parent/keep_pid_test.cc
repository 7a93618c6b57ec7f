// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent/keep_pid.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "tests/support/catch.h"

namespace vtn {

TEST_CASE("keep_pid: a guardian that is late is told from one that is ready or not there",
          "[keep_pid]") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  CHECK(launcher::guardian_is_ready(ours.get(), 0) == false);
  REQUIRE(send(theirs.get(), "", 1, 0) == 1);
  CHECK(launcher::guardian_is_ready(ours.get(), -1) == true);
  theirs.reset();
  CHECK_FALSE(launcher::guardian_is_ready(ours.get(), -1).has_value());
}

}  // namespace vtn
