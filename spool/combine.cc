// SPDX-License-Identifier: Apache-2.0
#include "spool/combine.h"

#include <algorithm>
#include <cmath>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "spool/frame_struct.h"
#include "spool/retime.h"
#include "spool/varint.h"
#include "spool/writer.h"

namespace vtn::spool {

namespace {

constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kProgressBytes = uint64_t{16} << 20;

ClockMap map_of(const Model& model) {
  return ClockMap(static_cast<ClockKind>(model.header.clock_kind), model.clock);
}

uint64_t difference(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

// Whether the two are of one clock that runs as it does within a recording: a ten-thousandth off,
// and as far as the clocks are read apart.
bool follows(const ClockTriple& a, const ClockTriple& b, double ns_per_tick) {
  if (b.monotonic_ns < a.monotonic_ns) {
    return a.monotonic_ns - b.monotonic_ns < kMillisecondNs;
  }
  const auto expected = static_cast<double>(b.ticks - a.ticks) * ns_per_tick;
  const auto seen = static_cast<double>(b.monotonic_ns - a.monotonic_ns);
  return std::fabs(seen - expected) < 1e5 + 1e-4 * expected;
}

std::vector<ClockTriple> all_triples(const std::vector<const Reader*>& inputs) {
  std::vector<ClockTriple> all;
  for (const Reader* input : inputs) {
    all.insert(all.end(), input->model().clock.begin(), input->model().clock.end());
  }
  std::stable_sort(all.begin(), all.end(), [](const ClockTriple& a, const ClockTriple& b) {
    return a.ticks < b.ticks;
  });
  return all;
}

// When anything of the recording begins, in CLOCK_MONOTONIC; UINT64_MAX: there is nothing in it.
uint64_t begin_ns(const Model& model, const ClockMap& map) {
  uint64_t first = UINT64_MAX;
  for (const ImageInfo& image : model.images) {
    first = image.start_ticks == 0 ? first : std::min(first, image.start_ticks);
  }
  for (const StartInfo& start : model.starts) {
    first = start.ticks == 0 ? first : std::min(first, start.ticks);
  }
  for (const ThreadInfo& thread : model.threads) {
    first = std::min(first, thread.first_ticks);
  }
  return first == UINT64_MAX ? UINT64_MAX : map.to_ns(first);
}

template <class T>
void write_struct(std::string& body, const T& from) {
  memcpy(body.data(), &from, sizeof(T));
}

// One input on its way into the output.
class Input {
 public:
  Input(const Reader& reader, Retiming retiming, const Model& to)
      : reader_(reader),
        retiming_(std::move(retiming)),
        first_image_(static_cast<uint32_t>(to.images.size())),
        first_process_(static_cast<uint32_t>(to.process_ends.size())) {}

  // A frame of the input that is not one of events: its body as it is in the output. False: it is
  // not passed on.
  bool rewrite(FrameKind kind, std::string& body) const {
    switch (kind) {
      case FrameKind::kImage:
        return rewrite_image(body);
      case FrameKind::kStart:
        return rewrite_start(body);
      case FrameKind::kProcessEnd:
        return rewrite_process_end(body);
      case FrameKind::kImageEnd:
        return rewrite_image_end(body);
      case FrameKind::kNames: {
        NamesFrame frame;
        if (!read_struct(body, frame)) {
          return false;
        }
        frame.image += first_image_;
        write_struct(body, frame);
        std::string words = body.substr(sizeof(frame));
        retime_names(words, retiming_);
        body.replace(sizeof(frame), words.size(), words);
        return true;
      }
      case FrameKind::kLeftOut:
        return rewrite_counts<LeftOutFrame>(body, true);
      case FrameKind::kCounted:
        return rewrite_counts<CountedFrame>(body, false);
      case FrameKind::kOpenArguments:
      case FrameKind::kOpenNamedValues: {
        OpenValuesFrame frame;
        if (!read_struct(body, frame)) {
          return false;
        }
        frame.image += first_image_;
        write_struct(body, frame);
        return true;
      }
      default:
        return false;  // one for the whole file, or what nobody needs
    }
  }

  // What was dropped of the output's process, told by a frame that will lie at `offset`.
  bool dropped_of(uint32_t process, uint64_t offset, std::string& body) const {
    const auto found = reader_.model().dropped.find(process - first_process_);
    if (found == reader_.model().dropped.end()) {
      return false;
    }
    DroppedInfo info = found->second;
    info.until_offset = offset;
    info.until_ticks = retiming_.stamp(info.until_ticks);
    info.threads.clear();
    for (const auto& [key, known] : found->second.threads) {
      ThreadInfo thread = known;
      thread.image += first_image_;
      thread.first_ticks = retiming_.stamp(thread.first_ticks);
      thread.last_ticks = retiming_.stamp(thread.last_ticks);
      thread.last_op_ticks = retiming_.stamp(thread.last_op_ticks);
      for (OpenCall& call : thread.open) {
        call.start_ticks = retiming_.stamp(call.start_ticks);
      }
      info.threads[{thread.image, thread.thread}] = std::move(thread);
    }
    body = info.serialize(process);
    return true;
  }

  const Reader& reader() const { return reader_; }
  const Retiming& retiming() const { return retiming_; }
  uint32_t first_image() const { return first_image_; }

 private:
  uint32_t process_of(uint32_t process) const {
    return process == kNoProcess ? kNoProcess : process + first_process_;
  }

  bool rewrite_image(std::string& body) const {
    ImageFrame frame;
    if (!read_struct(body, frame)) {
      return false;
    }
    frame.image += first_image_;
    frame.process = process_of(frame.process);
    frame.parent_process = process_of(frame.parent_process);
    frame.slot_start_ticks = retiming_.stamp(frame.slot_start_ticks);
    frame.start_ticks = retiming_.stamp(frame.start_ticks);
    write_struct(body, frame);
    return true;
  }

  bool rewrite_start(std::string& body) const {
    StartFrame frame;
    if (!read_struct(body, frame)) {
      return false;
    }
    frame.process = process_of(frame.process);
    frame.parent_process = process_of(frame.parent_process);
    frame.ticks = retiming_.stamp(frame.ticks);
    write_struct(body, frame);
    return true;
  }

  // How the program ended its own run end says, of which the output has no place for several.
  bool rewrite_process_end(std::string& body) const {
    ProcessEndFrame frame;
    if (!read_struct(body, frame)) {
      return false;
    }
    const Model& model = reader_.model();
    const auto first =
        std::find_if(model.images.begin(), model.images.end(), [&](const ImageInfo& image) {
          return image.process == frame.process;
        });
    if ((frame.flags & kProcessDied) != 0 && (frame.flags & kProcessStatusKnown) == 0 &&
        (model.run_end.flags & kRunHasStatus) != 0 && first != model.images.end() &&
        first->pid == model.run_end.pid && first->parent_process == kNoProcess) {
      frame.flags |= kProcessStatusKnown;
      frame.wait_status = model.run_end.wait_status;
    }
    frame.process = process_of(frame.process);
    frame.end_ticks = retiming_.stamp(frame.end_ticks);
    write_struct(body, frame);
    return true;
  }

  bool rewrite_image_end(std::string& body) const {
    ImageEndFrame frame;
    if (!read_struct(body, frame)) {
      return false;
    }
    frame.image += first_image_;
    frame.end_ticks = retiming_.stamp(frame.end_ticks);
    frame.stall_ticks = retiming_.duration(frame.stall_ticks);
    write_struct(body, frame);
    return true;
  }

  // Ids, with calls and durations or with stamps.
  template <class Frame>
  bool rewrite_counts(std::string& body, bool durations) const {
    Frame frame;
    if (!read_struct(body, frame)) {
      return false;
    }
    frame.image += first_image_;
    if (retiming_.same()) {
      write_struct(body, frame);
      return true;
    }
    std::string counts(reinterpret_cast<const char*>(&frame), sizeof(frame));
    VarintReader from(body.data() + sizeof(frame), body.data() + body.size());
    while (!from.at_end()) {
      append_varint(counts, from.next());
      if (durations) {
        append_varint(counts, from.next());
        append_varint(counts, retiming_.duration(from.next()));
      } else {
        append_varint(counts, retiming_.stamp(from.next()));
      }
    }
    body = std::move(counts);
    return !from.failed();
  }

  const Reader& reader_;
  Retiming retiming_;
  uint32_t first_image_;
  uint32_t first_process_;
};

class Combiner {
 public:
  Combiner(const CombineRequest& request, UniqueFd fd, const std::string& path)
      : request_(request), path_(path), fd_(std::move(fd)) {
    for (const Reader* input : request.inputs) {
      total_bytes_ += input->end_offset();
    }
  }

  Result<std::unique_ptr<Reader>> run() {
    plan();
    VTN_TRY(begin());
    for (size_t i = 0; i < request_.inputs.size(); ++i) {
      const Input input(*request_.inputs[i], std::move(retimings_[i]), writer_->model());
      if (Status passed = pass(input); !passed) {
        return fail(passed.error().message, passed.error().code);
      }
    }
    VTN_TRY(writer_->append_struct(FrameKind::kRunEnd, run_end_));
    writer_->model().apply_dropped(writer_->bytes());
    VTN_TRY(writer_->close());
    VTN_ASSIGN(UniqueFd fd, open_file(path_, O_RDONLY));
    return Reader::adopt(std::move(fd), path_, writer_->take_model());
  }

 private:
  // Which clock the output has, and how each input gets onto it.
  void plan() {
    const std::vector<const Reader*>& inputs = request_.inputs;
    run_end_.flags = kRunHasStatus;
    run_end_.start_ns = UINT64_MAX;
    if (inputs.size() == 1 || (!request_.align && same_boot(inputs))) {
      retimings_.resize(inputs.size());
      clock_kind_ = static_cast<ClockKind>(inputs[0]->model().header.clock_kind);
      for (const ClockTriple& triple : all_triples(inputs)) {
        if (clock_.empty() || inputs.size() == 1 ||
            triple.monotonic_ns >= clock_.back().monotonic_ns + kMillisecondNs) {
          clock_.push_back(triple);
        }
      }
      return;
    }
    clock_kind_ = ClockKind::kMonotonic;
    const bool dated = std::all_of(inputs.begin(), inputs.end(), [](const Reader* input) {
      return map_of(input->model()).realtime_base_ns() != 0;
    });
    const uint64_t base_ns = map_of(inputs[0]->model()).realtime_base_ns();
    std::vector<int64_t> offsets;
    uint64_t common_ns = UINT64_MAX;
    int64_t least_ns = INT64_MAX;
    uint64_t end_ns = 0;
    for (const Reader* input : inputs) {
      const ClockMap map = map_of(input->model());
      const uint64_t first_ns = begin_ns(input->model(), map);
      int64_t offset = 0;
      if (request_.align && first_ns != UINT64_MAX) {
        common_ns = common_ns == UINT64_MAX ? first_ns : common_ns;
        offset = static_cast<int64_t>(common_ns - first_ns);
      } else if (!request_.align && dated) {
        offset = static_cast<int64_t>(map.realtime_base_ns() - base_ns);
      }
      offsets.push_back(offset);
      if (first_ns != UINT64_MAX) {
        least_ns = std::min(least_ns, static_cast<int64_t>(first_ns) + offset);
      }
    }
    // A stamp of 0 is none, and there are none below.
    const int64_t lift =
        least_ns < static_cast<int64_t>(kSecondNs) ? static_cast<int64_t>(kSecondNs) - least_ns : 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Model& model = inputs[i]->model();
      const uint64_t origin = model.clock.empty() ? 0 : model.clock.front().ticks;
      retimings_.emplace_back(map_of(model), origin, offsets[i] + lift);
      for (const ThreadInfo& thread : model.threads) {
        end_ns = std::max(end_ns, retimings_.back().stamp(thread.last_ticks));
      }
    }
    const uint64_t realtime_ns = base_ns == 0 ? 0 : base_ns - static_cast<uint64_t>(lift);
    const uint64_t start_ns =
        least_ns == INT64_MAX ? kSecondNs : static_cast<uint64_t>(least_ns + lift);
    for (const uint64_t ns : {start_ns, std::max(end_ns, start_ns + 1)}) {
      clock_.push_back({ns, ns, base_ns == 0 ? 0 : ns + realtime_ns});
    }
  }

  Status begin() {
    FileHeader header = file_header(clock_kind_);
    header.created_realtime_ns = UINT64_MAX;
    std::string command;
    for (const Reader* input : request_.inputs) {
      const Model& model = input->model();
      header.created_realtime_ns =
          std::min(header.created_realtime_ns, model.header.created_realtime_ns);
      header.tick_step =
          std::max(header.tick_step, retimings_[0].same() ? model.header.tick_step : 1);
      command += (command.empty() ? "" : "; ") + model.command_line;
    }
    if (request_.inputs.size() == 1) {
      header.trace_id = request_.inputs[0]->model().header.trace_id;
    } else if (getrandom(&header.trace_id, sizeof(header.trace_id), 0) < 0) {
      header.trace_id = static_cast<uint64_t>(getpid());
    }
    const std::string version =
        request_.inputs.size() == 1 ? request_.inputs[0]->model().version : request_.version;
    VTN_ASSIGN(writer_, Writer::start(std::move(fd_), header));
    const RunFrame run = {static_cast<uint32_t>(command.size()),
                          static_cast<uint32_t>(version.size())};
    VTN_TRY(writer_->append_struct(FrameKind::kRun, run, command + version));
    if (const std::string settings = told_settings(); !settings.empty()) {
      VTN_TRY(writer_->append(FrameKind::kSettings, settings));
    }
    for (const ClockTriple& triple : clock_) {
      VTN_TRY(writer_->append_struct(FrameKind::kClock, triple));
    }
    return {};
  }

  // Where not all were recorded alike, each says whose they are.
  std::string told_settings() const {
    const std::vector<std::string>& first = request_.inputs[0]->model().settings;
    const bool alike =
        std::all_of(request_.inputs.begin(), request_.inputs.end(), [&](const Reader* input) {
          return input->model().settings == first;
        });
    std::string text;
    for (const Reader* input : request_.inputs) {
      for (const std::string& one : input->model().settings) {
        text += alike ? one : fmt::format("{} ({})", one, name_of(input->path()));
        text += '\0';
      }
      if (alike) {
        break;
      }
    }
    return text;
  }

  Status pass(const Input& input) {
    const Reader& reader = input.reader();
    add_run_end(input);
    size_t next_events = 0;
    for (uint64_t offset = reader.model().header.header_bytes; offset < reader.end_offset();) {
      FrameHead head;
      VTN_TRY(read(reader, &head, sizeof(head), offset));
      const auto kind = static_cast<FrameKind>(head.kind);
      const std::vector<FrameInfo>& frames = reader.model().frames;
      if (head.magic != kFrameMagic || head.body_bytes > kMaxBodyBytes) {
        return fail(fmt::format("{} is damaged at offset {}", reader.path(), offset));
      }
      const bool events = next_events < frames.size() && frames[next_events].offset == offset;
      if (events || (kind != FrameKind::kEvents && kind != FrameKind::kFree)) {
        body_.resize(head.body_bytes);
        VTN_TRY(read(reader, body_.data(), body_.size(), offset + sizeof(head)));
      }
      if (events) {
        ++next_events;
        if (Status passed = pass_events(input); !passed) {
          return fail(
              fmt::format(
                  "{} is damaged at offset {}: {}", reader.path(), offset, passed.error().message),
              passed.error().code);
        }
      } else if (kind != FrameKind::kEvents && kind != FrameKind::kFree &&
                 input.rewrite(kind, body_)) {
        VTN_TRY(writer_->append(kind, body_));
        if (kind == FrameKind::kImage) {
          VTN_TRY(tell_dropped(input, writer_->model().images.back()));
        }
      }
      offset += sizeof(head) + head.body_bytes;
      VTN_TRY(advance(sizeof(head) + head.body_bytes));
    }
    return {};
  }

  static Status read(const Reader& reader, void* to, size_t bytes, uint64_t offset) {
    VTN_ASSIGN(const size_t got, pread_all(reader.fd(), to, bytes, offset));
    return got == bytes
               ? Status()
               : Status(fail(fmt::format(
                     "cannot read {} at offset {}: it ends there", reader.path(), offset)));
  }

  Status advance(uint64_t bytes) {
    done_bytes_ += bytes;
    if (request_.progress && done_bytes_ >= next_progress_) {
      next_progress_ = done_bytes_ + kProgressBytes;
      if (!request_.progress(done_bytes_, total_bytes_)) {
        return fail("given up", ECANCELED);
      }
    }
    return {};
  }

  // Before the first frame of events of a process: what its threads had open where those begin.
  Status tell_dropped(const Input& input, const ImageInfo& image) {
    const bool first =
        std::none_of(writer_->model().images.begin(),
                     writer_->model().images.end() - 1,
                     [&](const ImageInfo& other) { return other.process == image.process; });
    const uint64_t offset = writer_->bytes();
    std::string body;
    if (first && input.dropped_of(image.process, offset, body)) {
      VTN_TRY(writer_->append(FrameKind::kDropped, body));
      (void)writer_->model().add_dropped(body, offset);
    }
    return {};
  }

  // The body of a frame of events is in body_.
  Status pass_events(const Input& input) {
    if (input.retiming().same() && (!request_.compress || is_compressed())) {
      VTN_TRY(decoder_.decode_side(body_, decoded_));
      columns_.reset(0);
      columns_.head = decoded_.head;
      columns_.head.image += input.first_image();
      columns_.left_open = decoded_.left_open;
      const FrameHead head = {kFrameMagic, static_cast<uint32_t>(FrameKind::kEvents), body_.size()};
      frame_.assign(reinterpret_cast<const char*>(&head), sizeof(head));
      frame_.append(reinterpret_cast<const char*>(&columns_.head), sizeof(columns_.head));
      frame_.append(body_, sizeof(columns_.head));
      return writer_->append_events(columns_, frame_);
    }
    VTN_TRY(decoder_.decode(body_, decoded_));
    VTN_TRY(retime_frame(decoded_, input.retiming(), columns_));
    columns_.head.image += input.first_image();
    const std::string_view frame = encoder_.encode(columns_, true);
    return writer_->append_events(columns_, frame);
  }

  // Whether it was stored compressed: the recorder does all of a frame or none.
  bool is_compressed() const {
    EventsFrame head;
    return read_struct(body_, head) &&
           (head.codes_stored < head.ops || head.high_stored < head.ops);
  }

  void add_run_end(const Input& input) {
    const RunEndFrame& one = input.reader().model().run_end;
    if (request_.inputs.size() == 1) {
      run_end_ = one;
      return;
    }
    if ((one.flags & kRunHasStatus) == 0) {
      run_end_.flags &= ~kRunHasStatus;
    }
    run_end_.flags |= one.flags & kRunSpoolFailed;
    run_end_.wait_status = run_end_.wait_status == 0 ? one.wait_status : run_end_.wait_status;
    run_end_.unslotted += one.unslotted;
    run_end_.lost_chunks += one.lost_chunks;
    run_end_.spool_error = run_end_.spool_error == 0 ? one.spool_error : run_end_.spool_error;
    run_end_.start_ns = std::min(run_end_.start_ns, input.retiming().shifted(one.start_ns));
    run_end_.end_ns = std::max(run_end_.end_ns, input.retiming().shifted(one.end_ns));
  }

  const CombineRequest& request_;
  std::string path_;
  UniqueFd fd_;
  std::unique_ptr<Writer> writer_;
  ClockKind clock_kind_ = ClockKind::kMonotonic;
  std::vector<ClockTriple> clock_;
  std::vector<Retiming> retimings_;
  RunEndFrame run_end_ = {};
  uint64_t total_bytes_ = 0;
  uint64_t done_bytes_ = 0;
  uint64_t next_progress_ = 0;
  FrameDecoder decoder_;
  FrameEncoder encoder_;
  DecodedFrame decoded_;
  FrameColumns columns_;
  std::string body_;
  std::string frame_;
};

}  // namespace

bool same_boot(const std::vector<const Reader*>& inputs) {
  const uint32_t kind = inputs[0]->model().header.clock_kind;
  const uint64_t base_ns = map_of(inputs[0]->model()).realtime_base_ns();
  double ns_per_tick = 1;
  for (const Reader* input : inputs) {
    const std::vector<ClockTriple>& clock = input->model().clock;
    if (input->model().header.clock_kind != kind || clock.size() < 2 || base_ns == 0 ||
        clock.back().ticks <= clock.front().ticks ||
        difference(map_of(input->model()).realtime_base_ns(), base_ns) >= kSecondNs) {
      return false;
    }
    ns_per_tick = static_cast<double>(clock.back().monotonic_ns - clock.front().monotonic_ns) /
                  static_cast<double>(clock.back().ticks - clock.front().ticks);
  }
  const std::vector<ClockTriple> all = all_triples(inputs);
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    if (!follows(all[i], all[i + 1], ns_per_tick)) {
      return false;
    }
  }
  return true;
}

Result<std::unique_ptr<Reader>> combine(const CombineRequest& request,
                                        UniqueFd fd,
                                        const std::string& path) {
  return Combiner(request, std::move(fd), path).run();
}

}  // namespace vtn::spool
