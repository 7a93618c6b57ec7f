// SPDX-License-Identifier: Apache-2.0
//
// Pages are written on several threads, and read again where they are too coarse. What lies in them
// is compared with the calls of a run by the end-to-end tests; here the sanitizers look on.
#include <random>
#include <string>

#include "base/file.h"
#include "report/html/window.h"
#include "report/html/writer.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

constexpr int kThreads = 5;
constexpr int kEventsOfThread = 30'000;

void call_at_random(FakeProcess& process) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 20; ++i) {
    ids.push_back(process.python("f" + std::to_string(i), "/tmp/x.py", i + 1));
  }
  for (int number = 0; number < kThreads; ++number) {
    FakeThread thread = process.thread(100 + static_cast<uint32_t>(number));
    std::mt19937 random(static_cast<uint32_t>(number));
    std::vector<uint32_t> open;
    uint64_t now = 2000;
    for (int i = 0; i < kEventsOfThread; ++i) {
      now += 1 + random() % 200;
      if (open.empty() || (open.size() < 12 && random() % 2 == 0)) {
        open.push_back(ids[random() % ids.size()]);
        thread.enter(now, open.back());
      } else {
        thread.leave(now, open.back());
        open.pop_back();
      }
    }
    thread.finish();
  }
}

uint64_t number_in(const std::string& page, const std::string& key) {
  const size_t at = page.find("\"" + key + "\":");
  REQUIRE(at != std::string::npos);
  return std::stoull(page.substr(at + key.size() + 3));
}

}  // namespace

TEST_CASE("A page holds every call, or says how many are folded", "[html]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  call_at_random(process);
  const auto spool = run.read();
  uint64_t calls = 0;
  for (const spool::ThreadInfo& thread : spool->model().threads) {
    calls += thread.calls;
  }
  report::WriteRequest request;
  request.path = run.folder.file("r.html");
  request.settings.workers = 4;
  for (const uint64_t most_rows : {uint64_t{0}, uint64_t{5000}}) {
    request.settings.most_rows = most_rows;
    REQUIRE(report::write_html(*spool, request).has_value());
    const std::string page = read_file(request.path).value();
    CHECK(number_in(page, "calls") == calls);
    CHECK(number_in(page, "kept_calls") + number_in(page, "folded_calls") == calls);
    CHECK((most_rows == 0) == (number_in(page, "folded_calls") == 0));
    CHECK(page.find("id=\"vtn-end\"") != std::string::npos);
  }
}

TEST_CASE("A stretch of time has the calls that end in it", "[html]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  call_at_random(process);
  const auto spool = run.read();
  const spool::ClockMap clock(static_cast<ClockKind>(spool->model().header.clock_kind),
                              spool->model().clock);
  const report::Picture picture(spool->model(), clock, false);
  const report::PageWindows windows(*spool, picture);
  REQUIRE(windows.threads() == kThreads);
  const auto all = windows.rows(2, 0, UINT64_MAX / 2, 1'000'000);
  REQUIRE(all.has_value());
  CHECK(all->size() > kEventsOfThread);
  const auto some = windows.rows(2, 100'000, 110'000, 1'000'000);
  REQUIRE(some.has_value());
  CHECK(some->size() <= all->size());
  const auto none = windows.rows(2, 0, UINT64_MAX / 2, 10);
  REQUIRE(none.has_value());
  CHECK(none->find("\"too_many\":true") != std::string::npos);
  CHECK(!windows.rows(kThreads, 0, 1, 10).has_value());
  CHECK(!windows.rows(0, 2, 1, 10).has_value());
}

}  // namespace vtn::test
