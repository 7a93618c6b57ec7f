// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of a viewer. The calls of one thread in a stretch of time, every one of them, read from
// the recording: what a page asks for where it has come so near that its folds are too coarse.
//
// An answer is
//   u32   how long the JSON is
//         {"from_ns":..,"to_ns":..,"functions":[["name","file",line,kind],..],"values":[[depth,row,
//         line,{..}|null,"returned"|null],..]}
//         calls blocks (docs/PAGE_FORMAT.md), codes being places in that list of functions
// It has the calls that end between from_ns and to_ns, which is the stretch that was asked for and
// some more; those that are still open at to_ns are not in it. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/html/tables.h"
#include "report/picture.h"
#include "spool/reader.h"

namespace vtn::report {

class PageWindows {
 public:
  // Threads are numbered as on the page of that recording. Everything must outlive it.
  PageWindows(const spool::Reader& spool, const Picture& picture);

  size_t threads() const { return threads_.model_thread.size(); }

  // Times since the report's start. With more than `most_calls` calls it has none, and
  // "too_many":true.
  Result<std::string> rows(uint32_t page_thread,
                           uint64_t from_ns,
                           uint64_t to_ns,
                           uint64_t most_calls) const;

 private:
  const spool::Reader& spool_;
  const Picture& picture_;
  const PageThreads threads_;
  uint64_t offset_ns_ = 0;
  std::vector<std::vector<uint32_t>> frames_;  // by the model's threads, in order
};

// What a server and the page that it has made of a recording call that page: a recording that has
// grown since has another name.
std::string page_name(const spool::Reader& spool);

// The time that a page's times count from.
uint64_t page_start_ns(const Picture& picture, const PageThreads& threads);

}  // namespace vtn::report
