// SPDX-License-Identifier: Apache-2.0
//
// Values that a program attaches to a call that is open (NoteKind::kCallValue): by name, each with
// its latest value, in the order of the names' first.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <stddef.h>
#include <stdint.h>

namespace vtn::collector {

class NamedValues {
 public:
  // `pair`: a name and its value, as of a mark. False: those of a call would take more bytes than a
  // note has.
  bool put(std::string_view pair);
  bool empty() const { return pairs_.empty(); }
  std::string bytes() const;

 private:
  std::vector<std::string> pairs_;
  size_t bytes_ = 0;
};

// Of the bytes of a kCallValue without its stamp: the function's id, which is taken off. kIdNone:
// the note is damaged.
uint32_t take_function(std::string_view& bytes);

// Of such a note as words, head and payload: the same, and the instant that it is where there is no
// call.
uint32_t function_of(std::span<const uint64_t> note);
void make_instant(std::span<uint64_t> note);

}  // namespace vtn::collector
