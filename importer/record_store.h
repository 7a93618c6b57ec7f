// SPDX-License-Identifier: Apache-2.0
//
// All records of an import, sorted by thread and time in bounded memory: runs of them are sorted in
// memory and spilled to a file without a name, then merged thread by thread. What fits one run is
// never written. Thread-bound.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>

#include "base/fd.h"
#include "base/result.h"
#include "importer/record.h"

namespace vtn::importer {

class RecordStore {
 public:
  static constexpr size_t kRunRecords = size_t{1} << 20;
  static constexpr size_t kRunPayloadBytes = size_t{64} << 20;

  // `folder`: where it spills to.
  explicit RecordStore(std::string folder, size_t run_records = kRunRecords)
      : folder_(std::move(folder)), run_records_(run_records) {}

  // record.order and what concerns the payload are set here.
  Status add(Record record, std::string_view payload);
  // Nothing is added any more.
  Status finish();

  // The records of some threads, which are taken for one, in the order of happened_before().
  class Merge {
   public:
    // False: there are no more, or status() is an error.
    bool next();
    const Record& record() const { return *record_; }
    std::string_view payload() const { return payload_; }
    // Greater for what was told later.
    uint64_t order() const { return order_; }
    const Status& status() const { return status_; }

   private:
    friend class RecordStore;
    struct Part;
    bool less(size_t a, size_t b) const;
    std::vector<std::unique_ptr<Part>> parts_;
    std::vector<size_t> heap_;  // of parts that have a record
    Part* current_ = nullptr;
    const Record* record_ = nullptr;
    std::string_view payload_;
    uint64_t order_ = 0;
    Status status_;

   public:
    Merge();
    Merge(Merge&&) noexcept;
    ~Merge();
  };
  Merge merge(std::span<const uint32_t> threads) const;

  uint64_t records() const { return records_; }
  size_t runs() const { return runs_.size(); }

 private:
  struct Segment {
    uint32_t thread;
    uint64_t begin;  // offset in the file; in memory the index of the first record
    uint64_t end;
  };
  struct Run {
    std::vector<Segment> segments;  // by thread
    bool in_memory = false;
  };
  void sort_run();
  Status spill();

  std::string folder_;
  size_t run_records_;
  std::vector<Record> pending_;
  std::string payloads_;
  std::vector<Run> runs_;
  UniqueFd file_;
  uint64_t file_end_ = 0;
  uint64_t records_ = 0;
};

}  // namespace vtn::importer
