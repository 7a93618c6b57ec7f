// SPDX-License-Identifier: Apache-2.0
//
// Values as they are shown. What CPython's repr() says of whole ones is compared where there is an
// interpreter (tests/e2e/values_test.py); here, what is cut, and bytes that make no sense.
#include "report/values.h"

#include <cmath>
#include <random>
#include <string>

#include "abi/value_abi.h"
#include "report/call_values.h"
#include "tests/support/catch.h"

namespace vtn::test {
namespace {

template <class T>
std::string raw(T number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

std::string tag(ValueTag one) { return std::string(1, static_cast<char>(one)); }

std::string text(const std::string& bytes) {
  return raw(static_cast<uint16_t>(bytes.size())) + bytes;
}

std::string str(const std::string& kept, uint32_t characters) {
  return tag(ValueTag::kStr) + raw(characters) + text(kept);
}

std::string number(int64_t value) { return tag(ValueTag::kInt) + raw(value); }

std::string many(ValueTag of, uint32_t total, uint16_t kept, const std::string& values) {
  return tag(of) + raw(total) + raw(kept) + values;
}

std::string shown(std::string_view bytes, size_t most = 1000) {
  std::string result;
  (void)report::take_value(bytes, most, result);
  return result;
}

}  // namespace

TEST_CASE("values: what was cut says so", "[values]") {
  CHECK(shown(str("abc", 3)) == "'abc'");
  CHECK(shown(str("abc", 4)) == "'abc'...");
  CHECK(shown(str("\xc3\xa9", 1)) == "'\xc3\xa9'");
  CHECK(shown(many(ValueTag::kList, 5, 2, number(1) + number(2))) == "[1, 2, and 3 more]");
  CHECK(shown(many(ValueTag::kTuple, 1, 1, number(1))) == "(1,)");
  CHECK(shown(many(ValueTag::kTuple, 1, 0, "")) == "(and 1 more,)");
  CHECK(shown(many(ValueTag::kDict, 2, 1, number(1) + tag(ValueTag::kRedacted))) ==
        "{1: ***, and 1 more}");
  CHECK(shown(tag(ValueTag::kFields) + text("Point") + raw(uint32_t{2}) + raw(uint16_t{1}) +
              text("x") + number(1)) == "Point(x=1, and 1 more)");
  CHECK(shown(tag(ValueTag::kMore)) == "...");
  CHECK(shown(str(std::string(50, 'x'), 50), 10) == "'xxxxxxxxx...");
  CHECK(shown(str("\xc3\xa9\xc3\xa9\xc3\xa9", 3), 4) == "'\xc3\xa9...");
}

TEST_CASE("values: floats are written as repr() writes them", "[values]") {
  CHECK(report::float_text(0) == "0.0");
  CHECK(report::float_text(-0.0) == "-0.0");
  CHECK(report::float_text(100) == "100.0");
  CHECK(report::float_text(9999999999999998) == "9999999999999998.0");
  CHECK(report::float_text(1e16) == "1e+16");
  CHECK(report::float_text(1.25e-7) == "1.25e-07");
  CHECK(report::float_text(0.0001) == "0.0001");
  CHECK(report::float_text(-123.456) == "-123.456");
  CHECK(report::float_text(std::nan("")) == "nan");
}

TEST_CASE("values: damaged bytes end the text, and nothing else", "[values]") {
  CHECK(shown("") == "?");
  CHECK(shown("i123") == "?");
  CHECK(shown("\x01") == "?");
  CHECK(shown(many(ValueTag::kList, 3, 3, number(1))) == "[1, ?");
  CHECK(shown(tag(ValueTag::kStr) + raw(uint32_t{9}) + raw(uint16_t{9}) + "abc") == "?");
  std::string deep;
  for (int i = 0; i < 1000; ++i) {
    deep += tag(ValueTag::kList) + raw(uint32_t{1}) + raw(uint16_t{1});
  }
  CHECK(shown(deep).ends_with("?"));
  std::mt19937 random(1);
  const std::string tags = "NTFEUiIhdcsbatlezmoDn*.-";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (size_t left = random() % 60; left > 0; --left) {
      bytes += random() % 2 == 0 ? tags[random() % tags.size()] : static_cast<char>(random() % 4);
    }
    const spool::Note note = {0, 0, random() % 5, bytes};
    for (const auto& [name, value] : report::argument_texts(note, nullptr)) {
      REQUIRE(value.size() <= report::kMostValueBytes + 3);
    }
  }
}

TEST_CASE("values: arguments have their names, as far as these are known", "[values]") {
  spool::FunctionInfo function;
  function.parameters = {"a"};
  const std::string bytes = number(1) + number(2);
  using Texts = std::vector<std::pair<std::string, std::string>>;
  CHECK(report::argument_texts({0, 0, 2, bytes}, &function) ==
        Texts{{"a", "1"}, {"argument 2", "2"}});
  CHECK(report::argument_texts({0, 0, 4, bytes}, nullptr) ==
        Texts{{"argument 1", "1"}, {"argument 2", "2"}, {"argument 3", "..."}});
}

}  // namespace vtn::test
