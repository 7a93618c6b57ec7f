// SPDX-License-Identifier: Apache-2.0
#include "launcher/last_lines.h"

#include <algorithm>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <fmt/format.h>

#include "abi/python_abi.h"
#include "base/file.h"
#include "base/log.h"
#include "report/left_out.h"
#include "report/process_tree.h"
#include "report/summary/text.h"

namespace vtn::launcher {

namespace {

using report::grouped;

// Perfetto's UI has opened more, and has run out of memory on less.
constexpr uint64_t kManySlices = 15'000'000;
// With more processes their tables would hide one another: the file has them all.
constexpr size_t kMostTables = 3;

std::string counted(uint64_t value, const char* one, const char* many) {
  return fmt::format("{} {}", grouped(value), value == 1 ? one : many);
}

std::string size_text(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return "";
  }
  return fmt::format(" ({})", report::bytes_text(static_cast<uint64_t>(info.st_size)));
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

void say_where(const report::ReportSettings& settings) {
  const char* viewer = nullptr;
  for (const report::Output& output : settings.outputs) {
    log_info("report: %s%s", output.path.c_str(), size_text(output.path).c_str());
    viewer = viewer != nullptr ? viewer : output.format->viewer;
  }
  if (viewer != nullptr) {
    log_info("open it %s", viewer);
  }
}

// What is not in the reports call by call, and where it is.
void say_folded(const spool::Reader& spool,
                const report::ReportSettings& settings,
                const std::vector<report::Folding>& foldings) {
  std::string recording =
      spool.path().ends_with(report::spool_format().extension) ? spool.path() : "";
  for (const report::Output& output : settings.outputs) {
    recording = output.format->write == nullptr ? output.path : recording;
  }
  bool any = false;
  for (size_t i = 0; i < foldings.size(); ++i) {
    if (foldings[i].below_ns == 0) {
      continue;
    }
    any = true;
    log_info("%s", folding_text(name_of(settings.outputs[i].path), foldings[i]).c_str());
  }
  if (any && !recording.empty()) {
    log_info(
        "each call is in %s: viztracer-native view shows it; --convert with --from and --to "
        "makes reports of a part",
        recording.c_str());
  }
}

// Why there is no call in the report, as far as it can be told from the processes there were.
std::string why_nothing(const report::ProcessTree& tree) {
  for (const uint32_t number : tree.order) {
    const report::ProcessInfo& process = tree.processes[number];
    if (process.python && process.ledger == report::LedgerEntry::kUntraced) {
      return fmt::format("nothing was traced: {} ran untraced, since {}",
                         process.name,
                         report::untraced_text(process.reason));
    }
  }
  for (const uint32_t number : tree.order) {
    const report::ProcessInfo& process = tree.processes[number];
    if (process.ledger == report::LedgerEntry::kKilledEarly) {
      return fmt::format("nothing was recorded: {} ended before the program's first call",
                         process.name);
    }
  }
  return fmt::format("nothing was traced: no CPython of {} or later ran in the program",
                     kOldestPythonText);
}

// The model counts slices, a resumed generator's too; calls are known where they were added up.
std::string counted_calls(uint64_t slices, const report::CallTotals* totals) {
  if (totals == nullptr) {
    return counted(slices, "slice", "slices");
  }
  const uint64_t calls = totals->calls();
  return counted(calls, "call", "calls") +
         (calls == slices ? "" : fmt::format(" ({})", counted(slices, "slice", "slices")));
}

void say_contents(const spool::Model& model,
                  const report::ProcessTree& tree,
                  const report::CallTotals* calls) {
  const spool::Totals totals = spool::totals_of(model);
  const uint64_t others = tree.processes.size() - totals.processes;
  log_info("%s%s, %s, %s, %s lost",
           counted(totals.processes, "Python process", "Python processes").c_str(),
           others == 0 ? "" : fmt::format(" and {}", counted(others, "other", "others")).c_str(),
           counted(spool::count_threads(model), "thread", "threads").c_str(),
           counted_calls(totals.calls, calls).c_str(),
           counted(totals.lost_events, "event", "events").c_str());
}

// What is not in the report because that was asked for.
void say_left_out(const spool::Model& model, const report::ProcessTree& tree) {
  const std::string with = report::recorded_with(model);
  if (with.empty()) {
    return;
  }
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const report::LeftOut left_out = report::left_out_of(model, clock);
  std::string text = "recorded with " + with;
  if (!left_out.hidden.empty()) {
    const size_t count = left_out.hidden.size();
    text +=
        spool::totals_of(model).calls == 0
            ? fmt::format(
                  "; that hides {}",
                  counted(count, "function, the only one that ran", "functions, all that ran"))
            : fmt::format("; {} not recorded: {}",
                          counted(count, "function is", "functions are"),
                          count == 1 ? "its time is its callers'" : "their time is their callers'");
  }
  if (left_out.calls != 0) {
    text += fmt::format("; {} left out", counted(left_out.calls, "call was", "calls were")) +
            ", whose time is their callers' own";
  }
  log_info("%s", text.c_str());
  if (left_out.counted != 0) {
    log_info("single calls of %s are not recorded %s, but counted: --report times.txt lists them",
             counted(left_out.counted, "function", "functions").c_str(),
             left_out.since_text(left_out.counted_from_ns).c_str());
  }
  if (left_out.all_marks != 0) {
    log_info("%s left out %s; --report times.txt lists them",
             counted(left_out.all_marks, "mark was", "marks were").c_str(),
             left_out.since_text(left_out.marks_from_ns).c_str());
  }
  const std::vector<report::DroppedCalls> dropped = report::dropped_calls_of(model, tree, clock);
  for (size_t i = 0; i < dropped.size() && i < kMostTables; ++i) {
    log_info("dropped for newer ones: %s", report::dropped_text(dropped[i]).c_str());
  }
  if (dropped.size() > kMostTables) {
    log_info("and calls of %s; --report times.txt lists all of it",
             counted(dropped.size() - kMostTables, "process more", "processes more").c_str());
  }
}

// What was switched off is not counted: one line, and the first few of it.
void say_switched_off(const spool::Model& model, const report::ProcessTree& tree) {
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const std::vector<report::SwitchedOffFunction> off = report::switched_off_of(model, tree, clock);
  if (off.empty()) {
    return;
  }
  std::string text;
  for (size_t i = 0; i < off.size() && i < kMostTables; ++i) {
    text += (i == 0 ? "" : "; ") + report::switched_off_text(off[i]);
  }
  log_info("called too often, so not recorded: %s%s",
           text.c_str(),
           off.size() > kMostTables ? fmt::format("; and {} more: --report times.txt lists them",
                                                  off.size() - kMostTables)
                                          .c_str()
                                    : "");
}

struct Table {
  const report::ProcessInfo* process;
  std::vector<uint32_t> threads;
  uint64_t own_ns;
  uint64_t calls;
};

void say_table(const spool::Model& model,
               const report::CallTotals& totals,
               const Table& table,
               unsigned lines,
               const std::string& title) {
  const std::vector<report::NamedTotals> functions =
      report::by_function(model, totals, table.threads);
  log_info("%s", title.c_str());
  log_info("%s", report::table_head().c_str());
  std::string folder;
  if (!table.process->images.empty()) {
    folder = model.images[table.process->images.back()].cwd;
  }
  for (size_t i = 0; i < functions.size() && i < lines; ++i) {
    log_info("%s", report::table_line(functions[i], table.own_ns, folder).c_str());
  }
}

void say_times(const spool::Model& model,
               const report::ProcessTree& tree,
               const report::CallTotals& totals,
               unsigned lines) {
  std::vector<Table> tables;
  const std::vector<std::vector<uint32_t>> threads = report::threads_by_process(model);
  for (const uint32_t number : tree.order) {
    Table table = {&tree.processes[number], threads[number], 0, 0};
    for (const uint32_t thread : table.threads) {
      table.own_ns += totals.threads[thread].own_ns;
      table.calls += totals.threads[thread].calls;
    }
    if (table.calls != 0) {
      tables.push_back(std::move(table));
    }
  }
  // Those in which most happened.
  std::stable_sort(tables.begin(), tables.end(), [](const Table& a, const Table& b) {
    return a.own_ns > b.own_ns;
  });
  const size_t shown = std::min(tables.size(), kMostTables);
  for (size_t i = 0; i < shown; ++i) {
    const Table& table = tables[i];
    const std::string title = tables.size() == 1
                                  ? std::string("where the time went:")
                                  : fmt::format("where the time went in {} {} ({} in {}):",
                                                table.process->shown_pid,
                                                table.process->name,
                                                report::duration_text(table.own_ns),
                                                counted(table.calls, "call", "calls"));
    say_table(model, totals, table, lines, title);
  }
  if (tables.size() > shown) {
    log_info("and %s; --report times.txt lists all of it",
             counted(tables.size() - shown, "process more", "processes more").c_str());
  }
}

void say_troubles(const spool::Model& model, const report::ProcessTree& tree) {
  if (const std::string error = spool::spool_error_text(model.run_end); !error.empty()) {
    log_warning("the recording could not be written: %s; the report ends there", error.c_str());
  }
  if (model.truncated) {
    log_warning("the recording was cut short: what came after it is missing");
  }
  for (const spool::ImageInfo& image : model.images) {
    if (image.is_damaged()) {
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

void say_if_large(const spool::Model& model, const report::ReportSettings& settings) {
  const uint64_t slices = spool::totals_of(model).calls;
  const bool large = settings.full && slices > kManySlices &&
                     std::ranges::any_of(settings.outputs, [](const report::Output& output) {
                       return output.format->most_rows != 0 && !output.format->folds_itself;
                     });
  if (large) {
    log_warning(
        "%s slices are more than viewers open as a rule (%s); without --full those that are "
        "too short are folded",
        grouped(slices).c_str(),
        grouped(kManySlices).c_str());
  }
}

}  // namespace

std::string folding_text(const std::string& report, const report::Folding& folding) {
  return fmt::format("{}: calls shorter than {} are folded, {} in {}",
                     report,
                     report::duration_text(folding.below_ns),
                     counted(folding.calls, "call", "calls"),
                     counted(folding.folds, "slice", "slices"));
}

void say_last_lines(const spool::Reader& spool,
                    const report::ReportSettings& settings,
                    const std::vector<report::Folding>& foldings,
                    const report::CallTotals* totals) {
  const spool::Model& model = spool.model();
  const report::ProcessTree tree = report::build_process_tree(model);
  say_where(settings);
  say_folded(spool, settings, foldings);
  const spool::Totals run = spool::totals_of(model);
  if (run.processes == 0) {
    const bool missed = std::any_of(tree.processes.begin(),
                                    tree.processes.end(),
                                    [](const report::ProcessInfo& one) { return one.missed(); });
    if (!missed) {
      log_info("%s", why_nothing(tree).c_str());
    }
  } else {
    say_contents(model, tree, totals);
    say_left_out(model, tree);
    say_switched_off(model, tree);
    if (totals != nullptr && settings.summary_lines != 0 && run.calls != 0) {
      say_times(model, tree, *totals, settings.summary_lines);
    }
  }
  if (settings.verbosity > 1 && (run.stray_ends != 0 || run.cut_calls != 0)) {
    log_info("%s ended that had not begun, %s closed without an end of their own",
             counted(run.stray_ends, "call", "calls").c_str(),
             counted(run.cut_calls, "call was", "calls were").c_str());
  }
  if (settings.verbosity > 1) {
    for (const uint32_t number : tree.order) {
      const report::ProcessInfo& process = tree.processes[number];
      log_info("process %u %s: %s",
               process.shown_pid,
               process.name.c_str(),
               ledger_text(process).c_str());
    }
  }
  say_if_large(model, settings);
  say_troubles(model, tree);
}

}  // namespace vtn::launcher
