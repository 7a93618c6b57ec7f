// SPDX-License-Identifier: Apache-2.0
//
// gzip members: independent pieces, so that a file is compressed in parallel; their concatenation
// is one gzip file. Perfetto's UI takes some memory for every member and keeps it: a file of a
// thousand small ones runs out of it where the same bytes in a hundred open. A member is compressed
// in one go, with all its input in memory, once for each worker. So members are as large as leaves
// each worker four of them, up to kMostMemberBytes. Thread-bound.
#pragma once

#include <string_view>

#include <stdint.h>

#include "base/result.h"
#include "report/byte_buffer.h"

struct libdeflate_compressor;

namespace vtn::report {

// Half the time of level 6, for 6 to 13 % more bytes.
inline constexpr int kGzipLevel = 4;

inline constexpr uint64_t kLeastMemberBytes = uint64_t{1} << 20;
inline constexpr uint64_t kMostMemberBytes = uint64_t{16} << 20;

// How much of a file of so many bytes, which need not be exact, goes into a member.
uint64_t gzip_member_bytes(uint64_t file_bytes, unsigned workers);

class GzipCompressor {
 public:
  explicit GzipCompressor(int level = kGzipLevel);
  ~GzipCompressor();
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  // Appends one member.
  Status compress(std::string_view bytes, ByteBuffer& to);

 private:
  libdeflate_compressor* compressor_;
};

}  // namespace vtn::report
