// SPDX-License-Identifier: Apache-2.0
//
// Functions as a user names them, and which ids of an image that means. Immutable: thread-safe.
//
//   fib               of that name, in whatever class or module: "Tree.fib", "f.<locals>.fib"
//   Tree.fib          likewise: a whole tail of the name
//   builtins.l?n*     a glob over the whole name or over any such tail
//   app.py:12         the Python function of such a file (or tail of its path) whose definition is
//                     nearest at or above the line
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "spool/model.h"

namespace vtn::debugger {

class FunctionPattern {
 public:
  // An error is a text that names nothing.
  static Result<FunctionPattern> parse(std::string_view text);

  const std::string& text() const { return text_; }
  // By id, up to the last one that is meant: whether it is. Where a generator goes on is no call.
  std::vector<bool> ids_of(const spool::ImageInfo& image) const;
  // Whether it means any function of the recording.
  bool means_any(const spool::Model& model) const;

 private:
  bool names(const spool::FunctionInfo& function) const;

  std::string text_;
  std::string file_;   // of a place; empty: it is a name
  uint32_t line_ = 0;  // likewise
  bool glob_ = false;
};

}  // namespace vtn::debugger
