// SPDX-License-Identifier: Apache-2.0
#include "collector/spool_file.h"

#include <filesystem>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/file.h"
#include "tests/support/catch.h"
#include "tests/support/own_session.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {

TEST_CASE("spool file: its name is told from others", "[collector]") {
  CHECK(collector::is_spool_name(".out.json.vtn-aB3xY9"));
  CHECK(collector::is_spool_name("/a/.b.vtn-abcdef"));
  // Beside an output that has such a name itself.
  CHECK(collector::is_spool_name("/a/.b.vtn-abcdef.vtn-ghijkl"));
  CHECK(collector::is_spool_name("/a.vtn-abcdef/.b.vtn-.vtn-ghijkl"));
  CHECK_FALSE(collector::is_spool_name("/a/.b.vtn-abcdef.vtn-"));
  CHECK_FALSE(collector::is_spool_name("/a/.b.vtn-abcdef.vtn-ghijklm"));
  CHECK_FALSE(collector::is_spool_name("/a/b.vtn-abcdef"));
  CHECK_FALSE(collector::is_spool_name("/a/.vtn-abcdef"));
  CHECK_FALSE(collector::is_spool_name("/a/.out.json.part-abcdef"));
  CHECK_FALSE(collector::is_spool_name("/a/.b.vtn-abcdef/out.vtn"));
}

TEST_CASE("spool file: it lies beside the output, or in /tmp, and the session leads to it",
          "[collector]") {
  const TemporaryFolder folder;
  const OwnSession own;
  for (const std::string& output : {folder.file("out.json"), std::string("/dev/null")}) {
    auto begun = collector::begin_spool(own.session, output, "x.py", "1.0");
    REQUIRE(begun.has_value());
    CHECK(folder_of(begun->path) == (output == "/dev/null" ? "/tmp" : folder.path()));
    CHECK(collector::is_spool_name(begun->path));
    CHECK(own.spool() == begun->path);
    begun->spool.reset();
    CHECK(collector::open_finished_spool(begun->path).has_value());
    (void)std::filesystem::remove(begun->path);
  }
}

TEST_CASE("spool file: where it cannot be begun nothing is left", "[collector]") {
  const TemporaryFolder folder;
  const OwnSession own;
  auto begun = collector::begin_spool(own.session, folder.file("no/such/out.json"), "x.py", "1.0");
  REQUIRE_FALSE(begun.has_value());
  CHECK(begun.error().code == ENOENT);
  // There is room for no header, for a header alone.
  auto* old = signal(SIGXFSZ, SIG_IGN);
  struct rlimit before = {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{sizeof(spool::FileHeader)}}) {
    const struct rlimit small = {bytes, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    begun = collector::begin_spool(own.session, folder.file("out.json"), "x.py", "1.0");
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    REQUIRE_FALSE(begun.has_value());
    CHECK(begun.error().code == EFBIG);
    CHECK(std::filesystem::is_empty(folder.path()));
    CHECK(own.spool().empty());
  }
  (void)signal(SIGXFSZ, old);
}

}  // namespace vtn::test
