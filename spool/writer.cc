// SPDX-License-Identifier: Apache-2.0
#include "spool/writer.h"

#include <algorithm>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include <fmt/format.h>

#include "abi/event_abi.h"
#include "base/file.h"

namespace vtn::spool {

namespace {

constexpr int kSourceLevel = 3;
constexpr uint64_t kStatBlockBytes = 512;  // what st_blocks counts

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

uint32_t marks_in(const std::vector<Note>& notes) {
  return static_cast<uint32_t>(std::count_if(
      notes.begin(), notes.end(), [](const Note& note) { return note.kind >= kFirstMark; }));
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::start(UniqueFd fd, const FileHeader& header) {
  auto model = std::make_unique<Model>();
  model->header = header;
  std::unique_ptr<Writer> writer(new Writer(std::move(fd), std::move(model)));
  {
    MutexLock lock(writer->mutex_);
    VTN_TRY(writer->write_at_end(bytes_of(header), {}, {}));
  }
  return writer;
}

Result<std::unique_ptr<Writer>> Writer::resume(UniqueFd fd,
                                               std::unique_ptr<Model> model,
                                               uint64_t end_offset) {
  for (const auto& [process, info] : model->dropped) {
    if (info.until_offset > end_offset) {
      return fail(
          fmt::format("the spool ends at offset {}, before offset {} up to which it was dropped",
                      end_offset,
                      info.until_offset));
    }
  }
  struct stat file = {};
  if (ftruncate(fd.get(), static_cast<off_t>(end_offset)) != 0 || fstat(fd.get(), &file) != 0) {
    return fail_errno("cannot cut the spool behind its last whole frame");
  }
  const uint64_t taken = static_cast<uint64_t>(file.st_blocks) * kStatBlockBytes;
  std::unique_ptr<Writer> writer(
      new Writer(std::move(fd), std::move(model), end_offset - std::min(end_offset, taken)));
  MutexLock lock(writer->mutex_);
  writer->end_ = end_offset;
  for (const auto& [process, info] : writer->model_->dropped) {
    // It may have been told of behind the end. Where that fails, so does all that follows.
    (void)writer->tell_dropped(process, info);
  }
  return writer;
}

Status Writer::write_at_end(std::string_view first,
                            std::string_view second,
                            std::string_view third) {
  if (failure_ != 0) {
    return fail_errno("cannot write the spool", failure_);
  }
  struct iovec parts[3] = {{const_cast<char*>(first.data()), first.size()},
                           {const_cast<char*>(second.data()), second.size()},
                           {const_cast<char*>(third.data()), third.size()}};
  const size_t total = first.size() + second.size() + third.size();
  size_t done = 0;
  size_t part = 0;
  while (done < total) {
    while (parts[part].iov_len == 0) {
      ++part;
    }
    const ssize_t got = pwritev(
        fd_.get(), parts + part, static_cast<int>(3 - part), static_cast<off_t>(end_ + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      failure_ = got == 0 ? ENOSPC : errno;
      (void)ftruncate(fd_.get(), static_cast<off_t>(end_));
      return fail_errno("cannot write the spool", failure_);
    }
    done += static_cast<size_t>(got);
    for (auto left = static_cast<size_t>(got); left > 0 && part < 3;) {
      const size_t step = left < parts[part].iov_len ? left : parts[part].iov_len;
      parts[part].iov_base = static_cast<char*>(parts[part].iov_base) + step;
      parts[part].iov_len -= step;
      left -= step;
      if (parts[part].iov_len == 0) {
        ++part;
      }
    }
  }
  end_ += total;
  return {};
}

Status Writer::append(FrameKind kind, std::string_view first, std::string_view second) {
  MutexLock lock(mutex_);
  return append_frame(kind, first, second);
}

Status Writer::append_thread_name(uint32_t image, uint32_t thread, std::string_view record) {
  const NamesFrame frame = {image, 0};
  MutexLock lock(mutex_);
  const uint64_t offset = end_;
  VTN_TRY(append_frame(FrameKind::kNames, bytes_of(frame), record));
  if (newest_ != nullptr) {
    names_[{image, thread}].push_back({offset, end_});
  }
  return {};
}

Status Writer::append_frame(FrameKind kind, std::string_view first, std::string_view second) {
  const FrameHead head = {kFrameMagic, static_cast<uint32_t>(kind), first.size() + second.size()};
  Status status = write_at_end(bytes_of(head), first, second);
  // Facts of the run are known to the report that follows, even if the disk is full or broken.
  bool known = false;
  if (second.empty()) {
    known = model_->add_frame(kind, first);
  } else {
    std::string whole(first);
    whole += second;
    known = model_->add_frame(kind, whole);
  }
  if (kind == FrameKind::kImageEnd && known && newest_ != nullptr) {
    ImageEndFrame end;
    memcpy(&end, first.data(), sizeof(end));
    drop_oldest(model_->images[end.image].process);
  }
  return status;
}

Status Writer::append_source(const std::string& path, std::string_view text) {
  if (text.size() > kMaxSourceBytes || path.size() > UINT16_MAX) {
    return fail("a source file is too large for a recording", EFBIG);
  }
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), kSourceLevel);
  packed.resize(ZSTD_isError(size) != 0 ? 0 : size);
  const bool smaller = !packed.empty() && packed.size() < text.size();
  const std::string_view stored = smaller ? std::string_view(packed) : text;
  const SourceFrame frame = {static_cast<uint32_t>(path.size()),
                             static_cast<uint32_t>(text.size()),
                             static_cast<uint32_t>(stored.size()),
                             0};
  std::string body(bytes_of(frame));
  body += path;
  body += stored;
  const FrameHead head = {kFrameMagic, static_cast<uint32_t>(FrameKind::kSource), body.size()};
  MutexLock lock(mutex_);
  const uint64_t offset = end_;
  VTN_TRY(write_at_end(bytes_of(head), body, {}));
  (void)model_->add_source(body, offset + sizeof(head));
  return {};
}

Status Writer::append_events(const FrameColumns& columns, std::string_view frame) {
  MutexLock lock(mutex_);
  const uint64_t offset = end_;
  VTN_TRY(write_at_end(frame, {}, {}));
  if (!model_->add_events(
          columns.head, columns.left_open, offset, frame.size() - sizeof(FrameHead))) {
    // Taken back: a reader would stop there.
    end_ = offset;
    (void)ftruncate(fd_.get(), static_cast<off_t>(end_));
    return fail("a frame of events does not follow the one before");
  }
  const uint32_t process = model_->images[columns.head.image].process;
  if (newest_ != nullptr &&
      newest_->add(process, {{offset, end_}, columns.head.calls, marks_in(columns.notes)})) {
    drop_oldest(process);
  }
  return {};
}

// A recording that goes on: how many marks its frames have, only they themselves know.
void Writer::keep_newest(uint64_t entries, uint64_t worth_bytes) {
  MutexLock lock(mutex_);
  newest_ = std::make_unique<NewestCalls>(entries, worth_bytes);
  FrameDecoder decoder;
  DecodedFrame decoded;
  std::string body;
  for (const FrameInfo& frame : model_->frames) {
    body.resize(frame.body_bytes);
    const auto got =
        pread_all(fd_.get(), body.data(), body.size(), frame.offset + sizeof(FrameHead));
    const bool whole = got && *got == body.size() && decoder.decode(body, decoded);
    (void)newest_->add(model_->images[model_->threads[frame.thread].image].process,
                       {{frame.offset, frame.offset + sizeof(FrameHead) + frame.body_bytes},
                        frame.calls,
                        whole ? marks_in(decoded.notes) : 0});
  }
}

Status Writer::tell_dropped(uint32_t process, const DroppedInfo& info) {
  const std::string told = info.serialize(process);
  const FrameHead head = {kFrameMagic, static_cast<uint32_t>(FrameKind::kDropped), told.size()};
  return write_at_end(bytes_of(head), told, {});
}

// What tells of it is in the file before anything is wiped: cut at any place it can be read.
void Writer::drop_oldest(uint32_t process) {
  if (failure_ != 0) {
    return;
  }
  std::vector<NewestCalls::Frame> oldest = newest_->take(process);
  const auto known = model_->dropped.find(process);
  DroppedInfo info = known == model_->dropped.end() ? DroppedInfo() : known->second;
  FrameDecoder decoder;
  DecodedFrame frame;
  std::string body;
  for (size_t i = 0; i < oldest.size(); ++i) {
    const FilePart& part = oldest[i].part;
    body.resize(part.end - part.begin - sizeof(FrameHead));
    const auto got = pread_all(fd_.get(), body.data(), body.size(), part.begin + sizeof(FrameHead));
    if (!got || *got != body.size() || !decoder.decode_side(body, frame) ||
        !model_->is_of(process, frame.head) || !info.pass(frame.head, frame.left_open)) {
      oldest.resize(i);  // it cannot be read back: from here on all is kept
      newest_.reset();
      break;
    }
    info.marks += oldest[i].marks;
    info.until_offset = part.end;
  }
  const uint64_t offset = end_;
  if (oldest.empty() || !tell_dropped(process, info)) {
    return;
  }
  const auto forgotten = model_->drop_events(process, std::move(info));
  for (size_t i = 0; i < oldest.size();) {
    FilePart run = oldest[i++].part;
    while (i < oldest.size() && oldest[i].part.begin == run.end &&
           oldest[i].part.end - run.begin <= kMaxBodyBytes) {
      run.end = oldest[i++].part.end;
    }
    free_.add(run);
  }
  if (newest_ != nullptr) {
    free_.add(newest_->told(process, {offset, end_}));
  }
  for (const auto& thread : forgotten) {
    if (const auto names = names_.find(thread); names != names_.end()) {
      for (const FilePart& part : names->second) {
        free_.add(part);
      }
      names_.erase(names);
    }
  }
}

Status Writer::close() {
  MutexLock lock(mutex_);
  const std::vector<uint32_t> processes =
      newest_ != nullptr ? newest_->with_surplus() : std::vector<uint32_t>();
  for (const uint32_t process : processes) {
    if (newest_ != nullptr) {
      drop_oldest(process);
    }
  }
  const std::string body = model_->serialize_threads();
  const FrameHead head = {kFrameMagic, static_cast<uint32_t>(FrameKind::kIndex), body.size()};
  const FileTrailer trailer = {end_, kTrailerMagic};
  return write_at_end(bytes_of(head), body, bytes_of(trailer));
}

int Writer::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

uint64_t Writer::bytes_taken() const {
  MutexLock lock(mutex_);
  return end_ - free_.bytes();
}

uint64_t Writer::bytes() const {
  MutexLock lock(mutex_);
  return end_;
}

}  // namespace vtn::spool
