// SPDX-License-Identifier: Apache-2.0
//
// The regular expressions of --log_var, against a list and against std::regex.
#include "base/freestanding/regex.h"

#include <memory>
#include <random>
#include <regex>
#include <string>

#include <string.h>

#include "tests/support/catch.h"

namespace vtn::test {
namespace {

bool matches(const std::string& expression, const std::string& text) {
  vtn_regex compiled;
  REQUIRE(vtn_regex_compile(&compiled, expression.c_str()) == nullptr);
  return vtn_regex_matches(&compiled, text.data(), text.size()) != 0;
}

std::string wrong(const std::string& expression) {
  vtn_regex compiled;
  const char* const error = vtn_regex_compile(&compiled, expression.c_str());
  return error == nullptr ? "" : error;
}

TEST_CASE("regex: the whole of a name is matched", "[regex]") {
  CHECK(matches("", ""));
  CHECK(!matches("", "a"));
  CHECK(matches("x", "x"));
  CHECK(!matches("x", "xy"));
  CHECK(!matches("x", "yx"));
  CHECK(matches("x|y", "y"));
  CHECK(matches("x||y", ""));
  CHECK(matches("ab|cd|e", "cd"));
  CHECK(!matches("ab|cd|e", "abd"));
  CHECK(matches(".*", "anything"));
  CHECK(matches("^x$", "x"));
  CHECK(matches("\\Ax\\Z", "x"));
  CHECK(!matches("a^b", "ab"));
  CHECK(matches("(?i)NaMe", "nAmE"));
  CHECK(matches("(?i)[a-c]x", "BX"));
}

TEST_CASE("regex: repetitions", "[regex]") {
  CHECK(matches("a*", ""));
  CHECK(matches("a*", "aaa"));
  CHECK(!matches("a+", ""));
  CHECK(matches("a+b", "aab"));
  CHECK(matches("ab?c", "ac"));
  CHECK(matches("a{2}", "aa"));
  CHECK(!matches("a{2}", "a"));
  CHECK(matches("a{1,3}b", "aaab"));
  CHECK(!matches("a{1,3}b", "aaaab"));
  CHECK(matches("a{,2}", ""));
  CHECK(matches("a{2,}", "aaaa"));
  CHECK(matches("(ab){2,3}", "ababab"));
  CHECK(!matches("(ab){2,3}", "ab"));
  CHECK(matches("(a|b*)*c", "abbac"));
  CHECK(matches("(?:a*)*", "aaa"));
  CHECK(matches("a*?b+?c??", "aab"));
  CHECK(matches("a{0}b", "b"));
  CHECK(matches("a{x}", "a{x}"));
  CHECK(matches("{", "{"));
  CHECK(matches("(?P<name>a)(?:b)(c)", "abc"));
  // What follows one way at a time never ends here.
  CHECK(!matches("(a*)*(a*)*(a*)*b", std::string(2000, 'a')));
}

TEST_CASE("regex: sets and classes", "[regex]") {
  CHECK(matches("[abc]+", "cab"));
  CHECK(matches("[a-c_]+\\d", "a_c7"));
  CHECK(!matches("[^a]", "a"));
  CHECK(matches("[^a]", "b"));
  CHECK(matches("[]a]+", "]a"));
  CHECK(matches("[^]]", "a"));
  CHECK(matches("[a-]+", "-a"));
  CHECK(matches("[\\w.]+", "a.b_1"));
  CHECK(matches("[\\]\\\\]+", "]\\"));
  CHECK(matches("\\w+", "na\xc3\xafve_1"));
  CHECK(!matches("\\W", "\xc3\xaf"));
  CHECK(matches("na.ve", "na\xc3\xafve"));
  CHECK(matches("[\xc3\xa0-\xc3\xbf]", "\xc3\xaf"));
  CHECK(matches("\\D\\S\\s", "a1 "));
  CHECK(matches("\\.\\x61\\u0062", ".ab"));
  CHECK(matches("a\\b.\\B.\\b", "a-_") == std::regex_match("a-_", std::regex("a\\b.\\B.\\b")));
  CHECK(matches("\xff", "\xff"));
}

TEST_CASE("regex: what is not understood is named", "[regex]") {
  CHECK(wrong("(?=a)") == "uses look-ahead, which is not supported");
  CHECK(wrong("(?!a)") == "uses look-ahead, which is not supported");
  CHECK(wrong("(?<=a)b") == "uses look-behind, which is not supported");
  CHECK(wrong("(a)\\1") == "uses back-references, which are not supported");
  CHECK(wrong("(?P<n>a)(?P=n)") == "uses back-references, which are not supported");
  CHECK(wrong("(?>a)") == "uses atomic groups, which are not supported");
  CHECK(wrong("a++") == "uses possessive repetition, which is not supported");
  CHECK(wrong("(?s)a") == "uses flags, of which (?i) at the beginning alone is supported");
  CHECK(wrong("(") == "has a ( without its )");
  CHECK(wrong("a)") == "has a ) without its (");
  CHECK(wrong("[a") == "has a [ without its ]");
  CHECK(wrong("*a") == "has nothing to repeat");
  CHECK(wrong("a**") == "repeats a repetition");
  CHECK(wrong("a\\") == "ends with a backslash");
  CHECK(wrong("[b-a]") == "has a range that goes backwards");
  CHECK(wrong("\\q") == "has an escape that has no meaning");
  CHECK(wrong("a{3,2}") == "has a repetition whose most is below its least");
  CHECK(wrong("(a{100}){100}") == "is too long");
  CHECK(wrong(std::string(2000, 'a')) == "is too long");
  CHECK(wrong(std::string(1000, '(')) == "is nested too deeply");
}

TEST_CASE("regex: as std::regex has it", "[regex]") {
  std::mt19937 random(7);
  const char* const pieces[] = {"a",
                                "b",
                                "c",
                                ".",
                                "[ab]",
                                "[^a]",
                                "(",
                                ")",
                                "|",
                                "*",
                                "+",
                                "?",
                                "{2}",
                                "{0,1}",
                                "\\d",
                                "\\w"};
  size_t compared = 0;
  bool agreed = true;
  for (int i = 0; i < 20000; ++i) {
    std::string expression;
    for (auto left = 1 + random() % 8; left > 0; --left) {
      expression += pieces[random() % std::size(pieces)];
    }
    std::string text;
    for (auto left = random() % 6; left > 0; --left) {
      text += "abc1"[random() % 4];
    }
    vtn_regex compiled;
    if (vtn_regex_compile(&compiled, expression.c_str()) != nullptr) {
      continue;
    }
    const bool expected = std::regex_match(text, std::regex(expression));
    const bool found = vtn_regex_matches(&compiled, text.data(), text.size()) != 0;
    if (expected != found) {
      UNSCOPED_INFO(expression << " and " << text);
      agreed = false;
    }
    ++compared;
  }
  CHECK(agreed);
  CHECK(compared > 3000);
}

}  // namespace
TEST_CASE("regex: what is wrong is not read beyond its end", "[regex]") {
  // Each in memory of its own size, for sanitizers to see.
  const std::string many_sets = [] {
    std::string text;
    for (int i = 0; i < 400; ++i) {
      text += "\\w[\\d\\s]";
    }
    return text;
  }();
  for (const std::string& expression : {std::string("*"),
                                        std::string("a|+"),
                                        std::string("{2}"),
                                        std::string("(*"),
                                        std::string("[\\"),
                                        std::string("[a-\\"),
                                        std::string("\\"),
                                        many_sets}) {
    const std::unique_ptr<char[]> exact(new char[expression.size() + 1]);
    memcpy(exact.get(), expression.c_str(), expression.size() + 1);
    vtn_regex compiled;
    CHECK(vtn_regex_compile(&compiled, exact.get()) != nullptr);
  }
}

}  // namespace vtn::test
