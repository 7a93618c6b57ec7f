// SPDX-License-Identifier: Apache-2.0
#include "importer/byte_source.h"

#include <algorithm>

#include <string.h>
#include <zlib.h>

#include <fmt/format.h>

#include "base/file.h"

namespace vtn::importer {

namespace {

constexpr size_t kReadBytes = size_t{1} << 18;
constexpr int kGzipOnly = 16 + MAX_WBITS;

}  // namespace

ByteSource::ByteSource(UniqueFd fd, std::string path, std::function<bool()> go_on)
    : fd_(std::move(fd)), path_(std::move(path)), go_on_(std::move(go_on)) {}

ByteSource::~ByteSource() {
  if (inflate_ != nullptr) {
    (void)inflateEnd(inflate_.get());
  }
}

// Reads the next bytes of the file behind those that are not taken yet.
Result<size_t> ByteSource::refill() {
  compressed_.erase(0, taken_);
  taken_ = 0;
  const size_t had = compressed_.size();
  compressed_.resize(had + kReadBytes);
  VTN_ASSIGN(const size_t got, read_all(fd_.get(), compressed_.data() + had, kReadBytes));
  compressed_.resize(had + got);
  file_offset_ += got;
  return got;
}

Result<size_t> ByteSource::read(char* to, size_t bytes) {
  if (go_on_ && !go_on_()) {
    return fail("given up", ECANCELED);
  }
  if (!begun_) {
    begun_ = true;
    VTN_TRY(refill());
    if (compressed_.starts_with("\x1f\x8b")) {
      inflate_ = std::make_unique<z_stream>();
      memset(inflate_.get(), 0, sizeof(z_stream));
      if (inflateInit2(inflate_.get(), kGzipOnly) != Z_OK) {
        inflate_.reset();
        return fail("no memory for decompression", ENOMEM);
      }
      in_member_ = true;
    }
  }
  if (inflate_ != nullptr) {
    return inflate_some(to, bytes);
  }
  if (taken_ < compressed_.size()) {
    const size_t part = std::min(bytes, compressed_.size() - taken_);
    memcpy(to, compressed_.data() + taken_, part);
    taken_ += part;
    return part;
  }
  return read_all(fd_.get(), to, bytes);
}

Result<size_t> ByteSource::inflate_some(char* to, size_t bytes) {
  z_stream& stream = *inflate_;
  stream.next_out = reinterpret_cast<Bytef*>(to);
  stream.avail_out = static_cast<uInt>(std::min<size_t>(bytes, size_t{1} << 30));
  const size_t wanted = stream.avail_out;
  while (stream.avail_out == wanted) {
    if (taken_ == compressed_.size()) {
      VTN_ASSIGN(const size_t got, refill());
      if (got == 0) {
        if (in_member_) {
          return fail(fmt::format(
              "{} is cut short at offset {}: its gzip data do not end there", path_, file_offset_));
        }
        return size_t{0};
      }
    }
    if (!in_member_) {
      // Another member, or the padding that some tools put behind the last one.
      if (compressed_[taken_] == '\0') {
        ++taken_;
        continue;
      }
      if (inflateReset(&stream) != Z_OK) {
        return fail("no memory for decompression", ENOMEM);
      }
      in_member_ = true;
    }
    stream.next_in = reinterpret_cast<Bytef*>(compressed_.data() + taken_);
    stream.avail_in = static_cast<uInt>(compressed_.size() - taken_);
    const int how = inflate(&stream, Z_NO_FLUSH);
    taken_ = compressed_.size() - stream.avail_in;
    if (how == Z_STREAM_END) {
      in_member_ = false;
    } else if (how != Z_OK && how != Z_BUF_ERROR) {
      return fail(fmt::format("{} is damaged at offset {}: {}",
                              path_,
                              file_offset_ - stream.avail_in,
                              stream.msg != nullptr ? stream.msg : "its gzip data make no sense"));
    }
  }
  return wanted - stream.avail_out;
}

}  // namespace vtn::importer
