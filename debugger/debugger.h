// SPDX-License-Identifier: Apache-2.0
//
// A conversation about a recording: where it is, and what a line that somebody typed makes of it.
// Knows no terminal. Thread-bound.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "debugger/cursor.h"
#include "debugger/function_pattern.h"
#include "debugger/recording.h"
#include "debugger/source_text.h"

namespace vtn::debugger {

struct Breakpoint {
  uint32_t number;
  FunctionPattern function;
};

// What the commands work on.
class Debugger {
  std::map<uint32_t, std::unique_ptr<Timeline>> timelines_;  // by thread; the cursor is on one

 public:
  // The recording must hold a thread and outlive it. It begins at the first thread's beginning.
  explicit Debugger(const Recording& recording);

  struct Answer {
    std::string text;  // lines, each with its end; valid UTF-8
    bool failed = false;
    bool quit = false;
  };
  // A line, however it was typed. An empty one and a comment (#) do nothing.
  Answer answer(std::string_view line);
  // What there is to be said before the first one.
  std::string greeting();
  // What the last word of the line may be; the whole words.
  std::vector<std::string> completions(std::string_view line) const;

  // -- for the commands

  const Recording& recording;
  Cursor cursor;
  uint32_t up = 0;  // the call that is looked at: so many levels above the innermost
  std::vector<Breakpoint> breakpoints;
  uint32_t next_breakpoint = 1;
  std::string last_find;
  SourceText source;
  bool over = false;  // it was asked to end

  Timeline& timeline() const { return cursor.timeline(); }
  Timeline& timeline_of(uint32_t thread);
  const spool::ImageInfo& image() const { return timeline().image(); }
  uint64_t now_absolute_ns() const { return recording.zero_ns() + cursor.now_ns(); }
  // To another thread, at the time where it is.
  Status switch_to(uint32_t thread);
  // The level that is looked at; nothing: no call is open.
  Result<std::optional<uint32_t>> level();
};

}  // namespace vtn::debugger
