// SPDX-License-Identifier: Apache-2.0
#include "report/summary/markdown.h"

#include <algorithm>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <fmt/format.h>

#include "report/left_out.h"
#include "report/output_file.h"
#include "report/picture.h"
#include "report/process_names.h"
#include "report/summary/text.h"
#include "report/summary/totals.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kFunctions = 25;
constexpr size_t kProcesses = 12;
constexpr size_t kNotices = 6;
constexpr size_t kMostNameBytes = 160;
constexpr size_t kMostCommandBytes = 500;
// Heading, command, what was recorded; blank lines; two tables with their heads and a line for what
// is not in them; what is missing.
static_assert(6 + (kFunctions + 3) + (kProcesses + 5) + (kNotices + 3) <= kMostMarkdownLines);

// As code: nothing in it has a meaning.
std::string code(std::string_view text, size_t most_bytes = kMostNameBytes) {
  std::string line = one_line(text, most_bytes);
  std::replace(line.begin(), line.end(), '`', '\'');
  return "`" + line + "`";
}

// Within a table a bar ends the cell, also in code.
std::string code_in_cell(std::string_view text) {
  std::string cell;
  for (const char letter : code(text)) {
    cell += letter == '|' ? "\\|" : std::string(1, letter);
  }
  return cell;
}

double share_of(uint64_t part_ns, uint64_t all_ns) {
  return all_ns == 0 ? 0 : 100.0 * static_cast<double>(part_ns) / static_cast<double>(all_ns);
}

std::string exit_text(const spool::RunEndFrame& end) {
  if ((end.flags & spool::kRunHasStatus) == 0) {
    return "its exit status is not known";
  }
  return WIFSIGNALED(end.wait_status)
             ? fmt::format("killed by signal {}", WTERMSIG(end.wait_status))
             : fmt::format("exit status {}", WEXITSTATUS(end.wait_status));
}

struct ProcessRow {
  uint32_t number;
  uint64_t own_ns = 0;
  uint64_t calls = 0;
  size_t threads = 0;
};

std::vector<ProcessRow> process_rows(const Picture& picture, const CallTotals& totals) {
  std::vector<ProcessRow> rows;
  const std::vector<std::vector<uint32_t>> threads = threads_by_process(picture.model);
  for (const uint32_t number : picture.tree.order) {
    if (threads[number].empty()) {
      continue;
    }
    ProcessRow row = {number};
    row.threads = threads[number].size();
    for (const uint32_t thread : threads[number]) {
      row.own_ns += totals.threads[thread].own_ns;
      row.calls += totals.threads[thread].calls;
    }
    rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const ProcessRow& a, const ProcessRow& b) {
    return a.own_ns > b.own_ns;
  });
  return rows;
}

std::string functions_table(const spool::Model& model,
                            const CallTotals& totals,
                            uint64_t all_ns,
                            const std::string& folder) {
  std::vector<uint32_t> threads(totals.threads.size());
  for (uint32_t i = 0; i < threads.size(); ++i) {
    threads[i] = i;
  }
  const std::vector<NamedTotals> functions = by_function(model, totals, threads);
  std::string text = "| own | share | total | calls | function |\n|---:|---:|---:|---:|---|\n";
  for (size_t i = 0; i < functions.size() && i < kFunctions; ++i) {
    const FunctionTotals& sums = functions[i].totals;
    text += fmt::format("| {} | {:.1f} % | {} | {} | {} |\n",
                        duration_text(sums.own_ns),
                        share_of(sums.own_ns, all_ns),
                        duration_text(sums.total_ns),
                        grouped(sums.calls),
                        code_in_cell(function_text(functions[i].function, folder)));
  }
  if (functions.size() > kFunctions) {
    uint64_t rest_ns = 0;
    for (size_t i = kFunctions; i < functions.size(); ++i) {
      rest_ns += functions[i].totals.own_ns;
    }
    text += fmt::format("| {} | {:.1f} % | | | {} functions more |\n",
                        duration_text(rest_ns),
                        share_of(rest_ns, all_ns),
                        grouped(functions.size() - kFunctions));
  }
  return text;
}

std::string processes_table(const Picture& picture,
                            const std::vector<ProcessRow>& rows,
                            uint64_t all_ns) {
  std::string text = "\n| own | share | calls | threads | process |\n|---:|---:|---:|---:|---|\n";
  for (size_t i = 0; i < rows.size() && i < kProcesses; ++i) {
    const ProcessInfo& process = picture.info(rows[i].number);
    const std::string end = bad_end_text(process);
    text += fmt::format("| {} | {:.1f} % | {} | {} | {}{} |\n",
                        duration_text(rows[i].own_ns),
                        share_of(rows[i].own_ns, all_ns),
                        grouped(rows[i].calls),
                        rows[i].threads,
                        code_in_cell(fmt::format("{} {}", process.shown_pid, process.name)),
                        end.empty() ? "" : ": " + end);
  }
  if (rows.size() > kProcesses) {
    text += fmt::format("| | | | | {} processes more |\n", grouped(rows.size() - kProcesses));
  }
  return text;
}

// What a reader would look for and not find.
std::vector<std::string> notices_of_run(const Picture& picture) {
  const spool::Model& model = picture.model;
  std::vector<std::string> notices;
  if (const std::string error = spool::spool_error_text(model.run_end); !error.empty()) {
    notices.push_back("the recording could not be written on: " + error);
  } else if (model.truncated) {
    notices.push_back("the recording was cut: more may have followed");
  }
  if (const uint64_t lost = spool::totals_of(model).lost_events; lost != 0) {
    notices.push_back(grouped(lost) + " events were lost");
  }
  const auto missed = static_cast<uint64_t>(std::count_if(
      picture.tree.processes.begin(), picture.tree.processes.end(), [](const ProcessInfo& process) {
        return process.missed();
      }));
  if (missed != 0) {
    notices.push_back(grouped(missed) + " Python processes were not traced");
  }
  const LeftOut left_out = left_out_of(model, picture.clock);
  if (left_out.calls != 0) {
    notices.push_back(grouped(left_out.calls) + " calls were left out: counted, not recorded");
  }
  if (!left_out.hidden.empty()) {
    notices.push_back(grouped(left_out.hidden.size()) +
                      " functions were not recorded: their time is their callers'");
  }
  const size_t off = switched_off_of(model, picture.tree, picture.clock).size();
  if (off != 0 || !model.dropped.empty()) {
    notices.push_back("not recorded to the end, or from the beginning: a .txt report says what");
  }
  return notices;
}

}  // namespace

Status write_markdown(const spool::Reader& spool, const WriteRequest& request) {
  VTN_ASSIGN(const CallTotals totals,
             add_up(spool, AlsoAdd::kNothing, request.settings.workers, request.progress));
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  const std::vector<ProcessRow> rows = process_rows(picture, totals);
  uint64_t all_ns = 0;
  for (const ProcessRow& row : rows) {
    all_ns += row.own_ns;
  }
  const std::string folder = model.images.empty() ? "" : model.images.front().cwd;
  std::string text = fmt::format("### {} in {} calls\n\n{}, {}",
                                 duration_text(all_ns),
                                 grouped(totals.calls()),
                                 code("viztracer-native " + model.command_line, kMostCommandBytes),
                                 exit_text(model.run_end));
  if (const std::string with = recorded_with(model); !with.empty()) {
    text += ", recorded with " + code(with);
  }
  text += "\n\n" + functions_table(model, totals, all_ns, folder);
  if (rows.size() > 1) {
    text += processes_table(picture, rows, all_ns);
  }
  const std::vector<std::string> notices = notices_of_run(picture);
  for (size_t i = 0; i < notices.size() && i < kNotices; ++i) {
    text += (i == 0 ? "\n* " : "* ") + notices[i] + "\n";
  }
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  VTN_TRY(output.append(text));
  return output.commit();
}

}  // namespace vtn::report
