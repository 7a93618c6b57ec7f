// SPDX-License-Identifier: Apache-2.0
//
// The patterns of options, against a list and against fnmatch(3).
#include "base/freestanding/pattern.h"

#include <random>
#include <string>
#include <vector>

#include <fnmatch.h>

#include "tests/support/catch.h"

namespace vtn::test {
namespace {

bool matches(const std::string& pattern,
             const std::string& text,
             std::vector<std::string> more = {}) {
  std::vector<char*> rest;
  for (std::string& word : more) {
    rest.push_back(word.data());
  }
  rest.push_back(nullptr);
  return vtn_pattern_matches(pattern.c_str(), text.c_str(), rest.data()) != 0;
}

std::string random_text(std::mt19937& random, const std::string& letters, size_t most) {
  std::string text;
  for (size_t left = random() % (most + 1); left > 0; --left) {
    text += letters[random() % letters.size()];
  }
  return text;
}

TEST_CASE("pattern: letters, stars and question marks", "[pattern]") {
  CHECK(matches("", ""));
  CHECK(!matches("", "a"));
  CHECK(matches("gcc", "gcc"));
  CHECK(!matches("gcc", "gcc-12"));
  CHECK(matches("gcc*", "gcc"));
  CHECK(matches("gcc*", "gcc-12"));
  CHECK(matches("*", ""));
  CHECK(matches("**", "anything"));
  CHECK(matches("*.py", "a/b.py"));  // a slash is a letter like any other
  CHECK(!matches("*.py", "a/b.pyc"));
  CHECK(matches("?cc", "gcc"));
  CHECK(!matches("?cc", "cc"));
  CHECK(matches("*worker*--slow*", "python3 worker.py -x --slow=1"));
  CHECK(matches("a*b*c", "aXbYbZc"));
  CHECK(!matches("a*b*c", "aXbYbZ"));
  CHECK(matches("*a*a*a*a*a*b", std::string(300, 'a') + "b"));
  CHECK(!matches("*a*a*a*a*a*b", std::string(300, 'a')));
}

TEST_CASE("pattern: sets and what stands for itself", "[pattern]") {
  CHECK(matches("[abc]", "b"));
  CHECK(!matches("[abc]", "d"));
  CHECK(!matches("[abc]", ""));
  CHECK(matches("[a-c]x", "bx"));
  CHECK(!matches("[!a-c]x", "bx"));
  CHECK(matches("[^a-c]x", "dx"));
  CHECK(matches("[]]", "]"));
  CHECK(matches("[!]]", "a"));
  CHECK(!matches("[!]]", "]"));
  CHECK(matches("[a-]", "-"));
  CHECK(matches("[\\]]", "]"));
  CHECK(matches("\\*", "*"));
  CHECK(!matches("\\*", "x"));
  CHECK(matches("a\\", "a\\"));  // nothing follows that it could quote
  CHECK(matches("[abc", "[abc"));
  CHECK(!matches("[abc", "a"));
  CHECK(matches("[", "["));
  CHECK(matches("*[0-9]", "python3.12"));
  CHECK(matches("[\xc3]", "\xc3"));
}

TEST_CASE("pattern: a text goes on in further strings, with a space between", "[pattern]") {
  CHECK(matches("python3 x.py -v", "python3", {"x.py", "-v"}));
  CHECK(matches("*x.py*", "python3", {"-u", "x.py", "a"}));
  CHECK(matches("a  b", "a", {"", "b"}));
  CHECK(matches("a ", "a", {""}));
  CHECK(!matches("a", "a", {""}));
  CHECK(matches("a b", "a b"));
  CHECK(!matches("ab", "a", {"b"}));
}

TEST_CASE("pattern: as fnmatch has it", "[pattern]") {
  std::mt19937 random(1);
  size_t matched = 0;
  size_t different = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string pattern;
    for (size_t parts = random() % 6; parts > 0; --parts) {
      switch (random() % 6) {
        case 0:
          pattern += '*';
          break;
        case 1:
          pattern += '?';
          break;
        case 2:
          pattern += random() % 2 == 0 ? "[ab]" : "[!a]";
          break;
        case 3:
          pattern += "[a-b]";
          break;
        case 4:
          pattern += "\\a";
          break;
        default:
          pattern += random_text(random, "ab. /", 2);
          break;
      }
    }
    const std::string text = random_text(random, "ab. /", 8);
    const bool expected = fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
    matched += expected ? 1 : 0;
    if (matches(pattern, text) != expected) {
      ++different;
      UNSCOPED_INFO(pattern << " and " << text);
    }
    // However the text is cut at its spaces.
    const size_t space = text.find(' ');
    if (space != text.npos &&
        matches(pattern, text.substr(0, space), {text.substr(space + 1)}) != expected) {
      ++different;
      UNSCOPED_INFO(pattern << " and " << text << ", cut");
    }
  }
  CHECK(different == 0);
  CHECK(matched > 1000);
}

}  // namespace
}  // namespace vtn::test
