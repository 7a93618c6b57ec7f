// SPDX-License-Identifier: Apache-2.0
//
// Opens a spool or `.vtn` file. The file is hostile: what does not make sense is an Error with its
// offset, or the end of what is readable. Frames are read with pread: thread-safe after open.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "spool/model.h"

namespace vtn::spool {

class Reader {
 public:
  // `path` is for messages. A file without an index (its run was cut short) is read through; what
  // comes after the last whole frame is left out and model().truncated is set.
  static Result<std::unique_ptr<Reader>> open(UniqueFd fd, const std::string& path);
  // The same file, just written: its model is known.
  static std::unique_ptr<Reader> adopt(UniqueFd fd,
                                       const std::string& path,
                                       std::unique_ptr<Model> model);

  const Model& model() const { return *model_; }
  std::unique_ptr<Model> take_model() { return std::move(model_); }
  UniqueFd take_fd() { return std::move(fd_); }
  const std::string& path() const { return path_; }
  // Of the file, wherever it is by now.
  int fd() const { return fd_.get(); }
  // It ends with an index: it was closed in order, nothing is missing.
  bool closed() const { return closed_; }
  // Behind the last whole frame; the index and trailer do not count.
  uint64_t end_offset() const { return end_offset_; }

  // Source text that the file holds (model().sources).
  Result<std::string> read_source(const SourceInfo& source) const;

  // The body of a frame of events; `buffer` is the caller's, one per thread.
  Result<std::string_view> read_body(const FrameInfo& frame, std::string& buffer) const;

 private:
  Reader(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Status read(uint64_t file_bytes);
  Result<bool> read_head(uint64_t offset, uint64_t file_bytes, FrameHead& head);
  Status read_dropped(uint64_t file_bytes);
  Status read_frames(uint64_t file_bytes, bool with_events);
  bool read_index(uint64_t file_bytes);

  UniqueFd fd_;
  std::string path_;
  std::unique_ptr<Model> model_ = std::make_unique<Model>();
  uint64_t end_offset_ = 0;
  bool closed_ = false;
};

// Whether its run goes on: a recorder holds a lock on what it writes.
bool is_being_recorded(const std::string& path);

}  // namespace vtn::spool
