// SPDX-License-Identifier: Apache-2.0
#include "collector/recovery.h"

#include <filesystem>

#include <errno.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "collector/spool_file.h"
#include "tests/support/catch.h"
#include "tests/support/own_session.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {
namespace {

Result<collector::Recovered> recover(const OwnSession& own, const std::string& output) {
  return collector::recover({own.session.folder, output, {}, "x.py", "1.0"});
}

}  // namespace

TEST_CASE("recovery: a session without a spool gets one", "[collector]") {
  const TemporaryFolder folder;
  const OwnSession own;
  auto recovered = recover(own, folder.file("out.json"));
  REQUIRE(recovered.has_value());
  CHECK(recovered->may_move_spool);
  CHECK_FALSE(recovered->some_live_on);
  CHECK(recovered->spool->path() == own.spool());
  CHECK(collector::is_spool_name(own.spool()));
  CHECK(folder_of(own.spool()) == folder.path());
  const spool::Model& model = recovered->spool->model();
  CHECK(model.command_line == "x.py");
  CHECK(model.has_run_end);
  CHECK(spool::spool_error_text(model.run_end).empty());
  // A second one finds it closed, and takes it as it is.
  recovered = recover(own, folder.file("other.json"));
  REQUIRE(recovered.has_value());
  CHECK(recovered->spool->path() == own.spool());
  CHECK(recovered->spool->closed());
}

TEST_CASE("recovery: where a spool cannot be made it may be tried again elsewhere", "[collector]") {
  const TemporaryFolder folder;
  const OwnSession own;
  const auto failed = recover(own, folder.file("no/such/out.json"));
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ENOENT);
  CHECK(own.spool().empty());
  CHECK(recover(own, folder.file("out.json")).has_value());
}

TEST_CASE("recovery: a spool that is not there any more is made anew", "[collector]") {
  const TemporaryFolder folder;
  const OwnSession own;
  REQUIRE(recover(own, folder.file("out.json")).has_value());
  const std::string first = own.spool();
  REQUIRE(std::filesystem::remove(first));
  const auto recovered = recover(own, folder.file("out.json"));
  REQUIRE(recovered.has_value());
  CHECK(own.spool() != first);
  CHECK(recovered->spool->path() == own.spool());
}

TEST_CASE("recovery: why the spool could not be written is known to it", "[collector]") {
  const TemporaryFolder folder;
  const OwnSession own;
  ControlPage* control = own.session.arena.control;
  store_relaxed(&control->state, static_cast<uint32_t>(SessionState::kSpoolFull));
  store_relaxed(&control->spool_error, uint32_t{EDQUOT});
  const auto recovered = recover(own, folder.file("out.json"));
  REQUIRE(recovered.has_value());
  CHECK(spool::spool_error_text(recovered->spool->model().run_end) == "Disk quota exceeded");
}

}  // namespace vtn::test
