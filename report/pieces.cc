// SPDX-License-Identifier: Apache-2.0
#include "report/pieces.h"

#include <algorithm>

#include "abi/event_abi.h"
#include "base/threads.h"
#include "report/frame_reader.h"
#include "report/ordered_jobs.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr uint64_t kMostBytesOfOp = 4;

// How much there is to write, in ops. A frame of notes may have none, and much to tell.
uint64_t work_of(const spool::FrameInfo& frame) {
  return std::max<uint64_t>(frame.ops, frame.body_bytes / kMostBytesOfOp);
}

}  // namespace

std::vector<FrameGroup> group_frames(const spool::Model& model, uint64_t ops_per_group) {
  std::vector<FrameGroup> groups;
  for (size_t i = 0; i < model.frames.size(); ++i) {
    if (groups.empty() || groups.back().ops + work_of(model.frames[i]) > ops_per_group) {
      groups.push_back(FrameGroup{i, i, 0});
    }
    groups.back().end = i + 1;
    groups.back().ops += work_of(model.frames[i]);
  }
  return groups;
}

std::vector<UntoldLoss> untold_losses(const spool::Model& model, const spool::ClockMap& clock) {
  // What the threads of each image know.
  struct Told {
    uint64_t events = 0;
    uint64_t silent_ticks = UINT64_MAX;  // since when the first of them says nothing
  };
  std::vector<Told> told_by_image(model.images.size());
  for (const spool::ThreadInfo& thread : model.threads) {
    Told& told = told_by_image[thread.image];
    told.events += thread.lost_events;
    told.silent_ticks = std::min(told.silent_ticks, thread.ended ? UINT64_MAX : thread.last_ticks);
  }
  std::vector<UntoldLoss> losses;
  for (const spool::ImageInfo& image : model.images) {
    const auto [told, silent_ticks] = told_by_image[image.image];
    if (image.end.lost_events <= told) {
      continue;
    }
    const uint64_t end_ticks = std::max(image.end.end_ticks, image.start_ticks);
    const uint64_t start_ns =
        clock.to_ns(silent_ticks < end_ticks ? silent_ticks : image.start_ticks);
    const spool::Special gap = {spool::SpecialOp::kGap,
                                image.end.lost_events - told,
                                static_cast<uint64_t>(GapReason::kArenaFull)};
    losses.push_back(UntoldLoss{image.image,
                                gap.lost_events,
                                start_ns,
                                std::max(clock.to_ns(end_ticks), start_ns + 1),
                                gap_name(gap)});
  }
  return losses;
}

namespace {

struct Worker {
  std::unique_ptr<PieceMaker> maker;
  FrameReader frames;
  ByteBuffer plain;
  GzipCompressor gzip;
};

constexpr uint64_t kOpsPerPiece = 32 * 1024;

}  // namespace

Status write_frames(const spool::Reader& spool,
                    const WriteRequest& request,
                    uint64_t bytes_per_op,
                    const std::function<std::unique_ptr<PieceMaker>()>& new_maker,
                    OutputFile& output) {
  const spool::Model& model = spool.model();
  unsigned workers = request.settings.workers != 0 ? request.settings.workers : worker_count();
  uint64_t ops_per_piece = kOpsPerPiece;
  uint64_t member_bytes = 0;
  if (request.gzip) {
    uint64_t ops = 0;
    for (const spool::FrameInfo& frame : model.frames) {
      ops += frame.ops;
    }
    const MemberPlan plan = plan_members(ops * bytes_per_op, workers);
    workers = plan.workers;
    member_bytes = plan.bytes;
    ops_per_piece = member_bytes / bytes_per_op;
  }
  const std::vector<FrameGroup> groups = group_frames(model, ops_per_piece);
  if (groups.empty()) {
    return {};
  }
  workers = static_cast<unsigned>(std::min<size_t>(workers, groups.size()));
  std::vector<std::unique_ptr<Worker>> states;
  for (unsigned i = 0; i < workers; ++i) {
    states.push_back(std::make_unique<Worker>());
    states.back()->maker = new_maker();
  }
  uint64_t total = 0;
  std::vector<uint64_t> calls_before(groups.size() + 1);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = groups[g].first; i < groups[g].end; ++i) {
      total += model.frames[i].calls;
    }
    calls_before[g + 1] = total;
  }

  OrderedJobs jobs;
  jobs.count = groups.size();
  jobs.make = [&](size_t job, unsigned worker, ByteBuffer& to) -> Status {
    Worker& state = *states[worker];
    ByteBuffer& plain = request.gzip ? state.plain : to;
    plain.clear();
    (void)plain.room(member_bytes);  // growing would need as much again
    for (size_t i = groups[job].first; i < groups[job].end; ++i) {
      const spool::FrameInfo& info = model.frames[i];
      VTN_TRY(state.frames.read(spool, info, [&](const spool::DecodedFrame& frame) {
        return state.maker->encode(info, frame, plain);
      }));
    }
    return request.gzip ? state.gzip.compress(plain.view(), to) : Status();
  };
  if (request.progress) {
    jobs.progress = [&](size_t done) { return request.progress(calls_before[done], total); };
  }
  return run_ordered(jobs, workers, output);
}

Status TextOutput::append(std::string_view text) {
  if (!gzip_) {
    return output_.append(text);
  }
  waiting_ += text;
  return waiting_.size() < kGoodMemberBytes ? Status() : flush();
}

Status TextOutput::flush() {
  if (waiting_.empty()) {
    return {};
  }
  ByteBuffer packed;
  GzipCompressor compressor;
  VTN_TRY(compressor.compress(waiting_, packed));
  waiting_.clear();
  return output_.append(packed.view());
}

}  // namespace vtn::report
