// SPDX-License-Identifier: Apache-2.0
#include "report/summary/info.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <fmt/format.h>

#include "abi/event_abi.h"
#include "base/file.h"
#include "report/frame_reader.h"
#include "report/left_out.h"
#include "report/picture.h"
#include "report/process_names.h"
#include "report/summary/text.h"
#include "report/text.h"
#include "spool/clock_map.h"

namespace vtn::report {

namespace {

constexpr size_t kMostCommandBytes = 400;
constexpr size_t kMostOfAKind = 3;  // lines
constexpr uint64_t kSecondNs = 1'000'000'000;

bool is_mark(const spool::FunctionInfo& function) {
  return function.kind == FunctionKind::kInstant || function.kind == FunctionKind::kCounter;
}

std::string counted(uint64_t value, const char* one, const char* many) {
  return fmt::format("{} {}", grouped(value), value == 1 ? one : many);
}

std::string percent(uint64_t part, uint64_t all) {
  return fmt::format("{:.1f} %",
                     all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

// "2026-11-26 13:32:12 +0000"
std::string date_text(uint64_t realtime_ns) {
  const auto seconds = static_cast<time_t>(realtime_ns / kSecondNs);
  tm local;
  char text[64] = "";
  if (localtime_r(&seconds, &local) != nullptr) {
    (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &local);
  }
  return text;
}

class Info {
 public:
  explicit Info(const spool::Reader& spool)
      : spool_(spool),
        model_(spool.model()),
        clock_(static_cast<ClockKind>(model_.header.clock_kind), model_.clock),
        tree_(build_process_tree(model_)),
        totals_(spool::totals_of(model_)) {}

  Result<std::string> text() {
    VTN_TRY(put_file());
    put("command", one_line(model_.command_line, kMostCommandBytes));
    put_time();
    const std::string with = recorded_with(model_);
    put("options", with.empty() ? "none: every call was recorded" : with);
    put("program", program_text());
    put("processes", processes_text());
    put("threads", grouped(spool::count_threads(model_)));
    put("calls", calls_text());
    put("functions", grouped(count_functions()));
    VTN_ASSIGN(const uint64_t marks, count_marks());
    put("marks", grouped(marks));
    put_missing();
    put_busiest();
    return std::move(text_);
  }

 private:
  void put(const char* word, const std::string& what) {
    text_ += fmt::format("{:<11} {}\n", word, what);
  }

  Status put_file() {
    struct stat info = {};
    if (fstat(spool_.fd(), &info) != 0) {
      return fail_errno(fmt::format("cannot look at {}", spool_.path()));
    }
    // A report that was imported lies elsewhere, as a recording.
    struct stat named = {};
    const bool imported = stat(spool_.path().c_str(), &named) == 0 && S_ISREG(named.st_mode) &&
                          !is_same_file(spool_.fd(), spool_.path());
    file_bytes_ = static_cast<uint64_t>(imported ? named.st_size : info.st_size);
    const std::string state = imported ? "imported"
                              : spool_.closed()
                                  ? "complete"
                                  : fmt::format(
                                        "cut short at offset {}: viztracer-native --recover {} -o "
                                        "OUT makes a report of what is there",
                                        spool_.end_offset(),
                                        spool_.path());
    put("file", fmt::format("{}: {}, {}", spool_.path(), bytes_text(file_bytes_), state));
    return {};
  }

  void put_time() {
    uint64_t start_ns = model_.run_end.start_ns;
    uint64_t end_ns = model_.run_end.end_ns;
    if (!model_.has_run_end) {  // from the first to the last that is known of
      start_ns = clock_.first_ns();
      start_ns = model_.clock.empty() ? start_ns : clock_.to_ns(model_.clock.front().ticks);
      end_ns = start_ns;
      for (const ProcessInfo& process : tree_.processes) {
        end_ns = std::max(end_ns, clock_.to_ns(process.end_ticks));
      }
    }
    put("recorded",
        fmt::format("{}, {}, by viztracer-native {}",
                    clock_.realtime_base_ns() == 0
                        ? "when is not known"
                        : date_text(clock_.realtime_base_ns() + start_ns),
                    duration_text(end_ns - std::min(end_ns, start_ns)),
                    one_line(model_.version, 80)));
  }

  std::string program_text() const {
    if ((model_.run_end.flags & spool::kRunHasStatus) == 0) {
      return "its exit status is not known";
    }
    const std::string bad = bad_end_text(model_.run_end.wait_status);
    return bad.empty() ? "exit status 0" : bad;
  }

  // "4: 2 traced (Python 3.12.1), 1 untraced: it is older than 3.10, 1 not a CPython"
  std::string processes_text() const {
    std::map<std::string, size_t> versions;
    std::vector<std::pair<std::string, size_t>> ledger;  // in the order of the tree
    size_t traced = 0;
    for (const uint32_t number : tree_.order) {
      const ProcessInfo& process = tree_.processes[number];
      if (process.traced()) {
        ++traced;
        if (process.python_version != 0) {
          ++versions[python_version_text(process.python_version)];
        }
        continue;
      }
      const std::string entry = ledger_text(process);
      const auto known = std::find_if(
          ledger.begin(), ledger.end(), [&](const auto& one) { return one.first == entry; });
      if (known == ledger.end()) {
        ledger.emplace_back(entry, 1);
      } else {
        ++known->second;
      }
    }
    std::string pythons;
    for (const auto& [version, count] : versions) {
      pythons += (pythons.empty() ? " (Python " : ", ") + version;
      pythons += versions.size() == 1 ? "" : fmt::format(": {}", count);
    }
    std::string text = fmt::format("{}: {} traced{}{}",
                                   grouped(tree_.order.size()),
                                   grouped(traced),
                                   pythons,
                                   pythons.empty() ? "" : ")");
    for (const auto& [entry, count] : ledger) {
      text += fmt::format(", {} {}", grouped(count), entry);
    }
    if (const uint32_t unknown = model_.run_end.unslotted; unknown != 0) {
      text += fmt::format(", and {} too many at a time, of which nothing is known", unknown);
    }
    return text;
  }

  // The index counts slices: of a generator each resumption.
  std::string calls_text() const {
    const bool resumed =
        std::any_of(model_.images.begin(), model_.images.end(), [](const spool::ImageInfo& image) {
          return std::any_of(image.functions.begin(),
                             image.functions.end(),
                             [](const spool::FunctionInfo& one) { return one.resumed(); });
        });
    return grouped(totals_.calls) + (resumed ? ", resumed generators once more each time" : "") +
           (totals_.calls == 0 ? ""
                               : fmt::format(", {:.1f} bytes each",
                                             static_cast<double>(file_bytes_) /
                                                 static_cast<double>(totals_.calls)));
  }

  size_t count_functions() const {
    std::set<std::tuple<std::string_view, std::string_view, uint32_t, FunctionKind>> all;
    for (const spool::ImageInfo& image : model_.images) {
      for (const spool::FunctionInfo& one : image.functions) {
        if (!is_mark(one)) {
          all.emplace(one.name, one.file, one.line, one.kind);
        }
      }
    }
    return all.size();
  }

  Result<uint64_t> count_marks() const {
    uint64_t marks = 0;
    const bool any =
        std::any_of(model_.images.begin(), model_.images.end(), [](const spool::ImageInfo& image) {
          return std::any_of(image.functions.begin(), image.functions.end(), is_mark);
        });
    FrameReader reader;
    for (const spool::FrameInfo& frame : any ? model_.frames : std::vector<spool::FrameInfo>()) {
      spool::EventsFrame head = {};
      VTN_ASSIGN(
          const size_t got,
          pread_all(spool_.fd(), &head, sizeof(head), frame.offset + sizeof(spool::FrameHead)));
      if (got == sizeof(head) && (head.flags & spool::kEventsNotes) == 0) {
        continue;
      }
      VTN_TRY(reader.read(spool_, frame, [&](const spool::DecodedFrame& decoded) -> Status {
        marks += static_cast<uint64_t>(
            std::count_if(decoded.notes.begin(), decoded.notes.end(), [](const spool::Note& note) {
              return note.kind >= kFirstMark;
            }));
        return {};
      }));
    }
    return marks;
  }

  // The file is a part of a recording: which.
  void put_window() {
    const spool::WindowInfo& window = model_.window;
    if (!window.known) {
      return;
    }
    const auto since_start = [this](uint64_t ticks) {
      const uint64_t ns = clock_.to_ns(ticks);
      return duration_text(ns - std::min(ns, model_.run_end.start_ns));
    };
    std::string text = "of a recording";
    text += window.from_ticks == 0 ? "" : ", from " + since_start(window.from_ticks);
    text += window.to_ticks == UINT64_MAX ? "" : ", until " + since_start(window.to_ticks);
    text += window.from_ticks == 0 && window.to_ticks == UINT64_MAX ? "" : " after its start";
    text += ": " + counted(window.processes.size(), "process is", "processes are") + " shown";
    put("part", text);
  }

  void put_missing() {
    put_window();
    put("lost", counted(totals_.lost_events, "event", "events"));
    const LeftOut left_out = left_out_of(model_, clock_);
    if (!left_out.hidden.empty()) {
      put("hidden", counted(left_out.hidden.size(), "function", "functions"));
    }
    if (left_out.calls != 0 || left_out.all_marks != 0) {
      put("left out",
          counted(left_out.calls, "call", "calls") +
              (left_out.all_marks == 0 ? "" : ", " + counted(left_out.all_marks, "mark", "marks")));
    }
    const std::vector<DroppedCalls> dropped = dropped_calls_of(model_, tree_, clock_);
    for (size_t i = 0; i < dropped.size() && i < kMostOfAKind; ++i) {
      put("dropped", dropped_text(dropped[i]));
    }
    if (dropped.size() > kMostOfAKind) {
      put("dropped", fmt::format("and of {} processes more", dropped.size() - kMostOfAKind));
    }
    if (const size_t off = switched_off_of(model_, tree_, clock_).size(); off != 0) {
      put("switched", counted(off, "function was", "functions were") + " switched off");
    }
    if (const std::string error = spool::spool_error_text(model_.run_end); !error.empty()) {
      put("cut", fmt::format("the recording could not be written: {}", error));
    }
    const auto damaged =
        std::count_if(model_.images.begin(), model_.images.end(), [](const spool::ImageInfo& one) {
          return one.is_damaged();
        });
    if (damaged != 0) {
      put("damaged",
          counted(static_cast<uint64_t>(damaged), "program", "programs") +
              " wrote over the recording: parts of it may be missing or wrong");
    }
  }

  void put_busiest() {
    const std::vector<std::vector<uint32_t>> threads = threads_by_process(model_);
    const ProcessInfo* process = nullptr;
    uint64_t process_calls = 0;
    const spool::ThreadInfo* thread = nullptr;
    for (const uint32_t number : tree_.order) {
      uint64_t calls = 0;
      for (const uint32_t i : threads[number]) {
        calls += model_.threads[i].calls;
        if (thread == nullptr || model_.threads[i].calls > thread->calls) {
          thread = &model_.threads[i];
        }
      }
      if (calls > process_calls) {
        process = &tree_.processes[number];
        process_calls = calls;
      }
    }
    if (process == nullptr) {
      return;
    }
    const auto busiest = [&](const std::string& who, uint64_t calls) {
      put("busiest",
          fmt::format(
              "{}: {} ({})", who, counted(calls, "call", "calls"), percent(calls, totals_.calls)));
    };
    busiest(fmt::format("process {} {}", process->shown_pid, process->name), process_calls);
    const spool::ImageInfo& image = model_.images[thread->image];
    busiest(fmt::format("thread {} {} of {}",
                        thread->tid,
                        one_line(thread_name(image, *thread), 80),
                        tree_.processes[image.process].shown_pid),
            thread->calls);
  }

  const spool::Reader& spool_;
  const spool::Model& model_;
  spool::ClockMap clock_;
  ProcessTree tree_;
  spool::Totals totals_;
  uint64_t file_bytes_ = 0;
  std::string text_;
};

}  // namespace

Result<std::string> info_text(const spool::Reader& spool) { return Info(spool).text(); }

}  // namespace vtn::report
