// SPDX-License-Identifier: Apache-2.0
#include "launcher/last_lines.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/recording.h"

namespace vtn::test {
namespace {

// What is said of a run of one call, were it so many slices.
std::string said_of(uint64_t slices,
                    const std::vector<const char*>& outputs,
                    bool full,
                    std::vector<report::Folding> foldings = {}) {
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
  settings.full = full;
  foldings.resize(outputs.size());
  const UniqueFd said = create_file(run.folder.file("said"));
  const int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  (void)dup2(said.get(), STDERR_FILENO);
  launcher::say_last_lines(*spool, settings, foldings, nullptr);
  (void)dup2(saved, STDERR_FILENO);
  (void)close(saved);
  return read_file(run.folder.file("said")).value();
}

bool warned(const std::string& said) {
  return said.find("slices are more than viewers open") != said.npos;
}

}  // namespace

TEST_CASE("last lines: who is given more than viewers open is warned", "[last_lines]") {
  CHECK(!warned(said_of(15'000'000, {"/x.json"}, true)));
  const std::string said = said_of(15'000'001, {"/x.json"}, true);
  CHECK(warned(said));
  CHECK(said.find("15,000,001 slices are more than viewers open as a rule (15,000,000); without "
                  "--full those that are too short are folded") != said.npos);
  CHECK(!warned(said_of(15'000'001, {"/x.json"}, false)));
}

TEST_CASE("last lines: a report that no viewer opens may be of any size", "[last_lines]") {
  CHECK(!warned(said_of(15'000'001, {"/x.txt", "/x.vtn", "/x.pstats", "/x.pb.gz"}, true)));
  CHECK(warned(said_of(15'000'001, {"/x.txt", "/x.pftrace.gz"}, true)));
}

TEST_CASE("last lines: what is folded, and where every call is", "[last_lines]") {
  const std::string said = said_of(2000, {"/x.json", "/y.vtn"}, false, {{1500, 1800, 90}, {}});
  CHECK(said.find("x.json: calls shorter than 1.50 us are folded, 1,800 calls in 90 slices\n") !=
        said.npos);
  CHECK(said.find("each call is in /y.vtn: viztracer-native view shows it") != said.npos);
  CHECK(said_of(2000, {"/x.json"}, false).find("folded") == said.npos);
}

}  // namespace vtn::test
