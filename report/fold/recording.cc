// SPDX-License-Identifier: Apache-2.0
#include "report/fold/recording.h"

#include <algorithm>
#include <string>

#include <fcntl.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/mutex.h"
#include "report/fold/folder.h"
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
    writer_->model() = std::move(*model_.without_events());
    Status made = put_all();
    if (writer_->failed()) {  // the recording is not to blame
      return fail_errno("cannot write a temporary file in " + folder, writer_->failure());
    }
    VTN_TRY(std::move(made));
    return spool::Reader::adopt(std::move(fd), spool_.path(), writer_->take_model());
  }

 private:
  Status put_all() {
    VTN_TRY(put_sources());
    VTN_TRY(name_threads());
    VTN_TRY(fold_calls());
    writer_->model().apply_dropped(writer_->bytes());
    return writer_->close();
  }

  Status put_sources() {
    for (const auto& [path, source] : model_.sources) {
      VTN_ASSIGN(const std::string text, spool_.read_source(source));
      VTN_TRY(writer_->append_source(path, text));
    }
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
          start = {state->second.next_sequence, state->second.last_ticks, true};
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

  Status fold_calls() {
    FoldRun run{.model = model_,
                .clock = clock_,
                .writer = *writer_,
                .short_below_ns = request_.below_ns,
                .most_pins = most_pins(request_.most_rows),
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
    writer_->model().folded = {request_.below_ns, run.folds, run.slices, run.calls, run.values};
    return {};
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
