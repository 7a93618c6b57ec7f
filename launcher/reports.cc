// SPDX-License-Identifier: Apache-2.0
#include "launcher/reports.h"

#include <algorithm>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/tracing_cost.h"
#include "report/pieces.h"
#include "report/process_tree.h"

namespace vtn::launcher {

namespace {

constexpr int64_t kProgressAfterMs = 1000;

int64_t now_ms() {
  struct timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

// The signal is blocked like all others.
bool told_to_give_up() {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, collector::kGiveUpSignal) == 1;
}

// One line that is written over and over, and wiped at the end.
class ProgressBar {
 public:
  ProgressBar(std::string name, bool shown)
      : name_(std::move(name)), shown_(shown && isatty(STDERR_FILENO) != 0), start_ms_(now_ms()) {}
  ~ProgressBar() {
    if (drawn_) {
      put("\r\x1b[K");
    }
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(uint64_t done, uint64_t total) {
    if (!shown_ || now_ms() - start_ms_ < kProgressAfterMs) {
      return;
    }
    constexpr uint64_t kWidth = 40;
    const uint64_t parts = total == 0 ? 0 : done * kWidth / total;
    put(fmt::format("\rviztracer-native: {} [{}{}] {:3}%",
                    name_,
                    std::string(parts, '#'),
                    std::string(kWidth - parts, '.'),
                    total == 0 ? 0 : done * 100 / total));
    drawn_ = true;
  }

 private:
  static void put(const std::string& text) {
    (void)!write(STDERR_FILENO, text.data(), text.size());
  }

  std::string name_;
  bool shown_;
  bool drawn_ = false;
  int64_t start_ms_;
};

std::string grouped(uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) {
      text += ',';
    }
    text += digits[i];
  }
  return text;
}

std::string counted(uint64_t value, const char* one, const char* many) {
  return fmt::format("{} {}", grouped(value), value == 1 ? one : many);
}

std::string size_text(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return "";
  }
  const auto bytes = static_cast<double>(info.st_size);
  return bytes < 1e6 ? fmt::format(" ({:.1f} kB)", bytes / 1e3)
                     : fmt::format(" ({:.1f} MB)", bytes / 1e6);
}

Status copy_spool(const spool::Reader& spool, const std::string& path) {
  VTN_ASSIGN(UniqueFd from, open_file(spool.path(), O_RDONLY));
  VTN_ASSIGN(report::OutputFile to, report::OutputFile::create(path));
  std::string buffer(size_t{1} << 20, '\0');
  for (;;) {
    VTN_ASSIGN(const size_t got, read_all(from.get(), buffer.data(), buffer.size()));
    if (got == 0) {
      break;
    }
    VTN_TRY(to.append(std::string_view(buffer).substr(0, got)));
  }
  return to.commit();
}

Status save_spool(const spool::Reader& spool, const std::string& path, bool may_move, bool& moved) {
  struct stat info = {};
  const bool plain = stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode);
  if (!may_move || moved || !plain) {
    return copy_spool(spool, path);
  }
  // Readable like any other file the user makes, not like a temporary one.
  const mode_t mask = umask(0);
  (void)umask(mask);
  (void)chmod(spool.path().c_str(), 0666 & ~mask);
  if (rename(spool.path().c_str(), path.c_str()) != 0) {
    return errno == EXDEV ? copy_spool(spool, path)
                          : Status(fail_errno(fmt::format("cannot write {}", path)));
  }
  moved = true;
  return {};
}

Status write_output(const spool::Reader& spool,
                    const OutputSpec& output,
                    bool python_only,
                    bool show_progress) {
  ProgressBar bar("writing " + name_of(output.path), show_progress);
  report::ReportOptions options;
  options.path = output.path;
  options.gzip = output.gzip;
  options.python_only = python_only;
  options.progress = [&](uint64_t done, uint64_t total) {
    bar.show(done, total);
    return !told_to_give_up();
  };
  return output.format == OutputSpec::kJson ? report::write_json(spool, options)
                                            : report::write_perfetto(spool, options);
}

// "ID NAME (why)" of as many as a line may hold.
std::string named(const std::vector<const report::ProcessInfo*>& processes) {
  constexpr size_t kMostNamed = 5;
  std::string text;
  for (size_t i = 0; i < processes.size() && i < kMostNamed; ++i) {
    const report::ProcessInfo& process = *processes[i];
    const uint32_t version = process.python_version;
    text += fmt::format(
        "{}{} {} ({}{})",
        i == 0 ? "" : "; ",
        process.pid,
        process.name,
        version == 0 ? "" : fmt::format("Python {}.{}: ", version >> 24, (version >> 16) & 0xff),
        report::untraced_text(process.reason));
  }
  if (processes.size() > kMostNamed) {
    text += fmt::format("; and {} more", processes.size() - kMostNamed);
  }
  return text;
}

void print_summary(const spool::Reader& spool,
                   const report::ProcessTree& tree,
                   const ReportJob& job) {
  const spool::Model& model = spool.model();
  const spool::Totals totals = spool::totals_of(model);
  for (const OutputSpec& output : job.outputs) {
    log_info("report: %s%s", output.path.c_str(), size_text(output.path).c_str());
  }
  const auto missed = std::count_if(
      tree.processes.begin(), tree.processes.end(), [](const report::ProcessInfo& process) {
        return process.missed();
      });
  if (totals.processes == 0 && missed == 0) {
    log_info("nothing was traced: no CPython of 3.10 or later ran in the program");
    return;
  }
  const uint64_t others = tree.processes.size() - totals.processes;
  log_info("%s traced%s, %s, %s, %s lost",
           counted(totals.processes, "process", "processes").c_str(),
           others == 0 ? "" : fmt::format(" ({} more not)", grouped(others)).c_str(),
           counted(totals.threads, "thread", "threads").c_str(),
           counted(totals.calls, "call", "calls").c_str(),
           counted(totals.lost_events, "event", "events").c_str());
  if (job.just_run && totals.calls != 0 && model.run_end.end_ns > model.run_end.start_ns) {
    const double cost = tracing_cost_seconds(model);
    const double run = static_cast<double>(model.run_end.end_ns - model.run_end.start_ns) * 1e-9;
    log_info("tracing cost about %.2g s of the program's %.2f s, %.0f ns a call",
             cost,
             run,
             cost * 1e9 / static_cast<double>(totals.calls));
  }
  if (job.verbose > 1 && (totals.stray_ends != 0 || totals.cut_calls != 0)) {
    log_info("%s ended that had not begun, %s closed without an end of their own",
             counted(totals.stray_ends, "call", "calls").c_str(),
             counted(totals.cut_calls, "call was", "calls were").c_str());
  }
}

void print_troubles(const spool::Reader& spool, const report::ProcessTree& tree) {
  const spool::Model& model = spool.model();
  if ((model.run_end.flags & spool::kRunDiskFull) != 0) {
    log_warning("the disk was full while recording: the report ends there (%s lost)",
                counted(model.run_end.lost_chunks, "block", "blocks").c_str());
  }
  if (model.truncated) {
    log_warning("the recording was cut short: what came after it is missing");
  }
  for (const spool::ImageInfo& image : model.images) {
    if (image.damaged || (image.end.flags & spool::kImageDamaged) != 0) {
      log_warning("process %u wrote over its own trace: parts of it may be missing or wrong",
                  image.pid);
    }
  }
  std::vector<const report::ProcessInfo*> missed;
  for (const uint32_t number : tree.order) {
    if (tree.processes[number].missed()) {
      missed.push_back(&tree.processes[number]);
    }
  }
  if (!missed.empty()) {
    log_warning("%s not traced: %s",
                counted(missed.size(), "Python process was", "Python processes were").c_str(),
                named(missed).c_str());
  }
  if (const uint32_t unslotted = model.run_end.unslotted; unslotted != 0) {
    log_warning("%s too many at a time: nothing is known of them",
                counted(unslotted, "process was one", "processes were").c_str());
  }
}

}  // namespace

ReportOutcome write_reports(const spool::Reader& spool, const ReportJob& job, bool& moved) {
  moved = false;
  bool failed = false;
  // The spool is moved away only when nobody reads it any more.
  for (const bool save : {false, true}) {
    for (const OutputSpec& output : job.outputs) {
      if ((output.format == OutputSpec::kVtn) != save) {
        continue;
      }
      Status status = save ? save_spool(spool, output.path, job.may_move_spool, moved)
                           : write_output(spool, output, job.python_only, !job.quiet);
      if (told_to_give_up()) {
        return ReportOutcome::kGivenUp;
      }
      if (!status) {
        log_error("%s", status.error().message.c_str());
        failed = true;
      }
    }
  }
  if (failed) {
    return ReportOutcome::kFailed;
  }
  if (!job.quiet) {
    const report::ProcessTree tree = report::build_process_tree(spool.model());
    print_summary(spool, tree, job);
    print_troubles(spool, tree);
  }
  return ReportOutcome::kComplete;
}

}  // namespace vtn::launcher
