// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include "tests/support/catch.h"

namespace vtn {
namespace {

const std::string kBad = "\xef\xbf\xbd";

// As a value of its own: TAP prints no bytes.
bool becomes(std::string_view bytes, const std::string& text) { return valid_utf8(bytes) == text; }

}  // namespace

TEST_CASE("utf8: valid text stays as it is", "[utf8]") {
  for (const char* text : {"",
                           "plain",
                           "\xc3\xa4",
                           "\xe2\x82\xac",
                           "\xf0\x9f\x90\x8d",
                           "\xc2\x80",
                           "\xe0\xa0\x80",
                           "\xed\x9f\xbf",
                           "\xee\x80\x80",
                           "\xf0\x90\x80\x80",
                           "\xf4\x8f\xbf\xbf"}) {
    CHECK(becomes(text, text));
  }
  const std::string with_nul("a\0b", 3);
  CHECK(becomes(with_nul, with_nul));
}

TEST_CASE("utf8: each maximal bad piece becomes one mark", "[utf8]") {
  CHECK(
      becomes("a\xff"
              "b",
              "a" + kBad + "b"));
  CHECK(becomes("\x80\x80", kBad + kBad));
  CHECK(becomes("\xc0\xaf", kBad + kBad));                        // overlong
  CHECK(becomes("\xe0\x80\x80", kBad + kBad + kBad));             // overlong
  CHECK(becomes("\xed\xa0\x80", kBad + kBad + kBad));             // a surrogate
  CHECK(becomes("\xf4\x90\x80\x80", kBad + kBad + kBad + kBad));  // beyond U+10FFFF
  CHECK(
      becomes("\xf0\x9f\x90"
              "x",
              kBad + "x"));  // cut short: one mistake
  CHECK(becomes("\xe2\x82", kBad));
  CHECK(becomes("\xe2\x82\xe2\x82\xac", kBad + "\xe2\x82\xac"));
}

TEST_CASE("utf8: a text is not cut within a character", "[utf8]") {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d";
  const size_t fits[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t most = 0; most < std::size(fits); ++most) {
    CHECK(utf8_fitting(text, most) == fits[most]);
  }
}

}  // namespace vtn
