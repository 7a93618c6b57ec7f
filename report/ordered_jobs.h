// SPDX-License-Identifier: Apache-2.0
//
// A pool that makes pieces of a file in parallel and puts them behind one another, in order.
// Workers make a piece, its place is known once all before it are made, and whoever is free writes
// it there. At most a few pieces per worker exist at a time, so memory is bounded.
#pragma once

#include <functional>

#include "base/result.h"
#include "report/byte_buffer.h"
#include "report/output_file.h"

namespace vtn::report {

struct OrderedJobs {
  size_t count = 0;
  // Called on worker threads, each job once. `worker` numbers the thread, from 0.
  std::function<Status(size_t job, unsigned worker, ByteBuffer& to)> make;
  // Called now and then on the calling thread with the jobs that are done. May be empty. False:
  // give up, with ECANCELED.
  std::function<bool(size_t done)> progress;
};

// Appends all pieces to `output`, on `workers` threads, or as many as can be started, or this one.
// Returns the first error; then the output is incomplete.
Status run_ordered(const OrderedJobs& jobs, unsigned workers, OutputFile& output);

}  // namespace vtn::report
