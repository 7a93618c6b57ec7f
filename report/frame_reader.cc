// SPDX-License-Identifier: Apache-2.0
#include "report/frame_reader.h"

#include <fmt/format.h>

namespace vtn::report {

Status FrameReader::read(const spool::Reader& spool,
                         const spool::FrameInfo& info,
                         const std::function<Status(const spool::DecodedFrame&)>& use) {
  const spool::ThreadInfo& thread = spool.model().threads[info.thread];
  VTN_ASSIGN(const std::string_view body, spool.read_body(info, body_));
  Status status = decoder_.decode(body, frame_);
  if (status && (frame_.head.image != thread.image || frame_.head.deepest > thread.deepest ||
                 frame_.head.ops != info.ops)) {
    status = fail("a frame is not what the index says");
  }
  if (status) {
    status = use(frame_);
  }
  return status ? Status()
                : fail(fmt::format("{} is damaged at offset {}: {}",
                                   spool.path(),
                                   info.offset,
                                   status.error().message));
}

}  // namespace vtn::report
