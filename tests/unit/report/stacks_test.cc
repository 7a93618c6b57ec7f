// SPDX-License-Identifier: Apache-2.0
//
// Where the time went by stack, and the text that flame graphs are drawn of.
#include "report/summary/stacks.h"

#include <map>
#include <random>
#include <string>

#include "base/file.h"
#include "report/summary/folded.h"
#include "report/summary/marshal.h"
#include "report/summary/totals.h"
#include "tests/support/recording.h"

namespace vtn::test {
namespace {

report::ThreadStacks stacks_of(const spool::Reader& spool, uint32_t most) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const report::Picture picture(model, clock, false);
  auto found = report::find_stacks(spool, picture, most, 2, {});
  REQUIRE(found.has_value());
  REQUIRE(found->size() == 1);
  return found->front();
}

std::string folded(const spool::Reader& spool, const std::string& path) {
  report::WriteRequest request;
  request.path = path;
  request.settings.workers = 2;
  REQUIRE(report::write_folded(spool, request).has_value());
  return read_file(path).value();
}

struct Sum {
  uint64_t calls = 0;
  uint64_t own_ns = 0;
  bool operator==(const Sum&) const = default;
};

// 20,000 calls of 30 functions, some 25 deep; what is left open ends with the thread.
void call_at_random(FakeProcess& process, FakeThread& thread) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 30; ++i) {
    ids.push_back(process.python("f" + std::to_string(i), "/tmp/x.py", i + 1));
  }
  std::mt19937 random(11);
  std::vector<uint32_t> open;
  uint64_t now = 2000;
  for (int i = 0; i < 40'000; ++i) {
    now += 1 + random() % 50;
    if (open.empty() || (open.size() < 25 && random() % 2 == 0)) {
      open.push_back(ids[random() % ids.size()]);
      thread.enter(now, open.back());
    } else {
      thread.leave(now, open.back());
      open.pop_back();
    }
  }
  thread.finish();
}

}  // namespace

TEST_CASE("stacks: a function has one for each way that leads to it", "[stacks]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  const uint32_t g = process.python("g;\n", "/tmp/x.py", 9);
  FakeThread thread = process.thread(100);
  thread.enter(2000, f);
  for (uint64_t i = 0; i < 3; ++i) {
    thread.enter(2100 + 100 * i, g);
    thread.leave(2150 + 100 * i, g);
  }
  thread.enter(2500, f);
  thread.leave(2600, f);
  thread.leave(3000, f);
  thread.enter(4000, g);
  thread.leave(4010, g);
  const auto spool = run.read();
  const report::ThreadStacks stacks = stacks_of(*spool, report::kMostStacksOfThread);
  REQUIRE(stacks.size() == 4);
  CHECK(stacks[0].caller == report::kNoStack);
  CHECK((stacks[1].caller == 0 && stacks[1].calls == 3 && stacks[1].own_ns == 150));
  CHECK((stacks[2].caller == 0 && stacks[2].function == stacks[0].function));
  CHECK((stacks[3].caller == report::kNoStack && stacks[3].function == stacks[1].function));
  CHECK(folded(*spool, run.folder.file("s.folded")) ==
        "x.py 100;MainThread 100;f (x.py:3) 750\n"
        "x.py 100;MainThread 100;f (x.py:3);g:  (x.py:9) 150\n"
        "x.py 100;MainThread 100;f (x.py:3);f (x.py:3) 100\n"
        "x.py 100;MainThread 100;g:  (x.py:9) 10\n");
}

TEST_CASE("stacks: of each function they add up to what it took, however few there may be",
          "[stacks]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  FakeThread thread = process.thread(100);
  call_at_random(process, thread);
  const auto spool = run.read();
  REQUIRE(spool->model().frames.size() > 1);  // stacks go on from frame to frame
  const auto totals = report::add_up(*spool, report::AlsoAdd::kNothing, 2, {});
  REQUIRE(totals.has_value());
  for (const uint32_t most : {1u, 100u, 5000u, report::kMostStacksOfThread}) {
    INFO(most);
    const report::ThreadStacks stacks = stacks_of(*spool, most);
    std::map<report::FunctionIndex, Sum> found;
    Sum all;
    bool in_order = true;
    for (size_t i = 0; i < stacks.size(); ++i) {
      const report::Stack& stack = stacks[i];
      in_order = in_order && (stack.caller == report::kNoStack ||
                              (stack.caller < i && stacks[stack.caller].depth + 1 == stack.depth));
      Sum& sum = found[stack.function];
      sum.calls += stack.calls;
      sum.own_ns += stack.own_ns;
      all.calls += stack.calls;
      all.own_ns += stack.own_ns;
    }
    CHECK(in_order);
    CHECK(all == Sum{totals->threads[0].calls, totals->threads[0].own_ns});
    CHECK(stacks.size() <= 2 * size_t{most} + 1);
    const bool has_others = found.count(report::kOtherFunctions) != 0;
    CHECK(has_others == (most < report::kMostStacksOfThread));
    for (const auto& [function, sums] : totals->threads[0].functions) {
      if (!has_others) {
        CHECK(found[function] == Sum{sums.calls, sums.own_ns});
      }
    }
  }
}

TEST_CASE("stacks: what takes long has its name, whenever it comes", "[stacks]") {
  constexpr uint32_t kMost = 100;
  constexpr uint32_t kLight = 2000;
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t main = process.python("main", "/tmp/x.py", 1);
  const uint32_t early = process.python("early", "/tmp/x.py", 2);
  const uint32_t late = process.python("late", "/tmp/x.py", 3);
  const uint32_t inner = process.python("inner", "/tmp/x.py", 4);
  FakeThread thread = process.thread(100);
  uint64_t now = 2000;
  const auto call = [&](uint32_t function, uint64_t own_ns) {
    thread.enter(now, function);
    thread.enter(now += own_ns, inner);
    thread.leave(now += 5, inner);
    thread.leave(now, function);
    ++now;
  };
  thread.enter(now++, main);
  call(early, 1'000'000);
  for (uint32_t i = 0; i < kLight; ++i) {
    call(process.python("light" + std::to_string(i), "/tmp/x.py", 10 + i), 20);
  }
  call(early, 1'000'000);
  for (int i = 0; i < 5; ++i) {
    call(late, 1'000'000);
  }
  thread.leave(now, main);
  const auto spool = run.read();
  CHECK(stacks_of(*spool, kMost).size() <= kMost);
  const report::ThreadStacks stacks = stacks_of(*spool, kMost);
  uint64_t names_ns = 0;
  uint64_t others_calls = 0;
  std::vector<uint64_t> long_ones;
  for (const report::Stack& stack : stacks) {
    if (stack.function == report::kOtherFunctions) {
      others_calls += stack.calls;
    } else if (stack.own_ns >= 1'000'000) {
      CHECK(stack.caller == 0);  // main, which was open all the time
      long_ones.push_back(stack.own_ns / 1000);
    }
    names_ns += stack.function == report::kOtherFunctions ? 0 : stack.own_ns;
  }
  CHECK(long_ones == std::vector<uint64_t>{2'000, 5'000});  // us: early, late
  CHECK(names_ns > 7'000'000);
  CHECK(others_calls > kLight);
  CHECK(others_calls < 2 * kLight);
}

TEST_CASE("marshal: values are what Python reads", "[stacks]") {
  const auto bytes = [](auto&& put) {
    std::string text;
    report::Marshal to(text);
    put(to);
    return text;
  };
  const auto number = [&](uint64_t value) {
    return bytes([&](report::Marshal& to) { to.number(value); });
  };
  using namespace std::string_literals;
  CHECK(number(0) == "i\0\0\0\0"s);
  CHECK(number(INT32_MAX) == "i\xff\xff\xff\x7f"s);
  CHECK(number(uint64_t{1} << 31) == "l\x03\0\0\0\0\0\0\0\x02\0"s);
  CHECK(number(UINT64_MAX) == "l\x05\0\0\0\xff\x7f\xff\x7f\xff\x7f\xff\x7f\x0f\0"s);
  CHECK(bytes([](report::Marshal& to) { to.text("\xc3\xa9\xff"); }) ==
        "u\x05\0\0\0\xc3\xa9\xef\xbf\xbd"s);
  CHECK(bytes([](report::Marshal& to) { to.seconds(1'500'000'000); }) == "g\0\0\0\0\0\0\xf8\x3f"s);
}

TEST_CASE("stacks: what is deeper than they go is put together, and counted", "[stacks]") {
  Recording run;
  FakeProcess process(run, 100, 1000);
  process.describe("/usr/bin/python3", "/tmp", {"python3", "x.py"});
  const uint32_t f = process.python("f", "/tmp/x.py", 3);
  FakeThread thread = process.thread(100);
  constexpr uint64_t kDeep = 3000;
  for (uint64_t i = 0; i < kDeep; ++i) {
    thread.enter(2000 + 10 * i, f);
  }
  for (uint64_t i = 0; i < kDeep; ++i) {
    thread.leave(2000 + 10 * (kDeep + i), f);
  }
  const auto spool = run.read();
  const report::ThreadStacks stacks = stacks_of(*spool, report::kMostStacksOfThread);
  REQUIRE(stacks.size() == report::kDeepestStack + 1);
  CHECK(stacks.back().function == report::kOtherFunctions);
  CHECK(stacks.back().calls == kDeep - report::kDeepestStack);
  CHECK(folded(*spool, run.folder.file("s.folded")).find(";(other functions) ") !=
        std::string::npos);
}

}  // namespace vtn::test
