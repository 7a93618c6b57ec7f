// SPDX-License-Identifier: Apache-2.0
//
// A regular expression as anybody may type it, up to the first line's end, and a text behind it.
#include <string>

#include <stdlib.h>
#include <string.h>

#include "base/freestanding/regex.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(all.find('\n'), all.size());
  const std::string expression = all.substr(0, line);
  const std::string text = all.substr(std::min(line + 1, all.size()));
  vtn_regex compiled;
  memset(&compiled, 0xa5, sizeof(compiled));
  if (vtn_regex_compile(&compiled, expression.c_str()) != nullptr) {
    return 0;
  }
  if (compiled.nodes == 0 || compiled.nodes > VTN_REGEX_NODES ||
      compiled.ranges > VTN_REGEX_RANGES) {
    abort();
  }
  const int found = vtn_regex_matches(&compiled, text.data(), text.size());
  // Put into a group it is the same; what follows all ways forgets none.
  vtn_regex grouped;
  if (!expression.starts_with("(?i)") && expression.find('\0') == std::string::npos &&
      vtn_regex_compile(&grouped, ("(?:" + expression + ")").c_str()) == nullptr &&
      vtn_regex_matches(&grouped, text.data(), text.size()) != found) {
    abort();
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {"x|y\ny",
          "(?i)a[b-d_]*\\d{2,3}\nabc12",
          "(a|b*)*c\nabbc",
          "^(?P<n>\\w+)\\b.?$\nname",
          "[^\\]a]+?\\x61\\u00e9\nbb\xc3\xa9",
          "((((a?){3}){3}){3})b\naab"};
}
