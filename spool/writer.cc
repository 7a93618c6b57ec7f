// SPDX-License-Identifier: Apache-2.0
#include "spool/writer.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

namespace vtn::spool {

namespace {

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
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
  if (ftruncate(fd.get(), static_cast<off_t>(end_offset)) != 0) {
    return fail_errno("cannot cut the spool behind its last whole frame");
  }
  std::unique_ptr<Writer> writer(new Writer(std::move(fd), std::move(model)));
  MutexLock lock(writer->mutex_);
  writer->end_ = end_offset;
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
  const FrameHead head = {kFrameMagic, static_cast<uint32_t>(kind), first.size() + second.size()};
  MutexLock lock(mutex_);
  Status status = write_at_end(bytes_of(head), first, second);
  // Facts of the run are known to the report that follows, even if the disk is full or broken.
  if (second.empty()) {
    (void)model_->add_frame(kind, first);
  } else {
    std::string whole(first);
    whole += second;
    (void)model_->add_frame(kind, whole);
  }
  return status;
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
  return {};
}

Status Writer::close() {
  MutexLock lock(mutex_);
  const std::string body = model_->serialize_threads();
  const FrameHead head = {kFrameMagic, static_cast<uint32_t>(FrameKind::kIndex), body.size()};
  const FileTrailer trailer = {end_, kTrailerMagic};
  return write_at_end(bytes_of(head), body, bytes_of(trailer));
}

int Writer::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

uint64_t Writer::bytes() const {
  MutexLock lock(mutex_);
  return end_;
}

}  // namespace vtn::spool
