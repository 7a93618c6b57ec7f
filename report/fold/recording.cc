// SPDX-License-Identifier: Apache-2.0
#include "report/fold/recording.h"

#include <algorithm>
#include <string>

#include <fcntl.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/mutex.h"
#include "report/fold/thread_fold.h"
#include "report/in_order.h"
#include "spool/writer.h"

namespace vtn::report {

namespace {

class FoldedRecording {
 public:
  FoldedRecording(const spool::Reader& spool, const FoldRequest& request)
      : spool_(spool),
        model_(spool.model()),
        request_(request),
        clock_(static_cast<ClockKind>(model_.header.clock_kind), model_.clock) {}

  Result<std::unique_ptr<spool::Reader>> make(const std::string& folder) {
    VTN_ASSIGN(UniqueFd fd, unnamed_file(folder));
    UniqueFd own(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!own) {
      return fail_errno("cannot keep a file in " + folder + " open");
    }
    spool::FileHeader header = model_.header;
    header.header_bytes = sizeof(header);
    VTN_ASSIGN(writer_, spool::Writer::start(std::move(own), header));
    VTN_TRY(copy_facts());
    VTN_TRY(name_threads());
    VTN_TRY(fold_calls());
    writer_->model().apply_dropped(writer_->bytes());
    VTN_TRY(writer_->append_struct(spool::FrameKind::kRunEnd, model_.run_end));
    VTN_TRY(writer_->close());
    return spool::Reader::adopt(std::move(fd), spool_.path(), writer_->take_model());
  }

 private:
  Status copy_facts() {
    std::string body;
    size_t next_frame = 0;
    for (uint64_t offset = model_.header.header_bytes; offset < spool_.end_offset();) {
      spool::FrameHead head;
      VTN_TRY(read(&head, sizeof(head), offset));
      if (head.magic != spool::kFrameMagic || head.body_bytes > spool::kMaxBodyBytes) {
        return fail(fmt::format("{} is damaged at offset {}", spool_.path(), offset));
      }
      const auto kind = static_cast<spool::FrameKind>(head.kind);
      const bool events =
          next_frame < model_.frames.size() && model_.frames[next_frame].offset == offset;
      next_frame += events ? 1 : 0;
      if (!events && is_wanted(kind)) {
        body.resize(head.body_bytes);
        VTN_TRY(read(body.data(), body.size(), offset + sizeof(head)));
        VTN_TRY(writer_->append(kind, body));
        if (kind == spool::FrameKind::kImage) {
          VTN_TRY(tell_dropped(writer_->model().images.back().process));
        }
      }
      offset += sizeof(head) + head.body_bytes;
    }
    return {};
  }

  static bool is_wanted(spool::FrameKind kind) {
    switch (kind) {
      case spool::FrameKind::kEvents:
      case spool::FrameKind::kDropped:
      case spool::FrameKind::kFree:
      case spool::FrameKind::kRunEnd:
      case spool::FrameKind::kIndex:
        return false;
      default:
        return true;
    }
  }

  // Of a process whose oldest calls are gone: its threads go on where those left them.
  Status tell_dropped(uint32_t process) {
    const auto found = model_.dropped.find(process);
    if (found == model_.dropped.end() || writer_->model().dropped.contains(process)) {
      return {};
    }
    spool::DroppedInfo info = found->second;
    info.until_offset = writer_->bytes();
    const std::string body = info.serialize(process);
    VTN_TRY(writer_->append(spool::FrameKind::kDropped, body));
    (void)writer_->model().add_dropped(body, info.until_offset);
    return {};
  }

  // Threads keep their order, whichever is done first: by a frame each without anything in it.
  Status name_threads() {
    std::vector<bool> named(model_.threads.size());
    spool::FrameEncoder encoder;
    spool::FrameColumns columns;
    starts_.resize(model_.threads.size());
    for (const spool::FrameInfo& frame : model_.frames) {
      if (named[frame.thread]) {
        continue;
      }
      named[frame.thread] = true;
      const spool::ThreadInfo& thread = model_.threads[frame.thread];
      FoldStart& start = starts_[frame.thread];
      start.ticks = thread.first_ticks;
      const auto dropped = model_.dropped.find(model_.images[thread.image].process);
      if (dropped != model_.dropped.end()) {
        const auto state = dropped->second.threads.find({thread.image, thread.thread});
        if (state != dropped->second.threads.end()) {
          start = {state->second.next_sequence, state->second.last_ticks};
        }
      }
      columns.reset(0);
      spool::EventsFrame& head = columns.head;
      head.image = thread.image;
      head.thread = thread.thread;
      head.tid = thread.tid;
      head.sequence = start.sequence++;
      head.start_ticks = head.end_ticks = start.ticks;
      head.open_before = head.lowest_open = head.open_after = head.deepest =
          static_cast<uint32_t>(thread.open_at_first.size());
      VTN_TRY(writer_->append_events(columns, encoder.encode(columns, false)));
    }
    return {};
  }

  Status read(void* to, size_t bytes, uint64_t offset) {
    VTN_ASSIGN(const size_t got, pread_all(spool_.fd(), to, bytes, offset));
    return got == bytes
               ? Status()
               : Status(fail(fmt::format(
                     "cannot read {} at offset {}: it ends there", spool_.path(), offset)));
  }

  Status fold_calls() {
    FoldRun run{.model = model_,
                .clock = clock_,
                .writer = *writer_,
                .short_below_ns = request_.below_ns,
                .most_pins = request_.most_rows / 4,
                .names = FoldNames(model_, *writer_)};
    Mutex mutex;
    Status status;
    ThreadPasses passes;
    passes.begin = [&](uint32_t thread) {
      return std::make_unique<ThreadFold>(run, thread, starts_[thread]);
    };
    passes.end = [&](uint32_t /*thread*/, ThreadPass& pass) {
      if (Status one = static_cast<ThreadFold&>(pass).finish(); !one) {
        MutexLock lock(mutex);
        status = std::move(one);
      }
    };
    VTN_TRY(pass_in_order(spool_, request_.workers, request_.progress, passes));
    VTN_TRY(std::move(status));
    const spool::FoldedFrame frame = {
        request_.below_ns, run.folds, run.slices, run.calls, run.values};
    return writer_->append_struct(spool::FrameKind::kFolded, frame);
  }

  const spool::Reader& spool_;
  const spool::Model& model_;
  const FoldRequest& request_;
  const spool::ClockMap clock_;
  std::unique_ptr<spool::Writer> writer_;
  std::vector<FoldStart> starts_;  // by thread
};

}  // namespace

Result<std::unique_ptr<spool::Reader>> fold_recording(const spool::Reader& spool,
                                                      const FoldRequest& request,
                                                      const std::string& folder) {
  return FoldedRecording(spool, request).make(folder);
}

}  // namespace vtn::report
