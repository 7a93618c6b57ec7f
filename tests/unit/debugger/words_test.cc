// SPDX-License-Identifier: Apache-2.0
//
// What people type: times, and functions by their names and places.
#include "debugger/function_pattern.h"
#include "debugger/times.h"
#include "tests/support/catch.h"

namespace vtn::test {
namespace {

using debugger::FunctionPattern;
using debugger::parse_time;
using debugger::time_text;

spool::FunctionInfo function(FunctionKind kind,
                             const std::string& name,
                             const std::string& file = "",
                             uint32_t line = 0,
                             uint32_t flags = 0) {
  spool::FunctionInfo info;
  info.kind = kind;
  info.name = name;
  info.file = file;
  info.line = line;
  info.flags = flags;
  return info;
}

// Ids from 1 on.
spool::ImageInfo image_of(const std::vector<spool::FunctionInfo>& functions) {
  spool::ImageInfo image;
  image.functions = functions;
  image.function_of_id.push_back(0);
  for (uint32_t i = 0; i < functions.size(); ++i) {
    image.function_of_id.push_back(i + 1);
  }
  return image;
}

std::vector<uint32_t> ids(const std::string& text, const spool::ImageInfo& image) {
  const auto pattern = FunctionPattern::parse(text);
  REQUIRE(pattern.has_value());
  std::vector<uint32_t> found;
  const std::vector<bool> meant = pattern->ids_of(image);
  for (uint32_t id = 0; id < meant.size(); ++id) {
    if (meant[id]) {
      found.push_back(id);
    }
  }
  return found;
}

}  // namespace

TEST_CASE("debugger: times are exact, and are read as they are written", "[debugger]") {
  CHECK(time_text(0) == "0 ns");
  CHECK(time_text(999) == "999 ns");
  CHECK(time_text(1000) == "1.000 us");
  CHECK(time_text(12'345) == "12.345 us");
  CHECK(time_text(1'500'001) == "1.500001 ms");
  CHECK(time_text(3'000'000'001) == "3.000000001 s");
  CHECK(time_text(UINT64_MAX) == "18446744073.709551615 s");
  for (const uint64_t ns : {uint64_t{0},
                            uint64_t{7},
                            uint64_t{1001},
                            uint64_t{1'234'567},
                            uint64_t{98'765'432'101},
                            UINT64_MAX}) {
    const auto read = parse_time(time_text(ns));
    REQUIRE(read.has_value());
    CHECK(read->ns == ns);
    CHECK(read->sign == 0);
  }
}

TEST_CASE("debugger: a time has a unit, or counts microseconds", "[debugger]") {
  const std::pair<const char*, uint64_t> kTimes[] = {{"12", 12'000},
                                                     {"12.5", 12'500},
                                                     {".5us", 500},
                                                     {"1.5s", 1'500'000'000},
                                                     {"2ms", 2'000'000},
                                                     {"3. ms", 3'000'000},
                                                     {"950 ns", 950},
                                                     {"0.0000000019s", 1},
                                                     {"1.999ns", 1}};
  for (const auto& [text, ns] : kTimes) {
    INFO(text);
    const auto read = parse_time(text);
    REQUIRE(read.has_value());
    CHECK(read->ns == ns);
  }
  CHECK(parse_time("+5ms")->sign == 1);
  CHECK(parse_time("-5ms")->sign == -1);
  CHECK(parse_time("-5ms")->ns == 5'000'000);
  for (const char* text : {"",
                           ".",
                           "s",
                           "1.2.3",
                           "5 m",
                           "--5",
                           "1e9",
                           "0x10",
                           "5 ms s",
                           "1 ,5",
                           "99999999999999999999",
                           "99999999999s",
                           "18446744073.8s"}) {
    INFO(text);
    REQUIRE_FALSE(parse_time(text).has_value());
    CHECK(parse_time(text).error().message.find("is no time") != std::string::npos);
  }
}

TEST_CASE("debugger: functions by name, tail and pattern", "[debugger]") {
  const auto image =
      image_of({function(FunctionKind::kPython, "fib", "/a/app.py", 3),
                function(FunctionKind::kPython, "Tree.fib", "/a/app.py", 8),
                function(FunctionKind::kPython, "myfib", "/a/app.py", 9),
                function(FunctionKind::kPython, "f.<locals>.fib", "/b/app.py", 2),
                function(FunctionKind::kC, "builtins.len"),
                function(FunctionKind::kType, "Tree"),
                function(FunctionKind::kInstant, "fib", "variable"),
                function(FunctionKind::kPython, "gen", "/a/gen.py", 1),
                function(FunctionKind::kPython, "gen", "/a/gen.py", 1, kFunctionResumed)});
  using Ids = std::vector<uint32_t>;
  CHECK(ids("fib", image) == Ids{1, 2, 4});
  CHECK(ids("Tree.fib", image) == Ids{2});
  CHECK(ids("*fib", image) == Ids{1, 2, 3, 4});
  CHECK(ids("Tree.*", image) == Ids{2});
  CHECK(ids("Tree", image) == Ids{6});
  CHECK(ids("l?n", image) == Ids{5});
  CHECK(ids("builtins.[kl]en", image) == Ids{5});
  CHECK(ids("gen", image) == Ids{8});
  CHECK(ids("nothing", image).empty());
  CHECK(ids("ib", image).empty());
}

TEST_CASE("debugger: functions by their place", "[debugger]") {
  const auto image = image_of({function(FunctionKind::kPython, "first", "/a/app.py", 3),
                               function(FunctionKind::kPython, "second", "/a/app.py", 8),
                               function(FunctionKind::kPython, "same", "/a/app.py", 8),
                               function(FunctionKind::kPython, "other", "/b/app.py", 5)});
  using Ids = std::vector<uint32_t>;
  CHECK(ids("a/app.py:3", image) == Ids{1});
  CHECK(ids("/a/app.py:7", image) == Ids{1});
  CHECK(ids("a/app.py:8", image) == Ids{2, 3});
  CHECK(ids("app.py:6", image) == Ids{4});
  CHECK(ids("app.py:2", image).empty());
  CHECK(ids("pp.py:5", image).empty());
  for (const char* text : {"", "app.py:", "app.py:x", "app.py:99999999999"}) {
    INFO(text);
    CHECK_FALSE(FunctionPattern::parse(text).has_value());
  }
}

}  // namespace vtn::test
