// SPDX-License-Identifier: Apache-2.0
#include "report/perfetto/clock_choice.h"

#include <algorithm>

#include "report/frame_reader.h"
#include "report/gzip.h"
#include "report/perfetto/events.h"

namespace vtn::report {

namespace {

// So many events, of frames from all over the file, show how well the others pack.
constexpr uint64_t kTriedOps = 32 * 1024;
constexpr size_t kTriedFrames = 4;

// The file, packed; where it is larger than what is tried, some of its events.
Result<size_t> packed_bytes(const spool::Reader& spool, const PerfettoLayout& layout) {
  const std::vector<spool::FrameInfo>& frames = spool.model().frames;
  uint64_t ops = 0;
  for (const spool::FrameInfo& frame : frames) {
    ops += frame.ops;
  }
  const bool whole = ops <= kTriedOps;
  std::string text;
  if (whole) {
    VTN_ASSIGN(text, perfetto_head(layout));
  }
  OpenSpans spans;
  PerfettoPieceMaker maker(layout, spans);
  FrameReader reader;
  ByteBuffer plain;
  for (size_t i = 0; i < frames.size(); i += whole ? 1 : 1 + frames.size() / kTriedFrames) {
    plain.clear();
    VTN_TRY(reader.read(spool, frames[i], [&](const spool::DecodedFrame& frame) {
      return maker.encode(frames[i], frame, plain);
    }));
    // The names that a piece begins with are no measure of what follows.
    constexpr uint64_t kMostOps = kTriedOps / kTriedFrames;
    const bool all = whole || frames[i].ops <= kMostOps;
    const size_t bytes = all ? plain.size() : plain.size() * kMostOps / frames[i].ops;
    text += plain.view().substr(plain.size() - bytes);
  }
  ByteBuffer packed;
  GzipCompressor gzip;
  VTN_TRY(gzip.compress(text, packed));
  return packed.size();
}

}  // namespace

Status choose_clocks(const spool::Reader& spool, PerfettoLayout& layout) {
  if (layout.picture.order.size() > 1) {
    return {};
  }
  VTN_ASSIGN(const size_t with_clocks, packed_bytes(spool, layout));
  layout.set_clocks(false);
  VTN_ASSIGN(const size_t without, packed_bytes(spool, layout));
  layout.set_clocks(2 * without > 3 * with_clocks);
  return {};
}

}  // namespace vtn::report
