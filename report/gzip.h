// SPDX-License-Identifier: Apache-2.0
//
// gzip members: independent pieces, so that a file is compressed in parallel; their concatenation
// is one gzip file. Perfetto's UI takes some memory for every member and keeps it: a file of a
// thousand small ones runs out of it where the same bytes in a hundred open, and 6 of 64 MB open a
// sixth faster than 91 of 4 MB. A member is compressed in one go, with all its input in memory,
// once for each worker. Thread-bound.
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
inline constexpr uint64_t kGoodMemberBytes = uint64_t{32} << 20;
inline constexpr uint64_t kMostMemberBytes = uint64_t{64} << 20;
inline constexpr uint64_t kMostMembers = 64;
inline constexpr uint64_t kMostMemberMemory = uint64_t{512} << 20;

// How a file of so many bytes, which need not be exact, is divided: each worker has four members or
// more as long as they are smaller than kGoodMemberBytes, and there are kMostMembers at most as
// long as they are no larger than kMostMemberBytes. What all workers have in hand stays below
// kMostMemberMemory: so there may be fewer of them.
struct MemberPlan {
  uint64_t bytes;
  unsigned workers;
};
MemberPlan plan_members(uint64_t file_bytes, unsigned workers);

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
