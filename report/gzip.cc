// SPDX-License-Identifier: Apache-2.0
#include "report/gzip.h"

#include <algorithm>

#include <errno.h>
#include <libdeflate.h>

namespace vtn::report {

uint64_t gzip_member_bytes(uint64_t file_bytes, unsigned workers) {
  return std::clamp(file_bytes / (4 * uint64_t{workers}), kLeastMemberBytes, kMostMemberBytes);
}

GzipCompressor::GzipCompressor(int level) : compressor_(libdeflate_alloc_compressor(level)) {}

GzipCompressor::~GzipCompressor() {
  if (compressor_ != nullptr) {
    libdeflate_free_compressor(compressor_);
  }
}

Status GzipCompressor::compress(std::string_view bytes, ByteBuffer& to) {
  if (compressor_ == nullptr) {
    return fail("no memory for compression", ENOMEM);
  }
  const size_t bound = libdeflate_gzip_compress_bound(compressor_, bytes.size());
  char* room = to.room(bound);
  const size_t got = libdeflate_gzip_compress(compressor_, bytes.data(), bytes.size(), room, bound);
  if (got == 0) {
    return fail("compression failed");
  }
  to.set_end(room + got);
  return {};
}

}  // namespace vtn::report
