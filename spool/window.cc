// SPDX-License-Identifier: Apache-2.0
#include "spool/window.h"

#include <algorithm>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <fmt/format.h>

#include "base/file.h"
#include "spool/frame_struct.h"
#include "spool/varint.h"
#include "spool/window_thread.h"
#include "spool/writer.h"

namespace vtn::spool {

namespace {

constexpr uint64_t kProgressFrames = 1000;

class Cutter {
 public:
  Cutter(const WindowRequest& request, const std::string& path)
      : request_(request),
        reader_(*request.input),
        model_(reader_.model()),
        path_(path),
        borders_{request.from_ticks, request.to_ticks, model_.header.tick_step},
        threads_(model_.threads.size()) {}

  Result<std::unique_ptr<Reader>> run(UniqueFd fd) {
    FileHeader header = model_.header;
    header.header_bytes = sizeof(header);
    VTN_ASSIGN(writer_, Writer::start(std::move(fd), header));
    output_ = std::unique_ptr<WindowOutput>(new WindowOutput{*writer_, {}, {}});
    VTN_TRY(tell_window());
    for (uint64_t offset = model_.header.header_bytes; offset < reader_.end_offset();) {
      FrameHead head;
      VTN_TRY(read(&head, sizeof(head), offset));
      if (head.magic != kFrameMagic || head.body_bytes > kMaxBodyBytes) {
        return fail(fmt::format("{} is damaged at offset {}", reader_.path(), offset));
      }
      if (Status passed = pass(head, offset); !passed) {
        return fail(passed.error().message, passed.error().code);
      }
      offset += sizeof(head) + head.body_bytes;
    }
    for (uint32_t i = 0; i < threads_.size(); ++i) {
      VTN_TRY(finish(i));
    }
    writer_->model().apply_dropped(writer_->bytes());
    VTN_TRY(writer_->append_struct(FrameKind::kRunEnd, model_.run_end));
    VTN_TRY(writer_->close());
    VTN_ASSIGN(UniqueFd made, open_file(path_, O_RDONLY));
    return Reader::adopt(std::move(made), path_, writer_->take_model());
  }

 private:
  bool has_times() const { return request_.from_ticks != 0 || request_.to_ticks != UINT64_MAX; }
  bool shows_image(uint32_t image) const {
    return image < model_.images.size() && request_.processes[model_.images[image].process];
  }

  Status read(void* to, size_t bytes, uint64_t offset) {
    VTN_ASSIGN(const size_t got, pread_all(reader_.fd(), to, bytes, offset));
    return got == bytes
               ? Status()
               : Status(fail(fmt::format(
                     "cannot read {} at offset {}: it ends there", reader_.path(), offset)));
  }

  Status tell_window() {
    const WindowFrameBody frame = {request_.from_ticks, request_.to_ticks};
    std::string body(reinterpret_cast<const char*>(&frame), sizeof(frame));
    for (uint32_t i = 0; i < request_.processes.size(); ++i) {
      if (request_.processes[i]) {
        append_varint(body, i);
      }
    }
    return writer_->append(FrameKind::kWindow, body);
  }

  Status pass(const FrameHead& head, uint64_t offset) {
    const auto kind = static_cast<FrameKind>(head.kind);
    const std::vector<FrameInfo>& frames = model_.frames;
    const bool events = next_frame_ < frames.size() && frames[next_frame_].offset == offset;
    if (!events && (kind == FrameKind::kEvents || kind == FrameKind::kFree ||
                    kind == FrameKind::kRunEnd || kind == FrameKind::kIndex)) {
      return {};
    }
    const FrameInfo* const info = events ? &frames[next_frame_++] : nullptr;
    if (events && (!request_.threads[info->thread] || is_done(info->thread))) {
      return advance();
    }
    bytes_.resize(sizeof(head) + head.body_bytes);
    VTN_TRY(read(bytes_.data(), bytes_.size(), offset));
    const std::string_view body = std::string_view(bytes_).substr(sizeof(head));
    if (events) {
      if (Status passed = pass_events(info->thread, body); !passed) {
        return fail(fmt::format(
            "{} is damaged at offset {}: {}", reader_.path(), offset, passed.error().message));
      }
      return advance();
    }
    return pass_fact(kind, body);
  }

  Status advance() {
    if (request_.progress && next_frame_ % kProgressFrames == 0 &&
        !request_.progress(next_frame_, model_.frames.size())) {
      return fail("given up", ECANCELED);
    }
    return {};
  }

  bool is_done(uint32_t thread) const { return threads_[thread] && threads_[thread]->done(); }

  Status pass_events(uint32_t index, std::string_view body) {
    EventsFrame head;
    if (!read_struct(body, head)) {
      return fail("a frame is shorter than its head");
    }
    std::unique_ptr<WindowThread>& thread = threads_[index];
    if (thread == nullptr) {
      const std::vector<bool>* functions =
          request_.functions.empty() ? nullptr : &request_.functions[head.image];
      thread = std::make_unique<WindowThread>(
          borders_, head, functions, model_.threads[index].open_at_first);
    }
    if (!thread->needs_lists_only(head)) {
      VTN_TRY(decoder_.decode(body, decoded_));
      return thread->pass(decoded_, *output_);
    }
    VTN_TRY(decoder_.decode_side(body, decoded_));
    return thread->takes_whole(head) ? thread->pass_whole(decoded_, bytes_, *output_)
                                     : thread->skip(decoded_);
  }

  // What is told of the run and its processes stays. What is told of all their time does not.
  Status pass_fact(FrameKind kind, std::string_view body) {
    switch (kind) {
      case FrameKind::kLeftOut:
      case FrameKind::kCounted: {
        LeftOutFrame frame;
        const bool of_window = read_struct(body, frame) && shows_image(frame.image) &&
                               !has_times() && request_.functions.empty();
        return of_window ? writer_->append(kind, body) : Status();
      }
      case FrameKind::kOpenArguments:
      case FrameKind::kOpenNamedValues:
        return pass_open_values(kind, body);
      case FrameKind::kImage: {
        VTN_TRY(writer_->append(kind, body));
        return tell_dropped(writer_->model().images.back().process);
      }
      case FrameKind::kDropped:
      case FrameKind::kWindow:
        return {};
      default:
        return writer_->append(kind, body);
    }
  }

  // Of a process whose oldest calls are gone, as far as they would be in the window.
  Status tell_dropped(uint32_t process) {
    const auto found = model_.dropped.find(process);
    if (found == model_.dropped.end() || writer_->model().dropped.contains(process) ||
        !request_.processes[process] || found->second.until_ticks <= request_.from_ticks) {
      return {};
    }
    DroppedInfo info = found->second;
    info.threads.clear();
    info.until_offset = writer_->bytes();
    const std::string body = info.serialize(process);
    VTN_TRY(writer_->append(FrameKind::kDropped, body));
    (void)writer_->model().add_dropped(body, info.until_offset);
    return {};
  }

  Status pass_open_values(FrameKind kind, std::string_view body) {
    OpenValuesFrame frame;
    if (!read_struct(body, frame)) {
      return {};
    }
    for (uint32_t i = 0; i < threads_.size(); ++i) {
      const ThreadInfo& thread = model_.threads[i];
      if (thread.image != frame.image || thread.thread != frame.thread || !threads_[i]) {
        continue;
      }
      VTN_TRY(finish(i));
      const std::optional<uint32_t> depth = threads_[i]->depth_in_window(frame.depth);
      if (!depth) {
        return {};
      }
      frame.depth = *depth;
      return writer_->append(kind,
                             std::string_view(reinterpret_cast<const char*>(&frame), sizeof(frame)),
                             body.substr(sizeof(frame)));
    }
    return {};
  }

  Status finish(uint32_t index) {
    if (threads_[index] == nullptr) {
      return {};
    }
    const ImageInfo& image = model_.images[model_.threads[index].image];
    const ProcessEndInfo& end = model_.process_ends[image.process];
    uint64_t alive_until = UINT64_MAX;
    if (image.ended && image.end.end_ticks != 0) {
      alive_until = image.end.end_ticks;
    }
    if (end.known && (end.flags & kProcessDied) != 0) {
      alive_until = std::min(alive_until, end.end_ticks);
    }
    return threads_[index]->finish(alive_until, *output_);
  }

  const WindowRequest& request_;
  const Reader& reader_;
  const Model& model_;
  std::string path_;
  WindowBorders borders_;
  std::vector<std::unique_ptr<WindowThread>> threads_;  // by the model's index
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<WindowOutput> output_;
  size_t next_frame_ = 0;
  FrameDecoder decoder_;
  DecodedFrame decoded_;
  std::string bytes_;
};

}  // namespace

Result<std::unique_ptr<Reader>> cut_window(const WindowRequest& request,
                                           UniqueFd fd,
                                           const std::string& path) {
  return Cutter(request, path).run(std::move(fd));
}

uint64_t ticks_at(const ClockMap& clock, uint64_t ns) {
  uint64_t low = 0;
  uint64_t high = uint64_t{1} << 62;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (clock.to_ns(middle) < ns) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace vtn::spool
