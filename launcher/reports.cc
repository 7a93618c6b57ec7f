// SPDX-License-Identifier: Apache-2.0
#include "launcher/reports.h"

#include <algorithm>
#include <optional>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "base/log.h"
#include "base/threads.h"
#include "collector/program_end.h"
#include "launcher/derived.h"
#include "launcher/last_lines.h"
#include "launcher/progress_bar.h"
#include "launcher/recordings.h"
#include "report/output_file.h"
#include "report/summary/totals.h"
#include "report/write_report.h"
#include "session/session.h"
#include "tracer/clock.h"

namespace vtn::launcher {

namespace {

bool told_to_give_up() { return is_pending(collector::kGiveUpSignal); }

// The next bytes of a file from `at` on that lie in no hole; all, where nobody knows of holes.
spool::FilePart next_data(int fd, uint64_t at, uint64_t size) {
  const off_t begin = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
  if (begin < 0) {
    return {errno == ENXIO ? size : at, size};
  }
  const off_t end = lseek(fd, begin, SEEK_HOLE);
  return {static_cast<uint64_t>(begin), end > begin ? static_cast<uint64_t>(end) : size};
}

// From the file that is open: it may have become another output, under another name. Holes stay
// holes.
Status copy_spool(const spool::Reader& spool, const std::string& path) {
  struct stat info = {};
  if (fstat(spool.fd(), &info) != 0) {
    return fail_errno(fmt::format("cannot look at {}", spool.path()));
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  VTN_ASSIGN(report::OutputFile to, report::OutputFile::create(path));
  std::string buffer(size_t{1} << 20, '\0');
  uint64_t written_end = 0;
  for (uint64_t at = 0; at < size;) {
    const spool::FilePart part =
        to.seekable() ? next_data(spool.fd(), at, size) : spool::FilePart{at, size};
    for (at = part.begin; at < part.end;) {
      const uint64_t wanted = std::min<uint64_t>(buffer.size(), part.end - at);
      VTN_ASSIGN(const size_t got, pread_all(spool.fd(), buffer.data(), wanted, at));
      if (got == 0) {
        return fail(fmt::format("cannot read {} at offset {}: it ends there", spool.path(), at));
      }
      VTN_TRY(to.write_at(std::string_view(buffer).substr(0, got), at));
      at += got;
      written_end = at;
    }
  }
  if (written_end < size) {  // it ends with a hole
    VTN_TRY(to.write_at(std::string_view("\0", 1), size - 1));
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
                    const report::Output& output,
                    const report::ReportSettings& settings,
                    const report::CallTotals* totals,
                    report::Folding& folding) {
  ProgressBar bar("writing " + name_of(output.path), settings.verbosity > 0);
  report::WriteRequest request;
  request.path = output.path;
  request.gzip = output.gzip;
  request.settings = settings;
  request.progress = [&](uint64_t done, uint64_t total) {
    bar.show(done, total);
    return !told_to_give_up();
  };
  request.totals = totals;
  request.folding = &folding;
  return report::write_report(spool, *output.format, request);
}

// The sums that the last lines tell of, on the side while reports are written; first of all where a
// report needs to know how long calls took.
class RunTotals {
 public:
  RunTotals(const spool::Reader& spool, const report::ReportSettings& settings)
      : wanted_(what_is_wanted(spool, settings)) {
    const bool needed = wanted_ != report::AlsoAdd::kNothing;
    if (!needed && (settings.verbosity == 0 || settings.summary_lines == 0)) {
      return;
    }
    const auto work = [this, &spool, &settings](ProgressBar* bar) {
      auto totals =
          report::add_up(spool, wanted_, settings.workers, [bar](uint64_t done, uint64_t total) {
            if (bar != nullptr) {
              bar->show(done, total);
            }
            return !told_to_give_up();
          });
      if (totals) {
        totals_ = std::move(*totals);
      } else {
        log_debug("%s", totals.error().message.c_str());
      }
    };
    if (needed) {
      ProgressBar bar("adding up", settings.verbosity > 0);
      work(&bar);
      return;
    }
    auto thread = Thread::start([work] { work(nullptr); });
    if (thread) {
      thread_ = std::move(*thread);
    } else {
      work(nullptr);
    }
  }
  // Where a report needs them; else null.
  const report::CallTotals* needed() const {
    return wanted_ != report::AlsoAdd::kNothing && totals_ ? &*totals_ : nullptr;
  }
  // Null: not wanted, or not to be had.
  const report::CallTotals* wait() {
    thread_.reset();
    return totals_ ? &*totals_ : nullptr;
  }

 private:
  static report::AlsoAdd what_is_wanted(const spool::Reader& spool,
                                        const report::ReportSettings& settings) {
    report::AlsoAdd wanted = report::AlsoAdd::kNothing;
    for (const report::Output& output : settings.outputs) {
      if (output.format->folds_itself) {
        return report::AlsoAdd::kDurationsAndStacks;
      }
      if (report::will_fold(spool, *output.format, settings)) {
        wanted = report::AlsoAdd::kDurations;
      }
    }
    return wanted;
  }

  const report::AlsoAdd wanted_;
  std::optional<report::CallTotals> totals_;
  std::optional<Thread> thread_;  // behind what it writes to
};

enum class Outcome { kComplete, kFailed, kGivenUp };

// Writes all reports and says what became of it. `moved`: the spool has become one of them.
Outcome write_reports(const spool::Reader& spool,
                      const report::ReportSettings& settings,
                      bool may_move,
                      bool& moved) {
  moved = false;
  bool failed = false;
  RunTotals totals(spool, settings);
  std::vector<report::Folding> foldings(settings.outputs.size());
  // The spool is moved away only when nobody reads it any more.
  for (const bool save : {false, true}) {
    if (save) {
      (void)totals.wait();
    }
    for (size_t i = 0; i < settings.outputs.size(); ++i) {
      const report::Output& output = settings.outputs[i];
      if ((output.format->write == nullptr) != save) {
        continue;
      }
      Status status = save ? save_spool(spool, output.path, may_move, moved)
                           : write_output(spool, output, settings, totals.needed(), foldings[i]);
      if (told_to_give_up()) {
        return Outcome::kGivenUp;
      }
      if (!status) {
        log_error("%s", status.error().message.c_str());
        failed = true;
      }
    }
  }
  if (failed) {
    return Outcome::kFailed;
  }
  if (settings.verbosity > 0) {
    say_last_lines(spool, settings, foldings, totals.wait());
  }
  return Outcome::kComplete;
}

int report_error(const Error& error) {
  if (told_to_give_up()) {
    return 1;
  }
  log_error("%s", error.message.c_str());
  return 1;
}

// Where the spool that reports are made of comes from.
enum class Origin {
  kRun,      // of a run: it becomes a report or goes, and stays where there is trouble
  kDerived,  // made for the reports: it becomes one or goes
  kUsers,    // it stays
};

// Reports, then the spool goes (or stays, or is the report). The exit status.
int finish(const spool::Reader& spool, report::ReportSettings settings, Origin origin) {
  const auto is_recording = [](const report::Output& output) {
    struct stat info = {};
    return output.format->write == nullptr &&
           (stat(output.path.c_str(), &info) != 0 || S_ISREG(info.st_mode));
  };
  const auto is_folded = [&](const report::Output& output) {
    return report::will_fold(spool, *output.format, settings);
  };
  // A report in which calls are folded is not all there is of a run.
  const auto folded = std::ranges::find_if(settings.outputs, is_folded);
  std::string kept = settings.keep_raw ? settings.outputs.front().path : "";
  if (kept.empty() && origin == Origin::kRun && folded != settings.outputs.end() &&
      std::ranges::none_of(settings.outputs, is_recording)) {
    kept = folded->path;
  }
  if (!kept.empty()) {
    kept += report::spool_format().extension;
    settings.outputs.push_back({kept, &report::spool_format(), false});
  }
  const bool may_move = origin != Origin::kUsers;
  bool moved = false;
  const Outcome outcome = write_reports(spool, settings, may_move, moved);
  if (!moved &&
      (origin == Origin::kDerived || (origin == Origin::kRun && outcome == Outcome::kComplete))) {
    (void)unlink(spool.path().c_str());
  }
  if (outcome == Outcome::kFailed && !moved && origin != Origin::kDerived) {
    log_error(
        "what was recorded is kept; viztracer-native --recover %s -o OUT makes a report of it",
        spool.path().c_str());
  }
  return outcome == Outcome::kComplete ? 0 : 1;
}

void end_session(const std::string& folder, bool some_live_on) {
  if (some_live_on) {
    session::leave_session(folder);
  } else {
    session::remove_session(folder);
  }
}

}  // namespace

int record_and_report(const collector::CollectRequest& request,
                      const report::ReportSettings& settings) {
  auto collected = collector::collect(request);
  if (!collected) {
    return report_error(collected.error());
  }
  switch (collected->end) {
    case collector::CollectEnd::kSupervisorDied:
      return 1;  // --recover makes the report
    case collector::CollectEnd::kNothingRan:
      return 0;
    case collector::CollectEnd::kRecorded:
      break;
  }
  if (load_relaxed(&request.session->arena.control->report_unwanted) != 0) {
    (void)unlink(collected->spool_path.c_str());
    end_session(request.session->folder, collected->some_live_on);
    return 0;
  }
  auto fd = open_file(collected->spool_path, O_RDONLY);
  if (!fd) {
    return report_error(fd.error());
  }
  const auto reader =
      spool::Reader::adopt(std::move(*fd), collected->spool_path, collected->spool->take_model());
  const int status = finish(*reader, settings, Origin::kRun);
  if (told_to_give_up()) {
    return 1;  // the session stays for --recover
  }
  end_session(request.session->folder, collected->some_live_on);
  return status;
}

int recover_and_report(const collector::RecoveryRequest& request,
                       const report::ReportSettings& settings) {
  if (needs_import(request.source)) {  // a report that is cut or damaged
    auto spool = open_recording(request.source, folder_of(settings.outputs.front().path), true);
    return spool ? finish(**spool, settings, Origin::kUsers) : report_error(spool.error());
  }
  auto recovered = collector::recover(request);
  if (!recovered) {
    return report_error(recovered.error());
  }
  const int status = finish(
      *recovered->spool, settings, recovered->may_move_spool ? Origin::kRun : Origin::kUsers);
  if (status == 0 && !recovered->session_folder.empty()) {
    end_session(recovered->session_folder, recovered->some_live_on);
  }
  return status;
}

int convert_and_report(const Source& source, const report::ReportSettings& settings) {
  report::ReportSettings only = settings;
  only.keep_raw = false;  // it is the file at hand
  const std::string& output = settings.outputs.front().path;
  std::vector<std::unique_ptr<spool::Reader>> inputs;
  for (const std::string& path : source.paths) {
    auto input = open_recording(path, folder_of(output));
    if (!input) {
      return report_error(input.error());
    }
    inputs.push_back(std::move(*input));
  }
  if (!needs_derived(source)) {
    return finish(*inputs.front(), only, Origin::kUsers);
  }
  Result<std::unique_ptr<spool::Reader>> made = [&] {
    ProgressBar bar("--" + source.option, settings.verbosity > 0);
    return derive_recording(source, inputs, output, [&](uint64_t done, uint64_t total) {
      bar.show(done, total);
      return !told_to_give_up();
    });
  }();
  if (!made) {
    return made.error().code == ECANCELED ? 1 : report_error(made.error());
  }
  inputs.clear();
  return finish(**made, only, Origin::kDerived);
}

}  // namespace vtn::launcher
