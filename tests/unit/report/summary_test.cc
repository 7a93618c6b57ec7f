// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <optional>
#include <random>

#include <simdjson.h>

#include "base/file.h"
#include "base/threads.h"
#include "report/json/writer.h"
#include "report/summary/text.h"
#include "report/summary/totals.h"
#include "report/summary/writer.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

using Sums = std::map<std::string, report::FunctionTotals>;

Sums sums_of(const spool::Reader& spool, const std::vector<uint32_t>& threads) {
  const auto totals = report::add_up(spool, report::AlsoAdd::kNothing, 2, {});
  REQUIRE(totals.has_value());
  Sums sums;
  for (const report::NamedTotals& one : report::by_function(spool.model(), *totals, threads)) {
    sums[one.function == nullptr ? "?" : one.function->name] = one.totals;
  }
  return sums;
}

void check(const report::FunctionTotals& totals, uint64_t calls, uint64_t own, uint64_t total) {
  CHECK(totals.calls == calls);
  CHECK(totals.own_ns == own);
  CHECK(totals.total_ns == total);
}

std::string written(const spool::Reader& spool,
                    const std::string& path,
                    Status (*write)(const spool::Reader&, const report::WriteRequest&)) {
  report::WriteRequest request;
  request.path = path;
  request.settings.workers = 2;
  REQUIRE(write(spool, request).has_value());
  return read_file(path).value();
}

}  // namespace

TEST_CASE("summary: own time is what calls spend outside the calls in them", "[summary]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  const uint32_t g = process.python("g", "/tmp/x.py", 9);
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  thread.enter(2100, g);
  thread.leave(2400, g);
  thread.enter(2500, g);
  thread.unwind(2600, g);
  thread.leave(3000, f);
  auto spool = run.read();
  const Sums sums = sums_of(*spool, {0});
  REQUIRE(sums.size() == 2);
  check(sums.at("f"), 1, 600, 1000);
  check(sums.at("g"), 2, 400, 400);
}

TEST_CASE("summary: of a recursion the outermost call has the total time", "[summary]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  const uint32_t g = process.python("g", "/tmp/x.py", 9);
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  thread.enter(2100, g);
  thread.enter(2200, f);
  thread.leave(2300, f);
  thread.leave(2400, g);
  thread.leave(3000, f);
  auto spool = run.read();
  const Sums sums = sums_of(*spool, {0});
  check(sums.at("f"), 2, 800, 1000);
  check(sums.at("g"), 1, 200, 300);
}

TEST_CASE("summary: what is lost is nobody's time", "[summary]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  thread.opcode(5000, Opcode::kGap, {12, static_cast<uint64_t>(GapReason::kArenaFull)});
  thread.enter(6000, f);
  thread.leave(6100, f);
  auto spool = run.read();
  const Sums sums = sums_of(*spool, {0});
  REQUIRE(sums.size() == 1);
  CHECK(sums.at("f").calls == 2);
  // The first call is closed where the gap begins.
  CHECK(sums.at("f").own_ns < 200);
}

TEST_CASE("summary: sums equal those of a stack that is kept by hand", "[summary]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  std::vector<uint32_t> ids;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    names.push_back("f" + std::to_string(i));
    ids.push_back(process.python(names.back(), "/tmp/x.py", static_cast<uint32_t>(i) + 1));
  }
  struct Open {
    size_t function;
    uint64_t start;
    uint64_t inner;
  };
  Sums wanted;
  std::vector<Open> stack;
  std::vector<uint32_t> open(ids.size());
  std::mt19937 random(7);
  FakeThread thread = process.thread(100);
  uint64_t now = 2000;
  const auto leave = [&] {
    const Open call = stack.back();
    stack.pop_back();
    thread.leave(now, ids[call.function]);
    report::FunctionTotals& totals = wanted[names[call.function]];
    totals.own_ns += now - call.start - call.inner;
    totals.total_ns += --open[call.function] == 0 ? now - call.start : 0;
    if (!stack.empty()) {
      stack.back().inner += now - call.start;
    }
  };
  for (int i = 0; i < 30'000; ++i) {
    now += 1 + random() % 50;
    if (stack.empty() || (stack.size() < 40 && random() % 2 == 0)) {
      const size_t function = random() % ids.size();
      thread.enter(now, ids[function]);
      stack.push_back({function, now, 0});
      ++open[function];
      ++wanted[names[function]].calls;
    } else {
      leave();
    }
  }
  while (!stack.empty()) {
    now += 3;
    leave();
  }
  auto spool = run.read();
  REQUIRE(spool->model().frames.size() > 2);  // the stack goes on from frame to frame
  const Sums sums = sums_of(*spool, {0});
  REQUIRE(sums.size() == wanted.size());
  bool same = true;
  for (const auto& [name, totals] : wanted) {
    const report::FunctionTotals& found = sums.at(name);
    same = same && found.calls == totals.calls && found.own_ns == totals.own_ns &&
           found.total_ns == totals.total_ns;
  }
  CHECK(same);
}

TEST_CASE("summary: the files hold every function, its callers, each thread", "[summary]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/work dir", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/work dir/x.py", 3);
  const uint32_t len = process.c("builtins.len");
  FakeThread first = process.thread(100);
  first.enter(2000, f);
  first.enter(2100, len);
  first.leave(2400, len);
  first.leave(3000, f);
  FakeThread second = process.thread(101);
  second.enter(2000, len);
  second.leave(2050, len);
  auto spool = run.read();
  const std::string text = written(*spool, run.folder.file("s.txt"), report::write_summary_text);
  CHECK(text.find("== process 100 x.py: 1.05 us in 3 calls") != std::string::npos);
  CHECK(text.find("f (x.py:3)") != std::string::npos);
  CHECK(text.find("from f (x.py:3)") != std::string::npos);
  CHECK(text.find("from nothing") != std::string::npos);
  CHECK(text.find("-- thread 101") != std::string::npos);

  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const std::string path = run.folder.file("s.summary.json");
  (void)written(*spool, path, report::write_summary_json);
  REQUIRE(parser.load(path).get(root) == simdjson::SUCCESS);
  CHECK(root["calls"].get_uint64().value() == 3);
  const simdjson::dom::element shown = root["processes"].at(0);
  CHECK(shown["own_ns"].get_uint64().value() == 1050);
  const simdjson::dom::element most = shown["functions"].at(0);
  CHECK(most["name"].get_string().value() == "f");
  CHECK(most["own_ns"].get_uint64().value() == 700);
  CHECK(most["callers"].at(0)["name"].is_null());
  const simdjson::dom::element least = shown["functions"].at(1);
  CHECK(least["name"].get_string().value() == "builtins.len");
  CHECK(least["calls"].get_uint64().value() == 2);
  CHECK(least["callers"].at(0)["name"].get_string().value() == "f");
  CHECK(shown["threads"].get_array().value().size() == 2);
}

TEST_CASE("summary: is added up beside a report that is written of the same spool", "[summary]") {
  Recording run;
  for (uint32_t p = 0; p < 4; ++p) {
    FakeProcess process(run, 100 + p, 1000);
    const uint32_t f = process.python("f");
    FakeThread thread = process.thread(100 + p);
    for (uint64_t i = 0; i < 5000; ++i) {
      thread.enter(2000 + 20 * i, f);
      thread.leave(2010 + 20 * i, f);
    }
    thread.finish();
  }
  const auto spool = run.read();
  std::optional<Result<report::CallTotals>> totals;
  {
    auto beside =
        Thread::start([&] { totals = report::add_up(*spool, report::AlsoAdd::kNothing, 2, {}); });
    REQUIRE(beside.has_value());
    (void)written(*spool, run.folder.file("out.json"), report::write_json);
  }
  REQUIRE((totals && totals->has_value()));
  for (const report::ThreadTotals& thread : (*totals)->threads) {
    CHECK(thread.calls == 5000);
  }
  CHECK((*totals)->threads.size() == 4);
}

TEST_CASE("summary: times, numbers and places are short", "[summary]") {
  CHECK(report::duration_text(0) == "0 ns");
  CHECK(report::duration_text(999) == "999 ns");
  CHECK(report::duration_text(1000) == "1.00 us");
  CHECK(report::duration_text(9'996) == "10.0 us");
  CHECK(report::duration_text(999'499) == "999 us");
  CHECK(report::duration_text(999'500) == "1.00 ms");
  CHECK(report::duration_text(45'600'000) == "45.6 ms");
  CHECK(report::duration_text(1'234'000'000) == "1.23 s");
  CHECK(report::duration_text(123'400'000'000) == "123 s");
  CHECK(report::grouped(0) == "0");
  CHECK(report::grouped(1234567) == "1,234,567");
  const auto place = [](const char* file) {
    spool::FunctionInfo function;
    function.kind = FunctionKind::kPython;
    function.name = "f";
    function.file = file;
    function.line = 7;
    return report::function_text(&function, "/home/me");
  };
  CHECK(place("/home/me/a/b.py") == "f (a/b.py:7)");
  CHECK(place("/home/met/b.py") == "f (/home/met/b.py:7)");
  CHECK(place("/x/lib/python3.12/site-packages/p/q.py") == "f (p/q.py:7)");
  CHECK(place("/x/lib/python3.12/json/decoder.py") == "f (json/decoder.py:7)");
  CHECK(place("<string>") == "f (<string>:7)");
}

}  // namespace vtn::test
