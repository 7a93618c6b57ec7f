// SPDX-License-Identifier: Apache-2.0
//
// What a fold stands for, as a folded recording says it: the note NoteKind::kFold in front of the
// slice's begin. In varints: calls that ended by an exception, busy_ns, and for each function its
// id less that of the one before, and its calls.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <stdint.h>

#include "abi/event_abi.h"
#include "report/fold/row.h"
#include "spool/columns.h"
#include "spool/model.h"
#include "spool/varint.h"

namespace vtn::report {

inline bool is_fold(const spool::Note& note) {
  return note.kind == static_cast<uint32_t>(NoteKind::kFold);
}

struct FoldNote {
  uint64_t calls = 0;                         // of all depths
  uint64_t raised = 0;                        // of them
  uint64_t busy_ns = 0;                       // of its outermost calls, together
  std::vector<FunctionCount> functions = {};  // each once, by id; of all depths

  void append_to(std::string& bytes) const {
    spool::append_varint(bytes, raised);
    spool::append_varint(bytes, busy_ns);
    uint32_t last = 0;
    for (const FunctionCount& count : functions) {
      spool::append_varint(bytes, count.function - last);
      spool::append_varint(bytes, count.calls);
      last = count.function;
    }
  }

  // The same by functions of the image: where a generator goes on has the id behind its function's.
  static std::vector<FunctionCount> by_function(const spool::ImageInfo& image,
                                                std::span<const FunctionCount> counts) {
    std::vector<FunctionCount> all;
    for (const FunctionCount& count : counts) {
      const spool::FunctionInfo* const function = image.function(count.function);
      if (function == nullptr || !function->resumed()) {
        all.push_back(count);
      } else if (!all.empty() && all.back().function + 1 == count.function) {
        all.back().calls += count.calls;
      } else {
        all.push_back({count.function - 1, count.calls});
      }
    }
    return all;
  }

  // As far as it makes sense: nobody vouches for the bytes.
  static FoldNote read(const spool::Note& note) {
    FoldNote fold = {.calls = note.key};
    spool::VarintReader from(note.bytes.data(), note.bytes.data() + note.bytes.size());
    fold.raised = from.next();
    fold.busy_ns = from.next();
    uint64_t last = 0;
    while (!from.at_end()) {
      const uint64_t step = from.next();
      const uint64_t calls = from.next();
      last += step;
      if (from.failed() || last > UINT32_MAX || calls == 0 ||
          (step == 0 && !fold.functions.empty())) {
        break;
      }
      fold.functions.push_back({static_cast<uint32_t>(last), calls});
    }
    return fold;
  }
};

}  // namespace vtn::report
