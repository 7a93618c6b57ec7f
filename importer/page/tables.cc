// SPDX-License-Identifier: Apache-2.0
#include "importer/page/tables.h"

#include <algorithm>
#include <charconv>

#include <signal.h>
#include <string.h>

#include <fmt/format.h>

#include "importer/json/ledger.h"
#include "spool/reasons.h"

namespace vtn::importer {

namespace {

constexpr int64_t kPythonFunction = 0;
constexpr char kExitStatus[] = "exit status ";
constexpr char kKilledBy[] = "killed by SIG";

uint64_t ns_of(const JsonValue& value) {
  return static_cast<uint64_t>(std::max<int64_t>(value.integer(), 0));
}

// "exit status 3", "killed by SIGKILL"; empty: 0, or not known.
int32_t wait_status_of(const std::string& end) {
  int number = 0;
  if (end.starts_with(kExitStatus)) {
    const char* digits = end.data() + strlen(kExitStatus);
    (void)std::from_chars(digits, end.data() + end.size(), number);
    return (number & 0xff) << 8;
  }
  if (end.starts_with(kKilledBy)) {
    for (int signal = 1; signal < SIGRTMIN; ++signal) {
      const char* name = sigabbrev_np(signal);
      if (name != nullptr && end.substr(strlen(kKilledBy)) == name) {
        return signal;
      }
    }
  }
  return 0;
}

ImportedProcess process_of(const JsonValue& from, size_t before) {
  ImportedProcess process;
  process.pid = from["pid"].integer();
  const int64_t parent = from["parent"].integer();
  process.parent = parent >= 0 && static_cast<size_t>(parent) < before ? parent : -1;
  process.name = from["name"].text();
  process.ended = !from["alive"].boolean();
  process.wait_status = wait_status_of(from["end"].text());
  process.status_known = process.wait_status != 0;
  process.start_ns = ns_of(from["start_ns"]);
  process.end_ns = ns_of(from["end_ns"]);
  const std::string ledger = from["ledger"].text();
  process.reason = spool::read_ledger_text(ledger);
  process.python = ledger == "traced" || !from["python"].is_null();
  bool first = true;
  for (const JsonValue& program : from["programs"].elements()) {
    if (!program["traced"].boolean()) {
      ImportedStart& start = process.starts.emplace_back();
      start.start_ns = ns_of(program["start_ns"]);
      start.reason = process.reason;
      for (const JsonValue& fact : program["facts"].elements()) {
        if (fact.elements().size() == 2 && fact.elements()[0].text() == "argv") {
          start.argv = fact.elements()[1].texts();
        }
        if (fact.elements().size() == 2 && fact.elements()[0].text() == "executable") {
          start.executable = fact.elements()[1].text();
        }
      }
      continue;
    }
    ImportedImage& image = process.images.emplace_back();
    image.traced = true;
    image.start_ns = ns_of(program["start_ns"]);
    image.lost_events = first ? ns_of(from["lost_events"]) : 0;
    first = false;
  }
  if (process.images.empty() && ledger == "traced") {
    ImportedImage& image = process.images.emplace_back();
    image.traced = true;
    image.start_ns = process.start_ns;
    image.lost_events = ns_of(from["lost_events"]);
  }
  for (ImportedImage& image : process.images) {
    image.executable = from["executable"].text();
    image.argv = from["argv"].texts();
    image.cwd = from["cwd"].text();
    image.python_version = read_python_version(from["python"].text());
  }
  return process;
}

}  // namespace

Status PageTables::read(const JsonValue& tables, Intake& intake, Facts& facts) {
  for (const JsonValue& file : tables["files"].elements()) {
    files.push_back(file.text());
  }
  const JsonValue& functions = tables["functions"];
  const std::vector<JsonValue>& names = functions["name"].elements();
  const std::vector<JsonValue>& file = functions["file"].elements();
  const std::vector<JsonValue>& line = functions["line"].elements();
  const std::vector<JsonValue>& kind = functions["kind"].elements();
  if (file.size() != names.size() || line.size() != names.size() || kind.size() != names.size()) {
    return fail("the columns of functions are not of equal length");
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const int64_t of = file[i].integer();
    const bool has_file = of >= 0 && static_cast<size_t>(of) < files.size();
    texts_.push_back(kind[i].integer() == kPythonFunction
                         ? fmt::format("{} ({}:{})",
                                       names[i].text(),
                                       has_file ? files[static_cast<size_t>(of)] : "",
                                       ns_of(line[i]))
                         : names[i].text());
  }
  names_.assign(texts_.size(), UINT32_MAX);
  resumed_names_ = names_;
  for (const JsonValue& process : tables["processes"].elements()) {
    facts.processes.push_back(process_of(process, facts.processes.size()));
  }
  for (const JsonValue& thread : tables["threads"].elements()) {
    const auto process = static_cast<uint64_t>(thread["process"].integer());
    if (process >= facts.processes.size()) {
      return fail("a thread of a process that is not there");
    }
    const uint32_t number = intake.thread(facts.processes[process].pid, thread["tid"].integer());
    threads.push_back(number);
    is_of_spans.push_back(!thread["spans_of"].is_null());
    if (is_of_spans.back()) {
      continue;  // it has the number of the thread whose they are
    }
    std::vector<std::string> all = thread["names"].texts();
    if (all.empty()) {
      all.push_back(thread["name"].text());
    } else if (all.size() > 1) {
      facts.renamed[{intake.threads[number].pid, intake.threads[number].tid}] = all;
    }
    intake.threads[number].names = all;
  }
  for (const JsonValue& arrow : tables["arrows"].elements()) {
    const auto to = static_cast<uint64_t>(arrow["to_process"].integer());
    const auto thread = static_cast<uint64_t>(arrow["thread"].integer());
    if (to < facts.processes.size() && thread < threads.size()) {
      const int64_t tid = intake.threads[threads[thread]].tid;
      facts.processes[to].parent_tid =
          tid > 0 && tid <= UINT32_MAX ? static_cast<uint32_t>(tid) : 0;
    }
  }
  for (const JsonValue& set : tables["sets"].elements()) {
    std::vector<uint32_t>& members = sets.emplace_back();
    for (const JsonValue& function : set.elements()) {
      if (ns_of(function) >= texts_.size()) {
        return fail("a fold's functions are not there");
      }
      members.push_back(static_cast<uint32_t>(ns_of(function)));
    }
  }
  for (const JsonValue& line_of_report : tables["left_out"].elements()) {
    intake.remarks.push_back(line_of_report.text());
  }
  return {};
}

uint32_t PageTables::name(Intake& intake, uint32_t function, bool resumed) {
  uint32_t& name = (resumed ? resumed_names_ : names_)[function];
  if (name == UINT32_MAX) {
    name = intake.name(NameUse::kCall, texts_[function], {}, resumed);
  }
  return name;
}

}  // namespace vtn::importer
