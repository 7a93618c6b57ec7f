// SPDX-License-Identifier: Apache-2.0
//
// The data of a page on their way into it: each block becomes an element that the page reads
// (docs/PAGE_FORMAT.md), compressed on threads of its own, beside those that make the blocks.
// Elements stand in the order in which blocks were put.
//
// They wait in a file without a name: the page's head says what is in all of them, and comes first.
// put() is thread-safe; all else belongs to the thread that made the pipe.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/fd.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/threads.h"
#include "report/gzip.h"
#include "report/output_file.h"

namespace vtn::report {

// An element: `id` without "vtn-".
Result<std::string> page_element(GzipCompressor& gzip,
                                 std::string_view id,
                                 std::string_view attributes,
                                 std::string_view bytes);

class BlockPipe {
 public:
  // `folder`: where the file without a name is to be.
  static Result<std::unique_ptr<BlockPipe>> open(const std::string& folder, unsigned workers);
  ~BlockPipe();
  BlockPipe(const BlockPipe&) = delete;
  BlockPipe& operator=(const BlockPipe&) = delete;

  // `kind`: "calls"; `attributes` of the element: " data-thread=\"3\"". Returns the block's number
  // among those of its kind. May do the work itself, so that no more than a few blocks wait. Once
  // something has failed it fails.
  Result<uint32_t> put(const char* kind, std::string attributes, std::string bytes);

  // All that was put is in the file.
  Status finish();
  // Afterwards: how many there are, and how long all are.
  uint32_t count(const std::string& kind) const;
  uint64_t size() const { return size_; }
  Status copy_to(OutputFile& output) const;

 private:
  struct Job {
    uint64_t number = 0;
    std::string id;
    std::string attributes;
    std::string bytes;
  };

  BlockPipe(UniqueFd file, unsigned workers);
  void serve();
  Status work(const Job& job);
  std::unique_ptr<GzipCompressor> take_compressor();
  Status deliver(uint64_t number, std::string element);

  const UniqueFd file_;
  const size_t most_waiting_;
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<Job> waiting_ VTN_GUARDED_BY(mutex_);
  std::map<std::string, uint32_t> counts_ VTN_GUARDED_BY(mutex_);  // by kind
  uint64_t jobs_ VTN_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::string> made_ VTN_GUARDED_BY(mutex_);  // until it is their turn
  uint64_t written_ VTN_GUARDED_BY(mutex_) = 0;                  // elements
  std::vector<std::unique_ptr<GzipCompressor>> compressors_ VTN_GUARDED_BY(mutex_);  // free ones
  std::optional<Error> error_ VTN_GUARDED_BY(mutex_);
  bool over_ VTN_GUARDED_BY(mutex_) = false;
  uint64_t size_ = 0;  // of the file; of whoever holds the lock until finish()
  std::vector<Thread> threads_;
};

}  // namespace vtn::report
