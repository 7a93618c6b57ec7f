// SPDX-License-Identifier: Apache-2.0
#include "importer/record_store.h"

#include <algorithm>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"

namespace vtn::importer {

namespace {

constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr size_t kReadBytes = size_t{1} << 17;

}  // namespace

Status RecordStore::add(Record record, std::string_view payload) {
  if (pending_.size() == run_records_ || payloads_.size() + payload.size() > kRunPayloadBytes) {
    VTN_TRY(spill());
  }
  record.order = static_cast<uint32_t>(pending_.size());
  record.payload_at = static_cast<uint32_t>(payloads_.size());
  record.payload_bytes = static_cast<uint32_t>(payload.size());
  payloads_ += payload;
  pending_.push_back(record);
  ++records_;
  return {};
}

void RecordStore::sort_run() {
  std::sort(pending_.begin(), pending_.end(), [](const Record& a, const Record& b) {
    return a.thread != b.thread ? a.thread < b.thread : happened_before(a, 0, b, 0);
  });
}

Status RecordStore::spill() {
  if (pending_.empty()) {
    return {};
  }
  if (!file_) {
    VTN_ASSIGN(file_, unnamed_file(folder_));
  }
  sort_run();
  Run& run = runs_.emplace_back();
  std::string out;
  const auto put = [&]() -> Status {
    for (size_t done = 0; done < out.size();) {
      const ssize_t got = pwrite(file_.get(),
                                 out.data() + done,
                                 out.size() - done,
                                 static_cast<off_t>(file_end_ - out.size() + done));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        return fail_errno("cannot write a temporary file", got == 0 ? ENOSPC : errno);
      }
      done += static_cast<size_t>(got);
    }
    out.clear();
    return {};
  };
  for (const Record& record : pending_) {
    if (run.segments.empty() || run.segments.back().thread != record.thread) {
      run.segments.push_back({record.thread, file_end_, file_end_});
    }
    out.append(reinterpret_cast<const char*>(&record), sizeof(record));
    out.append(payloads_, record.payload_at, record.payload_bytes);
    file_end_ += sizeof(record) + record.payload_bytes;
    run.segments.back().end = file_end_;
    if (out.size() >= kWriteBytes) {
      VTN_TRY(put());
    }
  }
  VTN_TRY(put());
  pending_.clear();
  payloads_.clear();
  return {};
}

Status RecordStore::finish() {
  if (!runs_.empty()) {
    VTN_TRY(spill());
    pending_.shrink_to_fit();
    payloads_.shrink_to_fit();
    return {};
  }
  sort_run();
  Run& run = runs_.emplace_back();
  run.in_memory = true;
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (run.segments.empty() || run.segments.back().thread != pending_[i].thread) {
      run.segments.push_back({pending_[i].thread, i, i});
    }
    run.segments.back().end = i + 1;
  }
  return {};
}

// One segment, from front to back.
struct RecordStore::Merge::Part {
  uint32_t run = 0;
  uint64_t at = 0;
  uint64_t end = 0;
  const Record* records = nullptr;  // in memory
  const std::string* payloads = nullptr;
  int fd = -1;
  std::string buffer;  // from the file
  size_t taken = 0;
  Record copy = {};
  const Record* record = nullptr;
  std::string_view payload;

  // False: it is at its end.
  Result<bool> next() {
    if (records != nullptr) {
      if (at == end) {
        return false;
      }
      record = &records[at++];
      payload = std::string_view(*payloads).substr(record->payload_at, record->payload_bytes);
      return true;
    }
    if (at == end && taken == buffer.size()) {
      return false;
    }
    VTN_TRY(have(sizeof(copy)));
    memcpy(&copy, buffer.data() + taken, sizeof(copy));
    VTN_TRY(have(sizeof(copy) + copy.payload_bytes));
    payload = std::string_view(buffer).substr(taken + sizeof(copy), copy.payload_bytes);
    taken += sizeof(copy) + copy.payload_bytes;
    record = &copy;
    return true;
  }

  Status have(size_t bytes) {
    if (buffer.size() - taken >= bytes) {
      return {};
    }
    buffer.erase(0, taken);
    taken = 0;
    const size_t had = buffer.size();
    buffer.resize(std::max(had + std::min<uint64_t>(kReadBytes, end - at), bytes));
    VTN_ASSIGN(const size_t got, pread_all(fd, buffer.data() + had, buffer.size() - had, at));
    at += got;
    if (got != buffer.size() - had) {
      return fail("a temporary file is shorter than it was", EIO);
    }
    return {};
  }
};

RecordStore::Merge::Merge() = default;
RecordStore::Merge::Merge(Merge&&) noexcept = default;
RecordStore::Merge::~Merge() = default;

bool RecordStore::Merge::less(size_t a, size_t b) const {
  return happened_before(*parts_[a]->record, parts_[a]->run, *parts_[b]->record, parts_[b]->run);
}

bool RecordStore::Merge::next() {
  // A heap's front is the greatest: here the one that happened first.
  const auto later = [this](size_t a, size_t b) { return less(b, a); };
  if (current_ != nullptr) {
    auto got = current_->next();
    if (!got) {
      status_ = tl::unexpected<Error>(std::move(got).error());
      return false;
    }
    if (heap_.size() > 1) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      if (*got) {
        std::push_heap(heap_.begin(), heap_.end(), later);
      } else {
        heap_.pop_back();
      }
    } else if (!*got) {
      heap_.clear();
    }
  } else {
    for (size_t i = 0; i < parts_.size(); ++i) {
      auto got = parts_[i]->next();
      if (!got) {
        status_ = tl::unexpected<Error>(std::move(got).error());
        return false;
      }
      if (*got) {
        heap_.push_back(i);
      }
    }
    std::make_heap(heap_.begin(), heap_.end(), later);
  }
  if (heap_.empty()) {
    return false;
  }
  current_ = parts_[heap_.front()].get();
  record_ = current_->record;
  payload_ = current_->payload;
  order_ = (uint64_t{current_->run} << 32) | record_->order;
  return true;
}

RecordStore::Merge RecordStore::merge(std::span<const uint32_t> threads) const {
  Merge merge;
  for (size_t i = 0; i < runs_.size(); ++i) {
    for (const uint32_t thread : threads) {
      const auto found = std::lower_bound(
          runs_[i].segments.begin(),
          runs_[i].segments.end(),
          thread,
          [](const Segment& segment, uint32_t wanted) { return segment.thread < wanted; });
      if (found == runs_[i].segments.end() || found->thread != thread) {
        continue;
      }
      auto part = std::make_unique<Merge::Part>();
      part->run = static_cast<uint32_t>(i);
      part->at = found->begin;
      part->end = found->end;
      if (runs_[i].in_memory) {
        part->records = pending_.data();
        part->payloads = &payloads_;
      } else {
        part->fd = file_.get();
      }
      merge.parts_.push_back(std::move(part));
    }
  }
  return merge;
}

}  // namespace vtn::importer
