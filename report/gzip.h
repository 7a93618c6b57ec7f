// SPDX-License-Identifier: Apache-2.0
//
// gzip members: independent pieces, so that a file is compressed in parallel; their concatenation
// is one gzip file. Thread-bound.
#pragma once

#include <string_view>

#include "base/result.h"
#include "report/byte_buffer.h"

struct libdeflate_compressor;

namespace vtn::report {

// Half the time of level 6, for 6 to 13 % more bytes.
inline constexpr int kGzipLevel = 4;

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
