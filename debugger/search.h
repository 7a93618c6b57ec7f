// SPDX-License-Identifier: Apache-2.0
//
// What is looked for in a thread: calls of functions, and values. A frame whose lists do not have
// it is passed over undecoded.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "debugger/function_pattern.h"
#include "debugger/timeline.h"
#include "report/call_values.h"

namespace vtn::debugger {

enum class Direction { kForward, kBackward };

// The nearest op at or behind `place` (backwards: before it) that begins a call of one of the ids
// (by id, as FunctionPattern has them). Nothing: there is none.
Result<std::optional<uint64_t>> find_call(Timeline& timeline,
                                          const std::vector<bool>& ids,
                                          uint64_t place,
                                          Direction direction);

// The nearest one that begins a call with an argument, or ends one with a return value or a value
// that the program attached, that holds the text.
Result<std::optional<uint64_t>> find_value(Timeline& timeline,
                                           const std::string& text,
                                           uint64_t place,
                                           Direction direction);

struct LongCall {
  uint32_t thread = 0;  // of the model
  uint64_t took_ns = 0;
  uint64_t start_ns = 0;
  std::optional<uint64_t> begin;  // op; nothing: before the thread's first
  uint64_t number = 0;
  bool open = false;  // it never ended: it took until its thread's end
};
// The calls of a function in all threads that took longest, up to `most`: the longest comes first,
// of equals the one that began first.
Result<std::vector<LongCall>> longest_calls(const Recording& recording,
                                            const std::function<Timeline&(uint32_t)>& timeline,
                                            const FunctionPattern& function,
                                            size_t most);

// Names and values of the arguments that were told, and of what the program attached.
report::ValueTexts texts_of_arguments(const spool::ImageInfo& image,
                                      uint32_t function,
                                      const report::CallValues::Ended& values);

}  // namespace vtn::debugger
