// SPDX-License-Identifier: Apache-2.0
#include "report/frame_reader.h"

#include <fmt/format.h>

namespace vtn::report {

Status FrameReader::read(const spool::Reader& spool,
                         const spool::FrameInfo& info,
                         const std::function<Status(const spool::DecodedFrame&)>& use) {
  VTN_TRY(read_into(spool, info, frame_));
  const Status status = use(frame_);
  return status ? Status() : damage(spool, info, status.error().message);
}

Status FrameReader::read_into(const spool::Reader& spool,
                              const spool::FrameInfo& info,
                              spool::DecodedFrame& to) {
  const spool::ThreadInfo& thread = spool.model().threads[info.thread];
  VTN_ASSIGN(const std::string_view body, spool.read_body(info, body_));
  if (const Status status = decoder_.decode(body, to); !status) {
    return damage(spool, info, status.error().message);
  }
  if (to.head.image != thread.image || to.head.deepest > thread.deepest ||
      to.head.ops != info.ops) {
    return damage(spool, info, "a frame is not what the index says");
  }
  return {};
}

Status FrameReader::damage(const spool::Reader& spool,
                           const spool::FrameInfo& info,
                           const std::string& what) {
  return fail(fmt::format("{} is damaged at offset {}: {}", spool.path(), info.offset, what));
}

}  // namespace vtn::report
