// SPDX-License-Identifier: Apache-2.0
#include "spool/model.h"

#include <algorithm>
#include <set>

#include <stddef.h>
#include <string.h>

#include "abi/event_abi.h"
#include "spool/varint.h"

namespace vtn::spool {

namespace {

constexpr size_t kMaxImages = size_t{1} << 20;
constexpr size_t kLeastRunEndBytes = offsetof(RunEndFrame, spool_error);

template <class T>
bool take(std::string_view& body, T& to) {
  if (body.size() < sizeof(T)) {
    return false;
  }
  memcpy(&to, body.data(), sizeof(T));
  body.remove_prefix(sizeof(T));
  return true;
}

bool take_text(std::string_view& body, size_t bytes, std::string& to) {
  if (bytes > body.size()) {
    return false;
  }
  to.assign(body.substr(0, bytes));
  body.remove_prefix(bytes);
  return true;
}

std::vector<std::string> split_argv(std::string_view text) {
  std::vector<std::string> argv;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    argv.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return argv;
}

// Executable, NUL, arguments.
void split_text(std::string_view text, std::string& executable, std::vector<std::string>& argv) {
  const size_t end = std::min(text.find('\0'), text.size());
  executable = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  argv = split_argv(text);
}

bool take_function(std::string_view& body, FunctionRecord& record, FunctionInfo& function) {
  if (!take(body, record) || !take_text(body, record.name_bytes, function.name) ||
      !take_text(body, record.file_bytes, function.file)) {
    return false;
  }
  function.kind = record.kind;
  function.line = record.line;
  function.flags = record.flags;
  return true;
}

bool add_function(ImageInfo& image, std::string_view body) {
  FunctionRecord record;
  FunctionInfo function;
  if (!take_function(body, record, function) || record.id < kFirstNameId ||
      record.id > kMaxNameId) {
    return false;
  }
  if (record.id >= image.function_of_id.size()) {
    image.function_of_id.resize(
        std::max<size_t>(size_t{record.id} + 1, image.function_of_id.size() * 3 / 2));
  }
  if (const uint32_t known = image.function_of_id[record.id]; known != 0) {
    // Ids are never given twice; but a recovery may read records again.
    return image.functions[known - 1].name == function.name;
  }
  image.functions.push_back(std::move(function));
  image.function_of_id[record.id] = static_cast<uint32_t>(image.functions.size());
  return true;
}

bool add_process(ImageInfo& image, std::string_view body) {
  ProcessRecord record;
  std::string argv;
  if (image.described) {
    return true;
  }
  std::string executable;
  if (!take(body, record) || !take_text(body, record.executable_bytes, executable) ||
      !take_text(body, record.cwd_bytes, image.cwd) || !take_text(body, record.argv_bytes, argv)) {
    return false;
  }
  image.described = true;
  image.traced = true;
  if (!executable.empty()) {
    image.executable = std::move(executable);
  }
  if (!argv.empty()) {
    image.argv = split_argv(argv);
  }
  if (record.start_ticks != 0) {
    image.start_ticks = record.start_ticks;
  }
  image.python_version = record.python_version;
  return true;
}

bool add_name_record(ImageInfo& image, NameRecord type, std::string_view body) {
  switch (type) {
    case NameRecord::kProcess:
      return add_process(image, body);
    case NameRecord::kThread: {
      ThreadRecord record;  // who it is, its frames of events say
      return take(body, record);
    }
    case NameRecord::kFunction:
      return add_function(image, body);
    case NameRecord::kHidden: {
      FunctionRecord record;
      FunctionInfo function;
      if (!take_function(body, record, function)) {
        return false;
      }
      image.hidden.push_back(std::move(function));
      return true;
    }
    case NameRecord::kSwitchedOff: {
      SwitchedOffRecord record;
      if (!take(body, record) || record.id > kMaxNameId) {
        return false;
      }
      const auto [known, fresh] = image.switched_off_ticks.try_emplace(record.id, record.ticks);
      known->second = std::min(known->second, record.ticks);
      return true;
    }
    case NameRecord::kParameters: {
      TextRecord record;
      std::string text;
      if (!take(body, record) || !take_text(body, record.text_bytes, text)) {
        return false;
      }
      if (record.key < image.function_of_id.size() && image.function_of_id[record.key] != 0) {
        image.functions[image.function_of_id[record.key] - 1].parameters = split_argv(text);
      }
      return true;
    }
    case NameRecord::kThreadName:
    case NameRecord::kProcessName:
    case NameRecord::kNotice: {
      TextRecord record;
      std::string text;
      if (!take(body, record) || !take_text(body, record.text_bytes, text)) {
        return false;
      }
      if (type == NameRecord::kThreadName) {
        std::vector<std::string>& names = image.thread_names[record.key];
        if (names.empty() || names.back() != text) {  // a recovery may read records again
          names.push_back(std::move(text));
        }
      } else if (type == NameRecord::kProcessName) {
        image.name = std::move(text);
      } else {
        image.notices.emplace_back(record.key, std::move(text));
      }
      return true;
    }
  }
  return false;
}

}  // namespace

size_t Model::add_names(uint32_t image_number, const uint64_t* words, size_t count) {
  if (image_number >= images.size()) {
    return 0;
  }
  ImageInfo& image = images[image_number];
  size_t at = 0;
  while (at < count && words[at] != 0) {
    const uint32_t length = name_record_words(words[at]);
    if (length < 2 || length > count - at) {
      image.damaged = true;
      break;
    }
    const std::string_view body(reinterpret_cast<const char*>(words + at + 1),
                                (length - 1) * sizeof(uint64_t));
    if (!add_name_record(image, name_record_type(words[at]), body)) {
      image.damaged = true;  // the next record may be sound
    }
    at += length;
  }
  return at;
}

// Numbers are given without a gap, so a file cannot make the table long for nothing.
bool Model::know_process(uint32_t process) {
  if (process == process_ends.size() && process < kMaxImages) {
    process_ends.emplace_back();
  }
  return process < process_ends.size();
}

bool Model::add_image(std::string_view body) {
  ImageFrame frame;
  std::string text;
  if (!take(body, frame) || !take_text(body, frame.text_bytes, text) ||
      frame.image != images.size() || images.size() >= kMaxImages || !know_process(frame.process) ||
      (frame.parent_process != kNoProcess && frame.parent_process >= process_ends.size())) {
    return false;
  }
  ImageInfo& image = images.emplace_back();
  image.image = frame.image;
  image.process = frame.process;
  image.pid = frame.pid;
  image.own_pid = frame.own_pid;
  image.slot = frame.slot;
  image.kind =
      frame.kind == static_cast<uint32_t>(SlotKind::kForked) ? SlotKind::kForked : SlotKind::kImage;
  image.flags = frame.flags;
  image.parent_process = frame.parent_process;
  image.parent_pid = frame.parent_pid;
  image.parent_tid = frame.parent_tid;
  image.slot_start_ticks = frame.slot_start_ticks;
  image.start_ticks = frame.start_ticks;
  split_text(text, image.executable, image.argv);
  return true;
}

bool Model::add_start(std::string_view body) {
  StartFrame frame;
  std::string text;
  if (!take(body, frame) || !take_text(body, frame.text_bytes, text) ||
      starts.size() >= kMaxImages ||
      (frame.process != kNoProcess && !know_process(frame.process)) ||
      (frame.parent_process != kNoProcess && frame.parent_process >= process_ends.size())) {
    return false;
  }
  StartInfo& start = starts.emplace_back();
  start.process = frame.process;
  start.parent_process = frame.parent_process;
  start.parent_tid = frame.parent_tid;
  start.pid = frame.pid;
  start.reason = static_cast<UntracedReason>(frame.reason);
  start.ticks = frame.ticks;
  split_text(text, start.executable, start.argv);
  return true;
}

bool Model::add_left_out(std::string_view body) {
  LeftOutFrame frame;
  if (!take(body, frame) || frame.image >= images.size()) {
    return false;
  }
  VarintReader from(body.data(), body.data() + body.size());
  while (!from.at_end()) {
    const uint64_t id = from.next();
    const uint64_t calls = from.next();
    const uint64_t ticks = from.next();
    if (from.failed() || id > kMaxNameId) {
      return false;
    }
    LeftOutCalls& sum = images[frame.image].left_out[static_cast<uint32_t>(id)];
    sum.calls += calls;
    sum.ticks += ticks;
  }
  return true;
}

bool Model::add_counted(std::string_view body) {
  CountedFrame frame;
  if (!take(body, frame) || frame.image >= images.size()) {
    return false;
  }
  ImageInfo& image = images[frame.image];
  VarintReader from(body.data(), body.data() + body.size());
  while (!from.at_end()) {
    const uint64_t id = from.next();
    const uint64_t ticks = from.next();
    if (from.failed() || id > kMaxNameId) {
      return false;
    }
    const auto [known, fresh] =
        image.counted_from_ticks.try_emplace(static_cast<uint32_t>(id), ticks);
    known->second = std::min(known->second, ticks);
  }
  return true;
}

bool Model::add_window(std::string_view body) {
  WindowFrameBody frame;
  if (!take(body, frame)) {
    return false;
  }
  window = {true, frame.from_ticks, frame.to_ticks, {}};
  VarintReader from(body.data(), body.data() + body.size());
  while (!from.at_end()) {
    const uint64_t process = from.next();
    if (from.failed() || process >= kMaxImages) {
      return false;
    }
    window.processes.push_back(static_cast<uint32_t>(process));
  }
  return true;
}

bool Model::add_frame(FrameKind kind, std::string_view body) {
  switch (kind) {
    case FrameKind::kRun: {
      RunFrame frame;
      return take(body, frame) && take_text(body, frame.command_bytes, command_line) &&
             take_text(body, frame.version_bytes, version);
    }
    case FrameKind::kClock: {
      ClockTriple triple;
      if (!take(body, triple)) {
        return false;
      }
      clock.push_back(triple);
      return true;
    }
    case FrameKind::kImage:
      return add_image(body);
    case FrameKind::kStart:
      return add_start(body);
    case FrameKind::kProcessEnd: {
      ProcessEndFrame frame;
      std::string title;
      if (!take(body, frame) || !take_text(body, frame.text_bytes, title) ||
          frame.process >= process_ends.size()) {
        return false;
      }
      process_ends[frame.process] = {
          true, frame.flags, frame.wait_status, frame.end_ticks, std::move(title)};
      return true;
    }
    case FrameKind::kNames: {
      NamesFrame frame;
      if (!take(body, frame) || frame.image >= images.size()) {
        return false;
      }
      std::vector<uint64_t> words(body.size() / sizeof(uint64_t));
      if (!words.empty()) {
        memcpy(words.data(), body.data(), words.size() * sizeof(uint64_t));
      }
      (void)add_names(frame.image, words.data(), words.size());
      return true;
    }
    case FrameKind::kImageEnd: {
      ImageEndFrame frame;
      if (!take(body, frame) || frame.image >= images.size()) {
        return false;
      }
      ImageInfo& image = images[frame.image];
      image.ended = true;
      image.end = frame;
      image.flags |= frame.image_flags;
      image.traced |= frame.last_state == static_cast<uint32_t>(ProcessState::kTracing);
      if (image.python_version == 0) {
        image.python_version = frame.python_version;
      }
      return true;
    }
    case FrameKind::kRunEnd: {
      if (body.size() < kLeastRunEndBytes) {
        return false;
      }
      run_end = {};
      memcpy(&run_end, body.data(), std::min(body.size(), sizeof(run_end)));
      has_run_end = true;
      return true;
    }
    case FrameKind::kSettings:
      settings = split_argv(body);
      return true;
    case FrameKind::kLeftOut:
      return add_left_out(body);
    case FrameKind::kOpenArguments:
    case FrameKind::kOpenNamedValues: {
      OpenValuesFrame frame;
      if (!take(body, frame) || frame.image >= images.size()) {
        return false;
      }
      ImageInfo::OpenValues& open = images[frame.image].open_values[{frame.thread, frame.depth}];
      if (kind == FrameKind::kOpenNamedValues) {
        open.named = body;
      } else {
        open.arguments = frame.arguments;
        open.values = body;
      }
      return true;
    }
    case FrameKind::kCounted:
      return add_counted(body);
    case FrameKind::kWindow:
      return add_window(body);
    case FrameKind::kDropped:
    case FrameKind::kEvents:
    case FrameKind::kFree:
    case FrameKind::kIndex:
    case FrameKind::kSource:
      break;
  }
  return false;
}

bool Model::add_source(std::string_view body, uint64_t body_offset) {
  SourceFrame frame;
  std::string path;
  const size_t whole = body.size();
  if (!take(body, frame) || !take_text(body, frame.path_bytes, path) ||
      frame.text_stored > body.size() || frame.text_stored > frame.text_bytes ||
      frame.text_bytes > kMaxSourceBytes) {
    return false;
  }
  sources.try_emplace(
      std::move(path),
      SourceInfo{body_offset + (whole - body.size()), frame.text_bytes, frame.text_stored});
  return true;
}

std::string spool_error_text(const RunEndFrame& end) {
  if ((end.flags & kRunSpoolFailed) == 0) {
    return {};
  }
  const char* text = strerrordesc_np(static_cast<int>(end.spool_error));
  return end.spool_error == 0 || text == nullptr ? "Unknown reason" : text;
}

Totals totals_of(const Model& model) {
  Totals totals;
  std::vector<uint64_t> told(model.images.size());
  for (const ThreadInfo& thread : model.threads) {
    totals.calls += thread.calls;
    totals.stray_ends += thread.stray_ends;
    totals.cut_calls += thread.cut_calls;
    told[thread.image] += thread.lost_events;
  }
  for (const ImageInfo& image : model.images) {
    // A loss is counted by the process when it happens and told by a gap when the thread goes on.
    // An image whose end is missing has told some; one that never went on has counted some.
    totals.lost_events += std::max(told[image.image], image.end.lost_events);
  }
  totals.calls = totals.calls - std::min(totals.calls, model.folded.folds) + model.folded.slices;
  std::vector<bool> traced(model.process_ends.size());
  for (const ImageInfo& image : model.images) {
    traced[image.process] = traced[image.process] || image.traced;
  }
  totals.processes = static_cast<uint32_t>(std::count(traced.begin(), traced.end(), true));
  return totals;
}

size_t count_threads(const Model& model) {
  std::set<std::pair<uint32_t, uint32_t>> threads;
  for (const ThreadInfo& thread : model.threads) {
    threads.emplace(model.images[thread.image].process, thread.tid);
  }
  size_t count = threads.size();
  for (const auto& [process, info] : model.dropped) {
    count += info.ended_threads;
  }
  return count;
}

}  // namespace vtn::spool
