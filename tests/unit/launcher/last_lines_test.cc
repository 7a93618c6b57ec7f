// SPDX-License-Identifier: Apache-2.0
#include "launcher/last_lines.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/recording.h"

namespace vtn::test {
namespace {

// What is said of a run of one call, were it so many slices.
std::string said_of(uint64_t slices, const std::vector<const char*>& outputs) {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f");
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  thread.leave(3000, f);
  auto recorded = run.read();
  auto model = recorded->take_model();
  model->threads.at(0).calls = slices;
  const auto spool = spool::Reader::adopt(recorded->take_fd(), "spool", std::move(model));
  report::ReportSettings settings;
  for (const char* name : outputs) {
    bool gzip = false;
    settings.outputs.push_back({name, report::format_of_name(name, gzip), gzip});
  }
  const UniqueFd said = create_file(run.folder.file("said"));
  const int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  (void)dup2(said.get(), STDERR_FILENO);
  launcher::say_last_lines(*spool, settings, nullptr);
  (void)dup2(saved, STDERR_FILENO);
  (void)close(saved);
  return read_file(run.folder.file("said")).value();
}

bool warned(const std::string& said) {
  return said.find("slices are more than viewers open") != said.npos;
}

}  // namespace

TEST_CASE("last lines: who is given more than viewers open is warned", "[last_lines]") {
  CHECK(!warned(said_of(15'000'000, {"/x.json"})));
  const std::string said = said_of(15'000'001, {"/x.json"});
  CHECK(warned(said));
  CHECK(said.find("15,000,001 slices are more than viewers open as a rule (15,000,000)") !=
        said.npos);
}

TEST_CASE("last lines: a report that no viewer opens may be of any size", "[last_lines]") {
  CHECK(!warned(said_of(15'000'001, {"/x.txt", "/x.vtn", "/x.pstats", "/x.pb.gz"})));
  CHECK(warned(said_of(15'000'001, {"/x.txt", "/x.pftrace.gz"})));
}

}  // namespace vtn::test
