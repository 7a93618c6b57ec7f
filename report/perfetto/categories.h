// SPDX-License-Identifier: Apache-2.0
//
// Categories of Perfetto's events, by number. What we give has the same numbers wherever it is
// interned; what programs call their marks' gets further ones as it comes.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "report/proto.h"
#include "spool/model.h"

namespace vtn::report {

// Numbers. Calls have those of their functions' kinds: kPythonCall is that of
// FunctionKind::kPython.
enum class PerfettoCategory : uint32_t {
  kPythonCall = 1,
  kCCall,
  kClassCall,
  kInstanceCall,
  kThread,
  kProcess,
  kFolded,
};

// 0: none.
uint32_t category_iid(const spool::FunctionInfo* function);

// Categories that packets use between two clearings of a sequence's state. Thread-bound.
class Categories {
 public:
  // Forgets what was given; returns what is to be interned beforehand: all of ours.
  const std::string& start();
  // Sets the category of an event; what is new goes to `packet`.
  void set(ProtoMessage& event, std::string_view category, ProtoMessage& packet);

 private:
  std::map<std::string, uint32_t, std::less<>> given_;
};

}  // namespace vtn::report
