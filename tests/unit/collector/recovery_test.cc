// SPDX-License-Identifier: Apache-2.0
#include "collector/recovery.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "collector/spool_file.h"
#include "session/session.h"
#include "spool/writer.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {
namespace {

// A session whose collector has died.
class DeadSession {
 public:
  DeadSession() {
    auto created = session::create_session({"", "/lib/shim.so", {}});
    REQUIRE(created.has_value());
    session_ = std::move(*created);
  }
  ~DeadSession() { session::remove_session(session_.folder); }
  DeadSession(const DeadSession&) = delete;
  DeadSession& operator=(const DeadSession&) = delete;

  ControlPage& control() { return *session_.arena.control; }
  std::string spool() const {
    char link[4096];
    const ssize_t length =
        readlink(session_.file(session::kSpoolLinkName).c_str(), link, sizeof(link));
    return length > 0 ? std::string(link, static_cast<size_t>(length)) : "";
  }
  collector::RecoveryRequest request(const std::string& output) const {
    return {session_.folder, output, {}, "x.py", "1.0"};
  }

 private:
  session::Session session_;
};

}  // namespace

TEST_CASE("recovery: a session without a spool gets one", "[collector]") {
  const TemporaryFolder folder;
  const DeadSession session;
  auto recovered = collector::recover(session.request(folder.file("out.json")));
  REQUIRE(recovered.has_value());
  CHECK(recovered->may_move_spool);
  CHECK_FALSE(recovered->some_live_on);
  CHECK(recovered->spool->path() == session.spool());
  CHECK(collector::is_spool_name(session.spool()));
  CHECK(folder_of(session.spool()) == folder.path());
  const spool::Model& model = recovered->spool->model();
  CHECK(model.command_line == "x.py");
  CHECK(model.has_run_end);
  CHECK(spool::spool_error_text(model.run_end).empty());
  // A second one finds it closed, and takes it as it is.
  recovered = collector::recover(session.request(folder.file("other.json")));
  REQUIRE(recovered.has_value());
  CHECK(recovered->spool->path() == session.spool());
  CHECK(recovered->spool->closed());
}

TEST_CASE("recovery: why the spool could not be written is known to it", "[collector]") {
  const TemporaryFolder folder;
  DeadSession session;
  store_relaxed(&session.control().state, static_cast<uint32_t>(SessionState::kSpoolFull));
  store_relaxed(&session.control().spool_error, uint32_t{EDQUOT});
  const auto recovered = collector::recover(session.request(folder.file("out.json")));
  REQUIRE(recovered.has_value());
  CHECK(spool::spool_error_text(recovered->spool->model().run_end) == "Disk quota exceeded");
}

}  // namespace vtn::test
