// SPDX-License-Identifier: Apache-2.0
#include "report/gzip.h"

#include <algorithm>

#include <errno.h>
#include <libdeflate.h>

namespace vtn::report {

MemberPlan plan_members(uint64_t file_bytes, unsigned workers) {
  const uint64_t share = std::min(file_bytes / (4 * uint64_t{workers}), kGoodMemberBytes);
  const uint64_t least = (file_bytes + kMostMembers - 1) / kMostMembers;
  const uint64_t bytes = std::clamp(std::max(share, least), kLeastMemberBytes, kMostMemberBytes);
  return {bytes, static_cast<unsigned>(std::min<uint64_t>(workers, kMostMemberMemory / bytes))};
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
