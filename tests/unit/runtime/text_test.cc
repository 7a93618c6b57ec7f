// SPDX-License-Identifier: Apache-2.0
#include "runtime/python/text.h"

#include <string>
#include <string_view>

#include "tests/support/catch.h"

namespace vtn::runtime {
namespace {

// A str as the accessors see it: its type, and what CPython answers about it.
struct FakeString {
  uint64_t references = 1;
  const void* type = &g_python.PyUnicode_Type;
  std::u32string characters;
};

std::string utf8_of(const std::u32string& characters) {
  g_python.PyType_IsSubtype = [](PyObject*, PyObject*) { return 1; };
  g_python.PyUnicode_GetLength = [](PyObject* string) {
    return static_cast<PySize>(reinterpret_cast<FakeString*>(string)->characters.size());
  };
  g_python.PyUnicode_ReadChar = [](PyObject* string, PySize i) {
    return uint32_t{reinterpret_cast<FakeString*>(string)->characters[static_cast<size_t>(i)]};
  };
  FakeString string{.characters = characters};
  const Utf8 text(reinterpret_cast<PyObject*>(&string));
  return {text.text().data, text.text().bytes};
}

TEST_CASE("text: every length of a character, and lone surrogates", "[text]") {
  CHECK(utf8_of(U"").empty());
  CHECK(utf8_of(U"f.<locals>.g") == "f.<locals>.g");
  CHECK(utf8_of(std::u32string{U'a', U'\0', U'b'}) == std::string("a\0b", 3));
  CHECK(utf8_of(U"\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff") ==
        "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  CHECK(utf8_of(std::u32string{char32_t{0xd800}, char32_t{0xdfff}}) == "\xed\xa0\x80\xed\xbf\xbf");
}

TEST_CASE("text: of what is too long, whole characters as far as they go", "[text]") {
  CHECK(utf8_of(std::u32string(kMaxNameBytes, U'x')) == std::string(kMaxNameBytes, 'x'));
  CHECK(utf8_of(std::u32string(10 * kMaxNameBytes, U'x')) == std::string(kMaxNameBytes, 'x'));
  const std::u32string but_one(kMaxNameBytes - 1, U'x');
  CHECK(utf8_of(but_one + U"\u00e9y") == std::string(kMaxNameBytes - 1, 'x'));
  CHECK(utf8_of(but_one.substr(1) + U"\u00e9y") ==
        std::string(kMaxNameBytes - 2, 'x') + "\xc3\xa9");
}

TEST_CASE("text: what is no str has none", "[text]") {
  CHECK(Utf8(nullptr).equals(""));
  g_python.PyType_IsSubtype = [](PyObject*, PyObject*) { return 0; };
  FakeString other{.characters = U"x"};
  CHECK(Utf8(reinterpret_cast<PyObject*>(&other)).equals(""));
}

}  // namespace
}  // namespace vtn::runtime
