// SPDX-License-Identifier: Apache-2.0
//
// The second way through a recording. pieces.h hands frames out in any order, for files that are
// made of pieces; here each thread's frames come in the order of its calls, different threads in
// parallel: for whatever needs to know what was open before.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "report/formats.h"
#include "spool/codec.h"
#include "spool/reader.h"

namespace vtn::report {

// What one thread's frames are handed to, in order. Thread-bound.
class ThreadPass {
 public:
  virtual ~ThreadPass() = default;
  virtual Status take(const spool::FrameInfo& info, const spool::DecodedFrame& frame) = 0;
};

struct ThreadPasses {
  // Called once for each thread of the model, on any of the workers.
  std::function<std::unique_ptr<ThreadPass>(uint32_t thread)> begin;
  // After its last frame, on the worker that had the thread: make use of the pass. Calls for
  // different threads overlap.
  std::function<void(uint32_t thread, ThreadPass& pass)> end;
};

// All threads of the model. Returns the first error; then some threads have no end. `progress` may
// be empty and is called on the calling thread.
Status pass_in_order(const spool::Reader& spool,
                     unsigned workers,
                     const Progress& progress,
                     const ThreadPasses& passes);

}  // namespace vtn::report
