// SPDX-License-Identifier: Apache-2.0
//
// What formats share that are made of independent pieces: how frames are grouped into pieces of
// work, and losses that have no place among the calls.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/formats.h"
#include "report/gzip.h"
#include "report/output_file.h"
#include "spool/clock_map.h"
#include "spool/reader.h"

namespace vtn::report {

// Perfetto drops what is deeper on one track.
inline constexpr uint32_t kTrackDepth = 512;

// Frames that one worker turns into one piece of the file, in file order.
struct FrameGroup {
  size_t first = 0;
  size_t end = 0;
  uint64_t ops = 0;  // what is not of ops, as notes, counted as so many
};
std::vector<FrameGroup> group_frames(const spool::Model& model, uint64_t ops_per_group);

// Losses that no gap tells of, since the threads did not get to record again: drawn on a track of
// their own, from when the first of the process's threads fell silent to the process's end.
struct UntoldLoss {
  uint32_t image;
  uint64_t events;
  uint64_t start_ns;
  uint64_t end_ns;
  std::string name;  // of the slice
};
inline constexpr char kLossTrackName[] = "events lost";
std::vector<UntoldLoss> untold_losses(const spool::Model& model, const spool::ClockMap& clock);

// Makes the pieces: decodes the frames of a group and encodes them. One per worker.
class PieceMaker {
 public:
  virtual ~PieceMaker() = default;
  // One frame, appended to `to`.
  virtual Status encode(const spool::FrameInfo& info,
                        const spool::DecodedFrame& frame,
                        ByteBuffer& to) = 0;
};

// Runs all frames of the spool through makers, into `output`, as gzip members if asked for.
// `bytes_per_op` is about what a maker writes: members are sized by it.
Status write_frames(const spool::Reader& spool,
                    const WriteRequest& request,
                    uint64_t bytes_per_op,
                    const std::function<std::unique_ptr<PieceMaker>()>& new_maker,
                    OutputFile& output);

// Text that is not made of frames, gathered into few gzip members if asked for. What was appended
// is in the output once it is flushed.
class TextOutput {
 public:
  TextOutput(bool gzip, OutputFile& output) : gzip_(gzip), output_(output) {}
  Status append(std::string_view text);
  Status flush();

 private:
  const bool gzip_;
  OutputFile& output_;
  std::string waiting_;
};

}  // namespace vtn::report
