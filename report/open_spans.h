// SPDX-License-Identifier: Apache-2.0
//
// Which spans never ended, of those that are no part of a stack: found while frames are read in any
// order, for formats that are made of pieces. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/mutex.h"
#include "spool/codec.h"

namespace vtn::report {

struct OpenSpan {
  uint32_t thread = 0;  // of the model, in which it began
  uint32_t image = 0;
  uint64_t key = 0;  // of its name
  uint64_t ticks = 0;
  std::string bytes;  // its values

  // What was noted as it began.
  spool::Note note() const;
};

class OpenSpans {
 public:
  // A note of either kind (NoteKind::kSpanBegin, kSpan).
  void take(uint32_t thread, uint32_t image, const spool::Note& note);
  // Once all notes were taken; in the order of images, names and time.
  std::vector<OpenSpan> left() const;

 private:
  struct Half {
    bool begun;  // else: it has ended, and its beginning was not taken so far
    uint32_t thread;
    std::string bytes;
  };
  mutable Mutex mutex_;
  std::map<std::tuple<uint32_t, uint64_t, uint64_t>, Half> halves_ VTN_GUARDED_BY(mutex_);
};

}  // namespace vtn::report
