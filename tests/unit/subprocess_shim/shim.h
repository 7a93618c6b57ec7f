// SPDX-License-Identifier: Apache-2.0
//
// The shim's logic, and in place of the rest of it (the control page, libc) what the tests set.
#pragma once

#include <string>
#include <vector>

#include "abi/control_abi.h"

extern "C" {
#include "subprocess_shim/environment.h"
#include "subprocess_shim/go_program.h"
#include "subprocess_shim/settings.h"
#include "subprocess_shim/target.h"
}

namespace vtn::test {

using Words = std::vector<std::string>;

// Strings as C has them: ended by a null pointer, and free to be written.
class CStrings {
 public:
  CStrings(const Words& words) : words_(words) {  // NOLINT(google-explicit-constructor)
    for (std::string& word : words_) {
      pointers_.push_back(word.data());
    }
    pointers_.push_back(nullptr);
  }
  CStrings(const CStrings&) = delete;
  CStrings& operator=(const CStrings&) = delete;

  char** data() { return pointers_.data(); }
  vtn_strings get() const { return pointers_.data(); }

 private:
  Words words_;
  std::vector<char*> pointers_;
};

inline Words words_of(vtn_strings strings) {
  Words words;
  for (; strings != nullptr && *strings != nullptr; ++strings) {
    words.emplace_back(*strings);
  }
  return words;
}

// Everything that the logic asks of the process it is in. A test begins with nothing set.
struct FakeProcess {
  vtn_control_page control = {};
  char** environment = nullptr;  // the program's `environ`
  bool not_wanted = false;       // --ignore_multiprocess says no
};
extern FakeProcess g_process;

}  // namespace vtn::test
