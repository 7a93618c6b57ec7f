// SPDX-License-Identifier: Apache-2.0
#include "importer/json/ledger.h"

#include <algorithm>
#include <map>
#include <set>

#include "spool/reasons.h"

namespace vtn::importer {

namespace {

constexpr char kStartLineName[] = "processes started";

uint64_t unsigned_of(const JsonValue& value) {
  return static_cast<uint64_t>(std::max<int64_t>(value.integer(), 0));
}

uint32_t pid_of(const JsonValue& value) {
  const uint64_t pid = unsigned_of(value);
  return pid <= UINT32_MAX ? static_cast<uint32_t>(pid) : 0;
}

// Stamps of the ledger count from where the clock did, those of events from the offset.
uint64_t stamp(const JsonValue& ns, const Facts& facts) {
  const uint64_t at = unsigned_of(ns);
  return at > facts.offset_ns ? at - facts.offset_ns : 0;
}

ImportedImage image_of(const JsonValue& from, const Facts& facts) {
  ImportedImage image;
  image.forked = from["by"].text() == "fork";
  image.traced = from["traced"].boolean();
  image.damaged = from["damaged"].boolean();
  image.start_ns = stamp(from["start_ns"], facts);
  image.lost_events = unsigned_of(from["lost_events"]);
  image.stalls = static_cast<uint32_t>(unsigned_of(from["stalls"]));
  image.python_version = read_python_version(from["python"].text());
  image.executable = from["executable"].text();
  image.cwd = from["cwd"].text();
  image.argv = from["argv"].texts();
  return image;
}

ImportedProcess process_of(const JsonValue& from, const Facts& facts) {
  ImportedProcess process;
  process.pid = from["pid"].integer();
  process.system_pid = pid_of(from["system_pid"]);
  process.own_pid = pid_of(from["own_pid"]);
  process.parent_pid = pid_of(from["parent_pid"]);
  process.name = from["name"].text();
  process.ended = !from["alive_at_end"].boolean();
  process.end_exact = from["end_is_exact"].boolean();
  process.status_known = read_exit(from["exit"], process.wait_status);
  process.start_ns = stamp(from["start_ns"], facts);
  process.end_ns = stamp(from["end_ns"], facts);
  process.python = from["traced"].boolean() || !from["python"].is_null();
  process.reason = spool::read_ledger_text(from["ledger"].text());
  for (const JsonValue& image : from["images"].elements()) {
    process.images.push_back(image_of(image, facts));
  }
  if (process.images.empty()) {
    ImportedStart& start = process.starts.emplace_back();
    start.start_ns = process.start_ns;
    start.reason = process.reason;
    start.executable = from["executable"].text();
    start.argv = from["argv"].texts();
  } else if (process.start_ns < process.images.front().start_ns) {
    // Whoever started it said so before the program itself was met.
    ImportedStart& start = process.starts.emplace_back();
    start.start_ns = process.start_ns;
    start.executable = process.images.front().executable;
    start.argv = process.images.front().argv;
  }
  return process;
}

}  // namespace

bool read_exit(const JsonValue& exit, int32_t& wait_status) {
  if (exit.members().empty()) {
    return false;
  }
  const bool killed = exit.members().front().first == "signal";
  const auto number = static_cast<uint32_t>(exit.members().front().second.integer());
  wait_status = static_cast<int32_t>(killed ? number & 0x7f : (number & 0xff) << 8);
  return true;
}

uint32_t read_python_version(const std::string& text) {
  uint32_t version = 0;
  uint32_t part = 0;
  int parts = 0;
  for (const char letter : text + ".") {
    if (letter == '.') {
      version |= (part & 0xff) << (24 - 8 * std::min(parts, 3));
      part = 0;
      ++parts;
    } else if (letter >= '0' && letter <= '9') {
      part = part * 10 + static_cast<uint32_t>(letter - '0');
    } else {
      return 0;
    }
  }
  return parts == 3 ? version | 0xf0 : 0;
}

void read_ledger(const JsonValue& ours,
                 const std::vector<JsonEvents::Drawn>& drawn,
                 const Intake& intake,
                 Facts& facts) {
  facts.own = true;
  facts.command = ours["command"].text();
  facts.has_status = read_exit(ours["exit"], facts.wait_status);
  facts.unslotted = pid_of(ours["processes_unknown"]);
  facts.offset_ns = unsigned_of(ours["timestamp_offset_ns"]);
  facts.realtime_base_ns -= std::min(facts.realtime_base_ns, facts.offset_ns);
  std::map<int64_t, size_t> by_pid;
  for (const JsonValue& from : ours["processes"].elements()) {
    ImportedProcess process = process_of(from, facts);
    const auto parent = by_pid.find(from["parent"].integer());
    if (!from["parent"].is_null() && parent != by_pid.end()) {
      process.parent = static_cast<int64_t>(parent->second);
    }
    by_pid.try_emplace(process.pid, facts.processes.size());
    facts.processes.push_back(std::move(process));
  }
  for (const JsonValue& track : ours["deep_tracks"].elements()) {
    facts.deeper[{track["pid"].integer(), track["tid"].integer()}] = track["of_tid"].integer();
  }
  for (const JsonValue& thread : ours["renamed_threads"].elements()) {
    facts.renamed[{thread["pid"].integer(), thread["tid"].integer()}] = thread["names"].texts();
  }
  // A thread with deeper rows has its starts on a line of their own; what is on its main line then
  // is of no thread that is known.
  std::set<std::pair<int64_t, int64_t>> deep;
  for (const auto& [row, of_tid] : facts.deeper) {
    deep.emplace(row.first, of_tid);
  }
  for (const JsonEvents::Drawn& one : drawn) {
    const auto started = by_pid.find(one.pid);
    ImportedThread by = intake.threads[one.thread];
    if (!by.names.empty() && by.names.back() == kStartLineName) {
      by.tid = by.pid;
    } else if (deep.contains({by.pid, by.tid})) {
      continue;
    }
    if (one.phase != 'i' || started == by_pid.end() || by.tid <= 0 || by.tid > UINT32_MAX) {
      continue;
    }
    ImportedProcess& child = facts.processes[started->second];
    if (child.parent >= 0 && facts.processes[static_cast<size_t>(child.parent)].pid == by.pid) {
      const ImportedProcess& parent = facts.processes[static_cast<size_t>(child.parent)];
      child.parent_tid = by.tid == parent.pid && parent.own_pid != 0
                             ? parent.own_pid
                             : static_cast<uint32_t>(by.tid);
    }
  }
}

}  // namespace vtn::importer
