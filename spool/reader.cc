// SPDX-License-Identifier: Apache-2.0
#include "spool/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <zstd.h>

#include <fmt/format.h>

#include "base/file.h"

namespace vtn::spool {

namespace {

// Which frames that nobody needs are read all the same. Not an index: without its trailer it tells
// nothing.
bool is_known_skippable(FrameKind kind) {
  return kind == FrameKind::kSettings || kind == FrameKind::kLeftOut ||
         kind == FrameKind::kOpenArguments || kind == FrameKind::kDropped ||
         kind == FrameKind::kCounted || kind == FrameKind::kWindow || kind == FrameKind::kSource ||
         kind == FrameKind::kOpenNamedValues;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(UniqueFd fd, const std::string& path) {
  std::unique_ptr<Reader> reader(new Reader(std::move(fd), path));
  struct stat info = {};
  if (fstat(reader->fd_.get(), &info) != 0) {
    return fail_errno(fmt::format("cannot look at {}", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(fmt::format("{} is not a file that was recorded by viztracer-native", path));
  }
  VTN_TRY(reader->read(static_cast<uint64_t>(info.st_size)));
  return reader;
}

std::unique_ptr<Reader> Reader::adopt(UniqueFd fd,
                                      const std::string& path,
                                      std::unique_ptr<Model> model) {
  std::unique_ptr<Reader> reader(new Reader(std::move(fd), path));
  reader->model_ = std::move(model);
  reader->closed_ = true;
  struct stat info = {};
  FileTrailer trailer;
  if (fstat(reader->fd_.get(), &info) == 0 && info.st_size >= static_cast<off_t>(sizeof(trailer)) &&
      pread_all(reader->fd_.get(),
                &trailer,
                sizeof(trailer),
                static_cast<uint64_t>(info.st_size) - sizeof(trailer))
              .value_or(0) == sizeof(trailer) &&
      trailer.magic == kTrailerMagic) {
    reader->end_offset_ = trailer.index_offset;
  }
  return reader;
}

Status Reader::read(uint64_t file_bytes) {
  FileHeader& header = model_->header;
  VTN_ASSIGN(const size_t got, pread_all(fd_.get(), &header, sizeof(header), 0));
  if (got < sizeof(header.magic) || header.magic != kSpoolMagic) {
    return fail(
        fmt::format("{} was not recorded by viztracer-native: no magic number at offset 0", path_));
  }
  if (got < sizeof(header) || header.header_bytes < sizeof(header) ||
      header.header_bytes > file_bytes) {
    return fail(fmt::format(
        "{} is cut short in its header, at offset {}: nothing can be read", path_, file_bytes));
  }
  if (header.version != kSpoolVersion) {
    return fail(
        fmt::format("{} is of version {} (offset 8), this program reads version {}: use the "
                    "viztracer-native that recorded it",
                    path_,
                    header.version,
                    kSpoolVersion));
  }
  if (header.tick_step == 0 || header.tick_step > 1024) {
    return fail(fmt::format("{} is damaged at offset 20: tick step {}", path_, header.tick_step));
  }
  if (read_index(file_bytes)) {
    closed_ = true;
    return {};
  }
  auto fresh = std::make_unique<Model>();
  fresh->header = header;
  model_ = std::move(fresh);
  VTN_TRY(read_dropped(file_bytes));
  VTN_TRY(read_frames(file_bytes, true));
  model_->apply_dropped(end_offset_);
  model_->truncated = true;  // nobody can tell what would have followed
  return {};
}

// True: the file was closed in order and all is known.
bool Reader::read_index(uint64_t file_bytes) {
  FileTrailer trailer;
  FrameHead head;
  if (file_bytes < sizeof(FileHeader) + sizeof(head) + sizeof(trailer)) {
    return false;
  }
  const uint64_t trailer_offset = file_bytes - sizeof(trailer);
  if (pread_all(fd_.get(), &trailer, sizeof(trailer), trailer_offset).value_or(0) !=
          sizeof(trailer) ||
      trailer.magic != kTrailerMagic || trailer.index_offset < model_->header.header_bytes ||
      trailer.index_offset > trailer_offset - sizeof(head) ||
      pread_all(fd_.get(), &head, sizeof(head), trailer.index_offset).value_or(0) != sizeof(head) ||
      head.magic != kFrameMagic || head.kind != static_cast<uint32_t>(FrameKind::kIndex) ||
      head.body_bytes != trailer_offset - trailer.index_offset - sizeof(head) ||
      head.body_bytes > kMaxBodyBytes) {
    return false;
  }
  std::string body(head.body_bytes, '\0');
  if (pread_all(fd_.get(), body.data(), body.size(), trailer.index_offset + sizeof(head))
          .value_or(0) != body.size()) {
    return false;
  }
  if (!read_frames(trailer.index_offset, false).has_value() || model_->truncated ||
      !model_->restore_threads(body)) {
    return false;
  }
  model_->apply_dropped(end_offset_);
  return true;
}

// False: there is no whole frame at `offset`.
Result<bool> Reader::read_head(uint64_t offset, uint64_t file_bytes, FrameHead& head) {
  if (file_bytes - offset < sizeof(head)) {
    return false;
  }
  VTN_ASSIGN(const size_t got, pread_all(fd_.get(), &head, sizeof(head), offset));
  return got == sizeof(head) && head.magic == kFrameMagic && head.body_bytes <= kMaxBodyBytes &&
         head.body_bytes <= file_bytes - offset - sizeof(head);
}

// What was dropped is told of behind it, and has to be known before what follows it is read.
Status Reader::read_dropped(uint64_t file_bytes) {
  std::string body;
  uint64_t offset = model_->header.header_bytes;
  while (offset < file_bytes) {
    FrameHead head;
    VTN_ASSIGN(const bool whole, read_head(offset, file_bytes, head));
    if (!whole) {
      break;
    }
    if (head.kind == static_cast<uint32_t>(FrameKind::kDropped)) {
      body.resize(head.body_bytes);
      VTN_ASSIGN(const size_t read,
                 pread_all(fd_.get(), body.data(), body.size(), offset + sizeof(head)));
      if (read != body.size() || !model_->add_dropped(body, offset)) {
        break;
      }
    }
    offset += sizeof(head) + head.body_bytes;
  }
  return {};
}

Status Reader::read_frames(uint64_t file_bytes, bool with_events) {
  FrameDecoder decoder;
  DecodedFrame decoded;
  std::string body;
  uint64_t offset = model_->header.header_bytes;
  end_offset_ = offset;
  while (offset < file_bytes) {
    FrameHead head;
    VTN_ASSIGN(const bool whole, read_head(offset, file_bytes, head));
    if (!whole) {
      model_->truncated = true;
      break;
    }
    const uint64_t body_offset = offset + sizeof(head);
    const auto kind = static_cast<FrameKind>(head.kind);
    if ((head.kind & kFrameSkippable) != 0 && !is_known_skippable(kind)) {
      offset = body_offset + head.body_bytes;
      end_offset_ = offset;
      continue;
    }
    if (kind != FrameKind::kEvents || with_events) {
      body.resize(head.body_bytes);
      VTN_ASSIGN(const size_t read, pread_all(fd_.get(), body.data(), body.size(), body_offset));
      if (read != body.size()) {
        model_->truncated = true;
        break;
      }
      if (kind == FrameKind::kEvents) {
        if (!decoder.decode_side(body, decoded) ||
            !model_->add_events(decoded.head, decoded.left_open, offset, head.body_bytes)) {
          model_->truncated = true;
          break;
        }
      } else if (kind == FrameKind::kDropped  ? !model_->add_dropped(body, offset)
                 : kind == FrameKind::kSource ? !model_->add_source(body, body_offset)
                                              : !model_->add_frame(kind, body)) {
        model_->truncated = true;
        break;
      }
    }
    offset = body_offset + head.body_bytes;
    end_offset_ = offset;
  }
  return {};
}

Result<std::string> Reader::read_source(const SourceInfo& source) const {
  std::string stored(source.text_stored, '\0');
  VTN_ASSIGN(const size_t got, pread_all(fd_.get(), stored.data(), stored.size(), source.offset));
  if (got != stored.size()) {
    return fail(fmt::format("cannot read {} at offset {}: it ends there", path_, source.offset));
  }
  if (source.text_stored == source.text_bytes) {
    return stored;
  }
  std::string text(source.text_bytes, '\0');
  const size_t size = ZSTD_decompress(text.data(), text.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0 || size != text.size()) {
    return fail(fmt::format(
        "{} is damaged at offset {}: source text does not decompress", path_, source.offset));
  }
  return text;
}

Result<std::string_view> Reader::read_body(const FrameInfo& frame, std::string& buffer) const {
  if (buffer.size() < frame.body_bytes) {
    buffer.resize(frame.body_bytes);
  }
  auto got =
      pread_all(fd_.get(), buffer.data(), frame.body_bytes, frame.offset + sizeof(FrameHead));
  if (!got || *got != frame.body_bytes) {
    return fail(fmt::format("cannot read {} at offset {}: {}",
                            path_,
                            frame.offset,
                            got ? "it ends there" : got.error().message));
  }
  return std::string_view(buffer.data(), frame.body_bytes);
}

bool is_being_recorded(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  return fd && flock(fd->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace vtn::spool
