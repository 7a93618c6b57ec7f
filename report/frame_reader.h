// SPDX-License-Identifier: Apache-2.0
//
// Reads frames of events for a format. Keeps its buffers: thread-bound.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "spool/codec.h"
#include "spool/reader.h"

namespace vtn::report {

class FrameReader {
 public:
  // Hands the frame to `use`, once it is sure to be the one that the model speaks of: writers rely
  // on that. What goes wrong, in `use` as well, is a damage of the file at the frame's offset.
  Status read(const spool::Reader& spool,
              const spool::FrameInfo& info,
              const std::function<Status(const spool::DecodedFrame&)>& use);
  // The same, to be kept: what `to` held before is gone.
  Status read_into(const spool::Reader& spool,
                   const spool::FrameInfo& info,
                   spool::DecodedFrame& to);
  // What was told of the frame is damage of the file.
  static Status damage(const spool::Reader& spool,
                       const spool::FrameInfo& info,
                       const std::string& what);

 private:
  spool::FrameDecoder decoder_;
  spool::DecodedFrame frame_;
  std::string body_;
};

}  // namespace vtn::report
