// SPDX-License-Identifier: Apache-2.0
#include "importer/perfetto/processes.h"

#include <algorithm>

#include <signal.h>

#include "importer/json/ledger.h"
#include "spool/reasons.h"

namespace vtn::importer {

namespace {

const PacketAnnotation* find(const std::vector<PacketAnnotation>& all, std::string_view name) {
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const PacketAnnotation& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string text_of(const std::vector<PacketAnnotation>& all, std::string_view name) {
  const PacketAnnotation* found = find(all, name);
  return found != nullptr ? found->text : "";
}

// "SIGKILL"
int signal_named(std::string_view name) {
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* const known = sigabbrev_np(signal);
    if (known != nullptr && name.starts_with("SIG") && name.substr(3) == known) {
      return signal;
    }
  }
  return 0;
}

}  // namespace

void TraceProcesses::describe(std::string_view message) {
  ProtoReader from(message);
  ProtoField field;
  ImportedProcess described;
  uint64_t order = 0;
  while (from.next(field)) {
    switch (field.number) {
      case 1:
        described.pid = static_cast<int32_t>(field.value);
        break;
      case 3:
        order = field.value;
        break;
      case 6:
        described.name = field.bytes;
        break;
      case 7:
        described.start_ns = field.value;
        break;
      default:
        break;
    }
  }
  Known& known = processes_[described.pid];
  known.process.pid = described.pid;
  known.process.name = described.name;
  known.process.start_ns = described.start_ns;
  known.process.ended = true;
  known.order = order;
}

void TraceProcesses::program(int64_t pid,
                             uint64_t ns,
                             bool traced,
                             const std::vector<PacketAnnotation>& annotations) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) {
    return;
  }
  ImportedProcess& process = found->second.process;
  const PacketAnnotation* const argv = find(annotations, "argv");
  if (traced) {
    ImportedImage& image = process.images.emplace_back();
    image.traced = true;
    image.start_ns = ns;
    image.executable = text_of(annotations, "executable");
    image.cwd = text_of(annotations, "cwd");
    image.python_version = read_python_version(text_of(annotations, "python"));
    image.argv = argv != nullptr ? argv->texts() : std::vector<std::string>();
    process.python = true;
  } else {
    ImportedStart& start = process.starts.emplace_back();
    start.start_ns = ns;
    start.executable = text_of(annotations, "executable");
    start.argv = argv != nullptr ? argv->texts() : std::vector<std::string>();
    const std::string untraced = text_of(annotations, "untraced");
    start.reason = spool::read_ledger_text(untraced.empty() ? "" : "untraced: " + untraced);
    process.reason = start.reason;
  }
  if (find(annotations, "alive_at_end") != nullptr) {
    process.ended = false;
  }
  if (const PacketAnnotation* const status = find(annotations, "exit_status");
      status != nullptr && status->text != "unknown") {
    process.status_known = true;
    process.wait_status = static_cast<int32_t>((status->number & 0xff) << 8);
  }
  if (const int signal = signal_named(text_of(annotations, "killed_by")); signal != 0) {
    process.status_known = true;
    process.wait_status = signal;
  }
  if (const PacketAnnotation* const system_pid = find(annotations, "pid"); system_pid != nullptr) {
    process.system_pid = static_cast<uint32_t>(system_pid->number);
  }
  if (const PacketAnnotation* const own_pid = find(annotations, "own_pid"); own_pid != nullptr) {
    process.own_pid = static_cast<uint32_t>(own_pid->number);
  }
}

void TraceProcesses::program_ends(int64_t pid, uint64_t ns) {
  if (const auto found = processes_.find(pid); found != processes_.end()) {
    found->second.process.end_ns = std::max(found->second.process.end_ns, ns);
  }
}

void TraceProcesses::start(int64_t parent_pid,
                           int64_t tid,
                           const std::vector<PacketAnnotation>& annotations) {
  const PacketAnnotation* const pid = find(annotations, "pid");
  const auto found =
      pid != nullptr ? processes_.find(static_cast<int64_t>(pid->number)) : processes_.end();
  if (found != processes_.end()) {
    found->second.parent_pid = parent_pid;
    found->second.has_parent = true;
    found->second.process.parent_tid =
        tid > 0 && tid <= UINT32_MAX ? static_cast<uint32_t>(tid) : 0;
  }
}

void TraceProcesses::finish(Facts& facts) {
  std::vector<Known*> sorted;
  for (auto& [pid, known] : processes_) {
    sorted.push_back(&known);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Known* a, const Known* b) {
    return a->order < b->order;
  });
  std::map<int64_t, int64_t> number_of;
  for (Known* const known : sorted) {
    const auto parent = known->has_parent ? number_of.find(known->parent_pid) : number_of.end();
    known->process.parent = parent == number_of.end() ? -1 : parent->second;
    known->process.parent_pid = known->has_parent ? static_cast<uint32_t>(known->parent_pid) : 0;
    number_of[known->process.pid] = static_cast<int64_t>(facts.processes.size());
    facts.processes.push_back(std::move(known->process));
  }
}

}  // namespace vtn::importer
