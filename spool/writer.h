// SPDX-License-Identifier: Apache-2.0
//
// Appends frames to a spool file and keeps the model of what it holds. Thread-safe. A frame that
// cannot be written (no space, an I/O error, a limit or quota) is taken back whole, and the writer
// refuses all that follows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"
#include "base/result.h"
#include "spool/clock_map.h"
#include "spool/codec.h"
#include "spool/free_space.h"
#include "spool/model.h"
#include "spool/newest_calls.h"

namespace vtn::spool {

// The header of a file whose stamps are of `clock`; trace_id and created_realtime_ns are 0.
constexpr FileHeader file_header(ClockKind clock) {
  FileHeader header = {};
  header.magic = kSpoolMagic;
  header.version = kSpoolVersion;
  header.header_bytes = sizeof(header);
  header.clock_kind = static_cast<uint32_t>(clock);
  header.tick_step = tick_step_of(clock);
  return header;
}

class Writer {
 public:
  // Starts a file: `fd` is empty, open for reading and writing.
  static Result<std::unique_ptr<Writer>> start(UniqueFd fd, const FileHeader& header);
  // Goes on behind the last whole frame of a file that was cut (its model has been read).
  static Result<std::unique_ptr<Writer>> resume(UniqueFd fd,
                                                std::unique_ptr<Model> model,
                                                uint64_t end_offset);

  // Of each process only the newest frames of events are kept that hold so many calls and marks;
  // older ones are dropped, `worth_bytes` at a time, and the last of them when an image has ended
  // and by close(). Before anything is appended.
  void keep_newest(uint64_t entries, uint64_t worth_bytes = kWorthBytes);
  static constexpr uint64_t kWorthBytes = uint64_t{1} << 18;

  // Any frame but events. The model learns of it in any case.
  Status append(FrameKind kind, std::string_view body) { return append(kind, body, {}); }
  Status append(FrameKind kind, std::string_view first, std::string_view second);
  // A name of a thread, as its names record: it is kept as long as anything is known of the thread.
  Status append_thread_name(uint32_t image, uint32_t thread, std::string_view record);
  // Source text of the program; what is too long is refused.
  Status append_source(const std::string& path, std::string_view text);
  // `frame` is what FrameEncoder::encode() made of `columns`.
  Status append_events(const FrameColumns& columns, std::string_view frame);

  template <class T>
  Status append_struct(FrameKind kind, const T& body, std::string_view text = {}) {
    return append(kind, std::string_view(reinterpret_cast<const char*>(&body), sizeof(body)), text);
  }

  // Writes index and trailer. Nothing may be appended afterwards.
  Status close();

  bool failed() const { return failure() != 0; }
  // The errno of the write that failed; 0: none has.
  int failure() const;
  uint64_t bytes() const;
  // Less what was given back to the file system.
  uint64_t bytes_taken() const;
  int fd() const { return fd_.get(); }
  // Not while others append.
  Model& model() {
    const MutexLock lock(mutex_);
    return *model_;
  }
  std::unique_ptr<Model> take_model() {
    const MutexLock lock(mutex_);
    return std::move(model_);
  }

 private:
  Writer(UniqueFd fd, std::unique_ptr<Model> model, uint64_t free_bytes = 0)
      : fd_(std::move(fd)), model_(std::move(model)), free_(fd_.get(), free_bytes) {}
  Status write_at_end(std::string_view first, std::string_view second, std::string_view third)
      VTN_REQUIRES(mutex_);
  Status append_frame(FrameKind kind, std::string_view first, std::string_view second)
      VTN_REQUIRES(mutex_);
  Status tell_dropped(uint32_t process, const DroppedInfo& info) VTN_REQUIRES(mutex_);
  void drop_oldest(uint32_t process) VTN_REQUIRES(mutex_);

  UniqueFd fd_;
  mutable Mutex mutex_;
  std::unique_ptr<Model> model_ VTN_GUARDED_BY(mutex_);
  uint64_t end_ VTN_GUARDED_BY(mutex_) = 0;
  int failure_ VTN_GUARDED_BY(mutex_) = 0;  // errno
  std::unique_ptr<NewestCalls> newest_ VTN_GUARDED_BY(mutex_);
  // Of threads, by image and number; only where frames are dropped.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<FilePart>> names_ VTN_GUARDED_BY(mutex_);
  FreeSpace free_ VTN_GUARDED_BY(mutex_);
};

}  // namespace vtn::spool
