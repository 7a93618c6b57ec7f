// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of frames with notes. The values that notes told of a frame's calls: arguments by name,
// what a call returned or yielded, what the program attached to it. Which call a note belongs to
// follows from where it stands (NoteKind). Thread-bound, used again from frame to frame; texts are
// valid until the next frame.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "abi/event_abi.h"
#include "report/values.h"
#include "spool/codec.h"
#include "spool/model.h"

namespace vtn::report {

inline constexpr char kArgumentsKey[] = "func_args";  // VizTracer's words
inline constexpr char kReturnValueKey[] = "return_value";

// Texts are shown so far.
inline constexpr size_t kMostValueBytes = 2000;

class CallValues {
 public:
  void start() {
    open_.clear();
    arguments_ = value_ = named_ = arguments_of_end_ = nullptr;
  }
  // False: it is none of values.
  bool note(const spool::Note& note) {
    switch (static_cast<NoteKind>(note.kind)) {
      case NoteKind::kArguments:
      case NoteKind::kFold:
        arguments_ = &note;
        return true;
      case NoteKind::kReturnValue:
        value_ = &note;
        return true;
      case NoteKind::kNamedValues:
        named_ = &note;
        return true;
      case NoteKind::kArgumentsOfEnd:
        arguments_of_end_ = &note;
        return true;
      default:
        return false;
    }
  }
  // A call begins; its arguments, or what it stands for, or null.
  const spool::Note* begin() {
    open_.push_back(arguments_);
    value_ = named_ = nullptr;
    return std::exchange(arguments_, nullptr);
  }

  struct Ended {
    const spool::Note* arguments;     // null: none told; of a fold: what it stands for
    const spool::Note* return_value;  // likewise
    const spool::Note* named;         // what the program attached; likewise
    bool has_arguments() const { return arguments != nullptr || named != nullptr; }
  };
  // The innermost call ends: one of this frame's, or one that was open before it.
  Ended end() {
    Ended ended = {std::exchange(arguments_of_end_, nullptr),
                   std::exchange(value_, nullptr),
                   std::exchange(named_, nullptr)};
    if (!open_.empty()) {
      ended.arguments = open_.back();
      open_.pop_back();
    }
    arguments_ = nullptr;
    return ended;
  }

 private:
  std::vector<const spool::Note*> open_;  // begun in the frame
  const spool::Note* arguments_ = nullptr;
  const spool::Note* value_ = nullptr;
  const spool::Note* named_ = nullptr;
  const spool::Note* arguments_of_end_ = nullptr;
};

// Of a call that never ended, as its image's end told. False: nothing was.
struct OpenCallValues {
  OpenCallValues(const spool::ImageInfo& image, uint32_t thread, size_t depth);
  CallValues::Ended ended() const {
    return {has_arguments ? &arguments : nullptr, nullptr, has_named ? &named : nullptr};
  }
  spool::Note arguments = {};
  spool::Note named = {};
  bool has_arguments = false;
  bool has_named = false;
};

using ValueTexts = std::vector<std::pair<std::string, std::string>>;  // by name

// Of each argument that a note tells of; `function` may be null.
ValueTexts argument_texts(const spool::Note& note, const spool::FunctionInfo* function);
// Of each value that the program attached (NoteKind::kNamedValues).
ValueTexts named_texts(const spool::Note& note);
// All of a call's: an argument has the value that was attached by its name.
ValueTexts argument_texts(const CallValues::Ended& values, const spool::FunctionInfo* function);

// The value that a note tells of.
std::string value_text(const spool::Note& note);

}  // namespace vtn::report
