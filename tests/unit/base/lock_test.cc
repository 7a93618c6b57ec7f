// SPDX-License-Identifier: Apache-2.0
#include "base/freestanding/lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/freestanding/pages.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

TEST_CASE("lock: in wiped pages it is free in a forked child, whoever held it", "[lock]") {
  constexpr size_t kBytes = 4096;
  auto* word = static_cast<uint32_t*>(map_wiped_pages(kBytes));
  REQUIRE(word != nullptr);
  pid_t child = 0;
  {
    const WordLock held(word);
    child = fork();
    if (child == 0) {
      (void)alarm(20);  // else it would wait for ever
      const WordLock lock(word);
      _exit(*word == 1 ? 0 : 1);
    }
    CHECK(*word == 1);
  }
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(*word == 0);
  unmap_pages(word, kBytes);
}

}  // namespace
}  // namespace vtn
