// SPDX-License-Identifier: Apache-2.0
#include "report/process_tree.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/file.h"
#include "report/process_names.h"
#include "spool/reasons.h"

namespace vtn::report {

namespace {

constexpr size_t kMostTitleBytes = 80;
constexpr char kMainProcess[] = "MainProcess";  // multiprocessing's name for whoever began

// What a process ran one after the other: images, and programs that nothing of ours was in.
struct Program {
  const spool::ImageInfo* image = nullptr;
  const spool::StartInfo* start = nullptr;
  uint64_t start_ticks = 0;
  uint64_t end_ticks = 0;
  std::string executable;
  std::vector<std::string> argv;
  bool python = false;

  bool forked() const { return image != nullptr && image->kind == SlotKind::kForked; }
  bool traced() const { return image != nullptr && image->traced; }
};

class Builder {
 public:
  explicit Builder(const spool::Model& model) : model_(model) {}

  ProcessTree build() {
    tree_.processes.resize(model_.process_ends.size());
    programs_.resize(tree_.processes.size());
    gather();
    for (ProcessInfo& process : tree_.processes) {
      find_parent(process);
      find_end(process);
    }
    put_in_order();
    scripts_.resize(tree_.processes.size());
    std::unordered_set<uint32_t> pids;
    for (const uint32_t number : tree_.order) {
      ProcessInfo& process = tree_.processes[number];
      const bool fresh = process.pid != 0 && pids.insert(process.pid).second;
      process.shown_pid = fresh ? process.pid : kMadeUpPid + number;
      list_programs(process);
      judge(process);
      give_name(process);
    }
    if (model_.window.known) {
      cut_to_window();
    }
    return std::move(tree_);
  }

 private:
  void gather() {
    for (uint32_t i = 0; i < tree_.processes.size(); ++i) {
      tree_.processes[i].number = i;
    }
    for (uint32_t i = 0; i < model_.images.size(); ++i) {
      tree_.processes[model_.images[i].process].images.push_back(i);
      last_ticks_ = std::max(last_ticks_, model_.images[i].start_ticks);
    }
    for (uint32_t i = 0; i < model_.starts.size(); ++i) {
      if (model_.starts[i].process != spool::kNoProcess) {
        tree_.processes[model_.starts[i].process].starts.push_back(i);
      }
      last_ticks_ = std::max(last_ticks_, model_.starts[i].ticks);
    }
    last_event_ticks_.resize(tree_.processes.size());
    for (const spool::ThreadInfo& thread : model_.threads) {
      uint64_t& last = last_event_ticks_[model_.images[thread.image].process];
      last = std::max(last, thread.last_ticks);
      last_ticks_ = std::max(last_ticks_, thread.last_ticks);
    }
    for (const spool::ProcessEndInfo& end : model_.process_ends) {
      last_ticks_ = std::max(last_ticks_, end.end_ticks);
    }
    for (const spool::ClockTriple& triple : model_.clock) {
      last_ticks_ = std::max(last_ticks_, triple.ticks);
    }
    for (ProcessInfo& process : tree_.processes) {
      std::stable_sort(process.images.begin(), process.images.end(), [&](uint32_t a, uint32_t b) {
        return model_.images[a].start_ticks < model_.images[b].start_ticks;
      });
      std::stable_sort(process.starts.begin(), process.starts.end(), [&](uint32_t a, uint32_t b) {
        return model_.starts[a].ticks < model_.starts[b].ticks;
      });
    }
  }

  // Whoever asked for it knows best; a fork's child was told; else what the kernel said later.
  void find_parent(ProcessInfo& process) {
    uint64_t start = last_ticks_;
    if (!process.images.empty()) {
      const spool::ImageInfo& first = model_.images[process.images.front()];
      process.pid = first.pid;
      process.own_pid = first.own_pid;
      process.parent = first.parent_process;
      process.parent_tid = first.parent_tid;
      start = first.start_ticks;
    }
    for (const uint32_t i : process.starts) {
      const spool::StartInfo& asked = model_.starts[i];
      if (process.pid == 0) {
        process.pid = process.own_pid = asked.pid;
      }
      start = std::min(start, asked.ticks);
      if (asked.parent_process != process.number && asked.parent_process != spool::kNoProcess) {
        process.parent = asked.parent_process;
        process.parent_tid = asked.parent_tid;
        break;
      }
    }
    if (process.parent == process.number) {
      process.parent = spool::kNoProcess;
    }
    process.start_ticks = start;
  }

  void find_end(ProcessInfo& process) {
    const spool::ProcessEndInfo& end = model_.process_ends[process.number];
    process.ended = end.known && (end.flags & spool::kProcessDied) != 0;
    process.end_exact = process.ended && (end.flags & spool::kProcessEndExact) != 0;
    process.status_known = process.ended && (end.flags & spool::kProcessStatusKnown) != 0;
    process.wait_status = process.status_known ? end.wait_status : 0;
    // Whoever waited for the program knows.
    const spool::RunEndFrame& run = model_.run_end;
    if (process.ended && !process.status_known && process.pid == run.pid &&
        process.parent == spool::kNoProcess && (run.flags & spool::kRunHasStatus) != 0) {
      process.status_known = true;
      process.wait_status = run.wait_status;
    }
    process.end_ticks = std::max({process.ended ? end.end_ticks : last_ticks_,
                                  last_event_ticks_[process.number],
                                  process.start_ticks});
    process.title = end.title;
  }

  void put_in_order() {
    std::vector<std::vector<uint32_t>> children(tree_.processes.size());
    std::vector<uint32_t> waiting;  // a stack: the next one last
    for (ProcessInfo& process : tree_.processes) {
      if (process.parent >= tree_.processes.size()) {
        process.parent = spool::kNoProcess;
        waiting.push_back(process.number);
      } else {
        children[process.parent].push_back(process.number);
      }
    }
    const auto later_first = [&](uint32_t a, uint32_t b) {
      return std::pair(tree_.processes[a].start_ticks, a) >
             std::pair(tree_.processes[b].start_ticks, b);
    };
    std::sort(waiting.begin(), waiting.end(), later_first);
    std::vector<bool> seen(tree_.processes.size());
    uint32_t unseen = 0;
    for (;;) {
      while (!waiting.empty()) {
        ProcessInfo& process = tree_.processes[waiting.back()];
        waiting.pop_back();
        seen[process.number] = true;
        process.order = static_cast<uint32_t>(tree_.order.size());
        process.depth =
            process.parent == spool::kNoProcess ? 0 : tree_.processes[process.parent].depth + 1;
        tree_.order.push_back(process.number);
        std::vector<uint32_t>& next = children[process.number];
        std::sort(next.begin(), next.end(), later_first);
        for (const uint32_t child : next) {
          if (!seen[child]) {
            waiting.push_back(child);
          }
        }
      }
      // What is left goes round in a circle, as only a damaged file can have it.
      while (unseen < seen.size() && seen[unseen]) {
        ++unseen;
      }
      if (unseen == seen.size()) {
        return;
      }
      tree_.processes[unseen].parent = spool::kNoProcess;
      waiting.push_back(unseen);
    }
  }

  // A start and the image it led to are one program; a start without one is a program all the same.
  void list_programs(const ProcessInfo& process) {
    std::vector<Program>& programs = programs_[process.number];
    size_t next_image = 0;
    const auto add_image = [&] {
      const spool::ImageInfo& image = model_.images[process.images[next_image++]];
      Program program;
      program.image = &image;
      program.start_ticks = image.start_ticks;
      program.executable = image.executable;
      program.argv = image.argv;
      if (image.kind == SlotKind::kForked && image.executable.empty()) {
        inherit(process, image.start_ticks, program);
      }
      program.python = (image.flags & kSlotPython) != 0 || named_python(program);
      programs.push_back(std::move(program));
    };
    for (size_t i = 0; i < process.starts.size(); ++i) {
      const spool::StartInfo& start = model_.starts[process.starts[i]];
      while (next_image < process.images.size() &&
             model_.images[process.images[next_image]].start_ticks < start.ticks) {
        add_image();
      }
      const uint64_t next_ticks =
          i + 1 < process.starts.size() ? model_.starts[process.starts[i + 1]].ticks : UINT64_MAX;
      if (next_image < process.images.size() &&
          model_.images[process.images[next_image]].start_ticks < next_ticks) {
        add_image();
        programs.back().start = &start;
        continue;
      }
      Program program;
      program.start = &start;
      program.start_ticks = start.ticks;
      program.executable = start.executable;
      program.argv = start.argv;
      program.python = named_python(program);
      programs.push_back(std::move(program));
    }
    while (next_image < process.images.size()) {
      add_image();
    }
    for (size_t i = 0; i < programs.size(); ++i) {
      programs[i].end_ticks =
          i + 1 < programs.size() ? programs[i + 1].start_ticks : process.end_ticks;
    }
  }

  static bool named_python(const Program& program) {
    return is_python_name(name_of(program.executable)) ||
           (!program.argv.empty() && is_python_name(name_of(program.argv[0])));
  }

  // A forked child is what its parent was at that moment. Parents come first.
  void inherit(const ProcessInfo& process, uint64_t ticks, Program& program) const {
    if (process.parent == spool::kNoProcess) {
      return;
    }
    for (const Program& parent : programs_[process.parent]) {
      if (program.executable.empty() || parent.start_ticks <= ticks) {
        program.executable = parent.executable;
        program.argv = parent.argv;
      }
    }
  }

  // A fork that went on to an exec says nothing of what the process was.
  static bool counts(const std::vector<Program>& programs, const Program& program) {
    return !program.forked() || &program == &programs.back() || program.traced();
  }

  static UntracedReason reason_of(const Program& program) {
    if (program.image == nullptr) {
      return program.start->reason;
    }
    return static_cast<UntracedReason>(program.image->end.reason);
  }

  void judge(ProcessInfo& process) {
    const std::vector<Program>& programs = programs_[process.number];
    // Traced before untraced Python before whatever came last. What a fork did on its way to an
    // exec may be traced too, but is not what the process was: it decides only if nothing else is
    // known.
    const Program* decisive = nullptr;
    const Program* named = nullptr;
    const auto on_its_way = [&](const Program& program) {
      return program.forked() && &program != &programs.back();
    };
    const auto weight = [&](const Program& program) {
      return program.traced() ? (on_its_way(program) ? 1 : 3)
             : program.python && reason_of(program) != UntracedReason::kNone ? 2
                                                                             : 0;
    };
    const auto name_weight = [&](const Program& program) {
      return on_its_way(program) ? -1 : weight(program);
    };
    for (const Program& program : programs) {
      if (!counts(programs, program)) {
        continue;
      }
      process.python = process.python || program.python || program.traced();
      if (program.image != nullptr && program.image->python_version != 0) {
        process.python_version = program.image->python_version;
      }
      if (decisive == nullptr || weight(program) >= weight(*decisive)) {
        decisive = &program;
      }
      if (named == nullptr || name_weight(program) >= name_weight(*named)) {
        named = &program;
      }
      if (!program.traced()) {
        process.slices.push_back(slice_of(program));
      }
    }
    if (decisive == nullptr) {
      return;
    }
    process.executable = programs.back().executable;
    process.argv = programs.back().argv;
    process.reason = decisive->traced() ? UntracedReason::kNone : reason_of(*decisive);
    process.ledger = decisive->traced()                        ? LedgerEntry::kTraced
                     : process.reason != UntracedReason::kNone ? LedgerEntry::kUntraced
                     : decisive->python                        ? LedgerEntry::kKilledEarly
                                                               : LedgerEntry::kOther;
    program_name_ = program_name(named->executable, named->argv);
    const bool given = named->image != nullptr && named->image->name != kMainProcess;
    given_name_ = given ? named->image->name : "";
  }

  ProgramSlice slice_of(const Program& program) const {
    ProgramSlice slice;
    if (program.image != nullptr) {
      slice.image = static_cast<uint32_t>(program.image - model_.images.data());
    }
    slice.name = program_name(program.executable, program.argv);
    if (program.forked()) {
      slice.name = slice.name.empty() ? "(fork)" : slice.name + " (fork)";
    }
    slice.executable = program.executable;
    slice.argv = program.argv;
    slice.start_ticks = program.start_ticks;
    slice.end_ticks = std::max(program.end_ticks, program.start_ticks);
    return slice;
  }

  // Parents come first.
  void give_name(ProcessInfo& process) {
    std::string& script = scripts_[process.number];
    script = program_name_;
    std::string name =
        process.title.empty() ? program_name_ : one_line(process.title, kMostTitleBytes);
    const bool has_parent = process.parent != spool::kNoProcess;
    if (is_helper_name(program_name_) && has_parent) {
      script = scripts_[process.parent];  // the program that it works for
      if (process.title.empty() && !script.empty()) {
        name = given_name_.empty() ? fmt::format("{} ({})", program_name_, script) : script;
      }
    }
    if (!given_name_.empty()) {
      name = name.empty() ? given_name_ : fmt::format("{} ({})", given_name_, name);
    } else if (has_parent && process.python && process.title.empty() && only_forked(process) &&
               !name.empty()) {
      name += " (fork)";
    }
    process.name =
        name.empty() ? fmt::format("process {}", process.pid) : one_line(name, kMostTitleBytes);
    if (process.python) {
      make_unique(process.name);
    }
    program_name_.clear();
    given_name_.clear();
  }

  // Nothing of a process is drawn beyond the window's borders; what it was stays. Those that are
  // not shown are in nobody's order.
  void cut_to_window() {
    const uint64_t from = model_.window.from_ticks;
    const uint64_t to = model_.window.to_ticks;
    const auto inside = [&](uint64_t ticks) { return std::min(std::max(ticks, from), to); };
    std::vector<bool> shown(tree_.processes.size());
    for (const uint32_t number : model_.window.processes) {
      if (number < shown.size()) {
        shown[number] = true;
      }
    }
    for (ProcessInfo& process : tree_.processes) {
      if (process.ended && process.end_ticks > to) {  // it lives on
        process.ended = process.end_exact = process.status_known = false;
        process.wait_status = 0;
      }
      process.start_ticks = inside(process.start_ticks);
      process.end_ticks = inside(process.end_ticks);
      std::erase_if(process.slices, [&](const ProgramSlice& slice) {
        return slice.end_ticks < from || slice.start_ticks > to;
      });
      for (ProgramSlice& slice : process.slices) {
        slice.start_ticks = inside(slice.start_ticks);
        slice.end_ticks = inside(slice.end_ticks);
      }
    }
    std::erase_if(tree_.order, [&](uint32_t number) { return !shown[number]; });
    for (uint32_t i = 0; i < tree_.order.size(); ++i) {
      tree_.processes[tree_.order[i]].order = i;
    }
  }

  bool only_forked(const ProcessInfo& process) const {
    const std::vector<Program>& programs = programs_[process.number];
    return programs.size() == 1 && programs.front().forked();
  }

  void make_unique(std::string& name) {
    uint32_t& number = names_[name];
    if (++number == 1) {
      return;
    }
    // A program may be called "x #2" all by itself.
    const std::string base = name;
    do {
      name = fmt::format("{} #{}", base, number);
    } while (!names_.try_emplace(name, 1).second && ++number != 0);
  }

  const spool::Model& model_;
  ProcessTree tree_;
  std::vector<std::vector<Program>> programs_;  // by process
  std::vector<uint64_t> last_event_ticks_;      // by process
  uint64_t last_ticks_ = 0;                     // anything that is known of
  // By process: the program that it is part of, without what its own part is called.
  std::vector<std::string> scripts_;
  std::unordered_map<std::string, uint32_t> names_;  // how many Pythons have had it
  std::string program_name_;                         // from judge() to give_name()
  std::string given_name_;
};

}  // namespace

bool ProcessInfo::missed() const {
  return ledger == LedgerEntry::kUntraced && python && reason != UntracedReason::kNotWanted &&
         reason != UntracedReason::kExcluded && reason != UntracedReason::kSwitchedOff;
}

ProcessTree build_process_tree(const spool::Model& model) { return Builder(model).build(); }

std::string untraced_text(UntracedReason reason) { return spool::untraced_text(reason); }

std::string ledger_text(const ProcessInfo& process) {
  switch (process.ledger) {
    case LedgerEntry::kTraced:
      return "traced";
    case LedgerEntry::kUntraced:
      return "untraced: " + untraced_text(process.reason);
    case LedgerEntry::kKilledEarly:
      return process.ended ? "it ended before its first call" : "it has not made a call so far";
    case LedgerEntry::kOther:
      break;
  }
  return "not a CPython";
}

}  // namespace vtn::report
