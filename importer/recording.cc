// SPDX-License-Identifier: Apache-2.0
#include "importer/recording.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <errno.h>
#include <string.h>

#include <fmt/format.h>

#include "abi/names_abi.h"
#include "base/utf8.h"
#include "spool/gaps.h"
#include "spool/name_record.h"
#include "spool/varint.h"

namespace vtn::importer {

namespace {

constexpr uint32_t kFirstMadeUpTid = 0x5800'0000;
constexpr uint32_t kMostPid = 0x3fff'ffff;  // above are numbers that reports make up
constexpr uint64_t kAskEvery = 1u << 16;
constexpr char kBeside[] = " (beside)";

// Each with its NUL.
std::string with_nuls(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += word;
    text += '\0';
  }
  return text;
}

std::string program_text(const std::string& executable, const std::vector<std::string>& argv) {
  return executable + '\0' + with_nuls(argv);
}

uint32_t pid_of(const ImportedProcess& process) {
  if (process.system_pid != 0) {
    return process.system_pid;
  }
  return process.pid > 0 && process.pid <= kMostPid ? static_cast<uint32_t>(process.pid) : 0;
}

}  // namespace

bool split_python_name(std::string_view text,
                       std::string_view& name,
                       std::string_view& file,
                       uint32_t& line) {
  const size_t open = text.find(" (");
  const size_t colon = text.rfind(':');
  if (!text.ends_with(')') || open == text.npos || colon == text.npos || colon < open + 2) {
    return false;
  }
  const std::string_view digits = text.substr(colon + 1, text.size() - colon - 2);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), line);
  // As it is written again it must be the same.
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() ||
      (digits.size() > 1 && digits.front() == '0')) {
    return false;
  }
  name = text.substr(0, open);
  file = text.substr(open + 2, colon - open - 2);
  return true;
}

// Which process each thread is of; those that the facts do not know are told of by their events.
void Recording::find_processes() {
  std::map<int64_t, uint32_t> by_pid;
  for (uint32_t i = 0; i < facts_.processes.size(); ++i) {
    by_pid.try_emplace(facts_.processes[i].pid, i);
  }
  std::map<std::pair<int64_t, int64_t>, std::pair<uint32_t, size_t>> place;
  std::vector<uint32_t> deeper;
  const auto process_of = [&](int64_t pid) {
    const auto [found, fresh] =
        by_pid.try_emplace(pid, static_cast<uint32_t>(facts_.processes.size()));
    if (fresh) {
      ImportedProcess& process = facts_.processes.emplace_back();
      process.pid = pid;
      process.python = process.ended = true;
      process.start_ns = UINT64_MAX;
      const auto name = intake_.process_names.find(pid);
      process.name = name != intake_.process_names.end() ? name->second : "";
    }
    return found->second;
  };
  for (uint32_t i = 0; i < intake_.threads.size(); ++i) {
    const ImportedThread& thread = intake_.threads[i];
    if (!thread.has_records && (facts_.own || !thread.has_drawn)) {
      continue;
    }
    const uint32_t process = process_of(thread.pid);
    if (rows_.size() <= process) {
      rows_.resize(process + 1);
    }
    if (facts_.deeper.contains({thread.pid, thread.tid})) {
      deeper.push_back(i);
      continue;
    }
    place[{thread.pid, thread.tid}] = {process, rows_[process].size()};
    rows_[process].push_back({{i}});
  }
  rows_.resize(facts_.processes.size());
  for (const uint32_t i : deeper) {
    const ImportedThread& thread = intake_.threads[i];
    const auto of = place.find({thread.pid, facts_.deeper.at({thread.pid, thread.tid})});
    if (of != place.end()) {
      rows_[of->second.first][of->second.second].threads.push_back(i);
    } else {
      rows_[by_pid.at(thread.pid)].push_back({{i}});
    }
  }
}

Status Recording::write_run() {
  spool::RunFrame run = {static_cast<uint32_t>(facts_.command.size()),
                         static_cast<uint32_t>(facts_.version.size())};
  VTN_TRY(writer_.append_struct(spool::FrameKind::kRun, run, facts_.command + facts_.version));
  uint64_t first_ns = intake_.first_ns;
  for (const ImportedProcess& process : facts_.processes) {
    first_ns = std::min(first_ns, process.start_ns);
  }
  first_ns = first_ns == UINT64_MAX ? 0 : ticks(first_ns);
  return writer_.append_struct(
      spool::FrameKind::kClock,
      spool::ClockTriple{first_ns, first_ns, first_ns + facts_.realtime_base_ns});
}

Status Recording::write_image(uint32_t number, const ImportedImage& from) {
  const ImportedProcess& process = facts_.processes[number];
  const std::string text =
      from.executable.empty() && from.argv.empty() ? "" : program_text(from.executable, from.argv);
  spool::ImageFrame image = {};
  image.image = images_++;
  numbers_[number].push_back(image.image);
  image.process = number;
  image.pid = pid_of(process);
  image.own_pid = process.own_pid != 0 ? process.own_pid : image.pid;
  image.kind = static_cast<uint32_t>(from.forked ? SlotKind::kForked : SlotKind::kImage);
  image.flags = process.python || from.traced ? uint32_t{kSlotPython} : 0u;
  image.parent_process =
      process.parent < 0 ? spool::kNoProcess : static_cast<uint32_t>(process.parent);
  image.parent_pid = process.parent_pid;
  image.parent_tid = process.parent_tid;
  image.slot_start_ticks = image.start_ticks = ticks(from.start_ns);
  image.text_bytes = static_cast<uint32_t>(text.size());
  VTN_TRY(writer_.append_struct(spool::FrameKind::kImage, image, text));
  if (!from.traced) {
    return {};
  }
  const std::string argv = with_nuls(from.argv);
  ProcessRecord record = {};
  record.start_ticks = image.start_ticks;
  record.pid = image.own_pid;
  record.parent_pid = process.parent_pid;
  record.python_version = from.python_version;
  record.backend = Backend::kMonitoring;
  record.executable_bytes = static_cast<uint32_t>(from.executable.size());
  record.cwd_bytes = static_cast<uint32_t>(from.cwd.size());
  record.argv_bytes = static_cast<uint32_t>(argv.size());
  return spool::append_names(
      writer_,
      image.image,
      spool::name_record(NameRecord::kProcess, record, from.executable + from.cwd + argv));
}

Status Recording::write_start(uint32_t number, const ImportedStart& from) {
  const ImportedProcess& process = facts_.processes[number];
  const std::string text = program_text(from.executable, from.argv);
  spool::StartFrame start = {};
  start.process = number;
  start.parent_process =
      process.parent < 0 ? spool::kNoProcess : static_cast<uint32_t>(process.parent);
  start.parent_tid = process.parent_tid;
  start.reason = static_cast<uint32_t>(from.reason);
  start.ticks = ticks(from.start_ns);
  start.text_bytes = static_cast<uint32_t>(text.size());
  start.pid = pid_of(process);
  return writer_.append_struct(spool::FrameKind::kStart, start, text);
}

// Numbers of processes are given in their order, so a process is named even if there is nothing
// more to say of it.
Status Recording::write_process(uint32_t number) {
  ImportedProcess& process = facts_.processes[number];
  const bool has_records = !rows_[number].empty();
  if (process.images.empty() && (has_records || process.starts.empty())) {
    ImportedImage& image = process.images.emplace_back();
    image.traced = has_records;
    image.start_ns = process.start_ns == UINT64_MAX ? intake_.first_ns : process.start_ns;
  }
  if (has_records && std::none_of(process.images.begin(),
                                  process.images.end(),
                                  [](const ImportedImage& image) { return image.traced; })) {
    process.images.back().traced = true;
  }
  for (const ImportedImage& image : process.images) {
    VTN_TRY(write_image(number, image));
  }
  for (const ImportedStart& start : process.starts) {
    VTN_TRY(write_start(number, start));
  }
  return {};
}

Result<ImageFunction> Recording::function_of(Image& image, uint32_t name) {
  const Name& from = intake_.names[name];
  if (image.functions.size() <= name) {
    image.functions.resize(intake_.names.size());
  }
  if (image.functions[name].id != 0 || image.functions[name].gap) {
    return image.functions[name];
  }
  ImageFunction function;
  std::string_view text = from.text;
  std::string_view file;
  uint32_t line = 0;
  if (from.use == NameUse::kCall) {
    if (facts_.own && spool::read_gap_name(text, function.lost_events, function.gap_reason)) {
      function.gap = true;
      return image.functions[name] = function;
    }
    function.python = split_python_name(text, text, file, line);
  }
  if (image.next_id >= kMaxNameId) {
    function.id = kIdTooManyNames;
    return function;
  }
  FunctionRecord record = {};
  if (from.resumed) {
    VTN_ASSIGN(const ImageFunction first, function_of(image, from.plain));
    if (first.id == kIdTooManyNames) {
      return first;
    }
    record.flags = kFunctionResumed;
    record.id = first.id + 1;
  } else {
    // What goes on of a generator has the id behind its function's: there is room for that.
    record.id = image.next_id;
    image.next_id += 2;
  }
  function.id = record.id;
  image.functions[name] = function;
  record.kind = FunctionKind::kC;
  if (from.use != NameUse::kCall) {
    record.kind = from.use == NameUse::kInstant   ? FunctionKind::kInstant
                  : from.use == NameUse::kCounter ? FunctionKind::kCounter
                                                  : FunctionKind::kSpan;
    file = from.category;
  } else if (function.python) {
    record.kind = FunctionKind::kPython;
  } else if (text.starts_with('<') && text.ends_with(" object>")) {
    record.kind = FunctionKind::kCallable;
    text = text.substr(1, text.size() - 1 - strlen(" object>"));
  }
  record.line = line;
  std::string words = spool::function_record(record, text, file);
  if (!from.parameters.empty()) {
    words += spool::text_record(NameRecord::kParameters, record.id, with_nuls(from.parameters));
  }
  VTN_TRY(spool::append_names(writer_, image.number, words));
  return function;
}

Result<std::pair<uint32_t, uint32_t>> Recording::new_thread(uint32_t process_number,
                                                            const Row& row,
                                                            Image& image,
                                                            size_t n) {
  const ImportedProcess& process = facts_.processes[process_number];
  const ImportedThread& from = intake_.threads[row.threads.front()];
  const uint32_t thread = image.threads++;
  uint32_t tid = kFirstMadeUpTid + made_up_tids_;
  std::vector<std::string> names = from.names;
  if (const auto all = facts_.renamed.find({from.pid, from.tid}); all != facts_.renamed.end()) {
    names = all->second;
  } else if (names.size() > 1) {
    names = {names.back()};
  }
  if (n == 0 && from.tid > 0 && from.tid < kFirstMadeUpTid) {
    const uint32_t own_pid = process.own_pid != 0 ? process.own_pid : pid_of(process);
    tid = from.tid == process.pid && own_pid != 0 ? own_pid : static_cast<uint32_t>(from.tid);
  } else {
    ++made_up_tids_;
    if (names.empty()) {
      names.push_back(fmt::format("thread {}", from.tid));
    }
  }
  for (const std::string& name : names) {
    VTN_TRY(writer_.append_thread_name(
        image.number,
        thread,
        spool::text_record(NameRecord::kThreadName, thread, n == 0 ? name : name + kBeside)));
  }
  return std::pair(thread, tid);
}

Status Recording::write_thread(uint32_t process, const Row& row, std::vector<Image>& images) {
  RecordStore::Merge records = intake_.store.merge(row.threads);
  size_t at = 0;
  std::optional<ThreadAssembly> assembly;
  while (records.next()) {
    const Record& record = records.record();
    if (++records_ % kAskEvery == 0 && go_on_ && !go_on_()) {
      return fail("given up", ECANCELED);
    }
    if (record.drawn != 0 && facts_.own) {
      continue;
    }
    while (at + 1 < images.size() && record.ns >= images[at + 1].start_ns) {
      if (assembly) {
        VTN_TRY(assembly->finish());
        assembly.reset();
      }
      ++at;
    }
    if (!assembly) {
      Image& image = images[at];
      assembly.emplace(ThreadAssembly::Context{
          writer_,
          encoder_,
          codes_,
          counts_,
          image.number,
          facts_.offset_ns,
          [this, &image](uint32_t name) { return function_of(image, name); },
          [this, &image, &row, process](size_t n) { return new_thread(process, row, image, n); }});
    }
    VTN_TRY(assembly->take(record, records.order(), records.payload()));
  }
  VTN_TRY(records.status());
  return assembly ? assembly->finish() : Status();
}

Status Recording::write_threads(uint32_t number) {
  const ImportedProcess& process = facts_.processes[number];
  std::vector<Image> images;
  for (size_t i = 0; i < process.images.size(); ++i) {
    if (process.images[i].traced) {
      Image& image = images.emplace_back();
      image.number = numbers_[number][i];
      image.start_ns = process.images[i].start_ns;
    }
  }
  std::sort(images.begin(), images.end(), [](const Image& a, const Image& b) {
    return a.start_ns < b.start_ns;
  });
  for (const Row& row : rows_[number]) {
    VTN_TRY(write_thread(number, row, images));
  }
  return images.empty() ? Status() : write_folded(process.pid, images.front());
}

// Calls that are in no record: how long each took nobody knows.
Status Recording::write_folded(int64_t pid, Image& image) {
  std::string counts;
  for (auto at = intake_.folded.lower_bound({pid, 0});
       at != intake_.folded.end() && at->first.first == pid;
       ++at) {
    VTN_ASSIGN(const ImageFunction function, function_of(image, at->first.second));
    if (!function.gap) {
      spool::append_varint(counts, function.id);
      spool::append_varint(counts, at->second);
      spool::append_varint(counts, 0);
    }
  }
  return counts.empty()
             ? Status()
             : writer_.append_struct(
                   spool::FrameKind::kLeftOut, spool::LeftOutFrame{image.number, 0}, counts);
}

Status Recording::write_ends() {
  uint64_t end_ns = ticks(intake_.last_ns);
  for (uint32_t number = 0; number < facts_.processes.size(); ++number) {
    const ImportedProcess& process = facts_.processes[number];
    const uint64_t process_end_ns = ticks(process.end_ns != 0 ? process.end_ns : intake_.last_ns);
    end_ns = std::max(end_ns, process_end_ns);
    for (size_t i = 0; i < process.images.size(); ++i) {
      const ImportedImage& image = process.images[i];
      const bool last = i + 1 == process.images.size();
      spool::ImageEndFrame end = {};
      end.image = numbers_[number][i];
      end.flags = (!last || process.ended ? spool::kImageDied : 0u) |
                  (image.damaged ? spool::kImageDamaged : 0u);
      end.end_ticks = last ? process_end_ns : ticks(process.images[i + 1].start_ns);
      end.lost_events = image.lost_events;
      end.stalls = image.stalls;
      end.reason = static_cast<uint32_t>(image.traced ? UntracedReason::kNone : process.reason);
      end.python_version = image.python_version;
      end.last_state =
          static_cast<uint32_t>(image.traced ? ProcessState::kTracing : ProcessState::kPresent);
      VTN_TRY(writer_.append_struct(spool::FrameKind::kImageEnd, end));
    }
    spool::ProcessEndFrame end = {};
    end.process = number;
    end.flags = (process.ended ? spool::kProcessDied : 0u) |
                (process.status_known ? spool::kProcessStatusKnown : 0u) |
                (process.end_exact ? spool::kProcessEndExact : 0u);
    end.wait_status = process.wait_status;
    end.text_bytes = static_cast<uint32_t>(process.name.size());
    end.end_ticks = process_end_ns;
    VTN_TRY(writer_.append_struct(spool::FrameKind::kProcessEnd, end, process.name));
  }
  spool::RunEndFrame end = {};
  end.flags = facts_.has_status ? spool::kRunHasStatus : 0u;
  end.wait_status = facts_.wait_status;
  end.pid = facts_.processes.empty() ? 0 : pid_of(facts_.processes.front());
  end.unslotted = facts_.unslotted;
  end.start_ns = intake_.first_ns == UINT64_MAX ? 0 : ticks(intake_.first_ns);
  end.end_ns = end_ns;
  return writer_.append_struct(spool::FrameKind::kRunEnd, end);
}

std::vector<std::string> remarks_on(const Intake& intake, const AssemblyCounts& counts) {
  std::vector<std::string> remarks;
  const auto say = [&](uint64_t count, const std::string& what) {
    if (count != 0) {
      remarks.push_back(fmt::format("{} {}", count, what));
    }
  };
  say(counts.beside, "calls that overlap others without being in them are on rows beside");
  say(counts.shortened,
      fmt::format("calls that outlast their callers (by {} ns at most) are cut where those end",
                  counts.most_shortened_ns));
  say(counts.cut, "calls without an end are cut where the call around them ends");
  say(counts.stray_ends, "ends without a begin are left out");
  say(counts.too_deep, "calls deeper than a million others are left out");
  say(counts.moved.stamps,
      fmt::format("stamps that are the same as one before (or {} ns earlier at most) are moved "
                  "right behind it",
                  counts.moved.most_ticks));
  for (const auto& [what, count] : intake.left_out) {
    say(count, what);
  }
  remarks.insert(remarks.end(), intake.remarks.begin(), intake.remarks.end());
  return remarks;
}

Status Recording::write_notice() {
  if (images_ == 0) {
    return {};
  }
  std::string text = source_;
  for (const std::string& remark : remarks_on(intake_, counts_)) {
    text += "; " + remark;
  }
  return spool::append_names(
      writer_,
      0,
      spool::text_record(NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kImported), text));
}

Status Recording::write(const std::function<bool()>& go_on) {
  go_on_ = go_on;
  find_processes();
  numbers_.resize(facts_.processes.size());
  VTN_TRY(write_run());
  for (uint32_t number = 0; number < facts_.processes.size(); ++number) {
    VTN_TRY(write_process(number));
  }
  for (uint32_t number = 0; number < facts_.processes.size(); ++number) {
    VTN_TRY(write_threads(number));
  }
  VTN_TRY(write_notice());
  VTN_TRY(write_ends());
  return writer_.close();
}

}  // namespace vtn::importer
