// SPDX-License-Identifier: Apache-2.0
#include "report/picture.h"

#include <algorithm>

#include <string.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include "report/process_names.h"
#include "report/text.h"

namespace vtn::report {

namespace {

// So long a slice is drawn at least: an arrow ends inside it.
constexpr uint64_t kLeastNs = 2;

// When something of another program may follow what these threads recorded.
uint64_t after_ns(const Picture& picture, const std::vector<uint32_t>& threads, uint32_t image) {
  uint64_t after = 0;
  for (const uint32_t i : threads) {
    if (picture.model.threads[i].image == image) {
      after = std::max(after, picture.thread_end_ns(i) + 1);
    }
  }
  return after;
}

uint64_t first_ns(const Picture& picture, const std::vector<uint32_t>& threads, uint32_t image) {
  uint64_t first = UINT64_MAX;
  for (const uint32_t i : threads) {
    if (picture.model.threads[i].image == image) {
      first = std::min(first, picture.clock.to_ns(picture.model.threads[i].first_ticks));
    }
  }
  return first;
}

}  // namespace

Picture::Picture(const spool::Model& trace, const spool::ClockMap& map, bool python_only)
    : model(trace), clock(map), tree(build_process_tree(trace)) {
  choose(python_only);
  for (const uint32_t number : order) {
    list_programs(number);
  }
  end_threads();
  for (const uint32_t number : order) {
    part(number);
    start_ns = std::min(start_ns, processes[number].start_ns);
  }
  draw_arrows();
}

void Picture::choose(bool python_only) {
  processes.resize(tree.processes.size());
  for (uint32_t i = 0; i < model.threads.size(); ++i) {
    processes[of_thread(i).number].threads.push_back(i);
  }
  for (const uint32_t number : tree.order) {
    Process& process = processes[number];
    const uint32_t parent = info(number).parent;
    process.shown = !python_only || info(number).python || !process.threads.empty();
    if (parent != spool::kNoProcess) {
      process.parent = processes[parent].shown ? parent : processes[parent].parent;
    }
    std::sort(process.threads.begin(), process.threads.end(), [&](uint32_t a, uint32_t b) {
      return model.threads[a].first_ticks < model.threads[b].first_ticks;
    });
    const auto main =
        std::find_if(process.threads.begin(), process.threads.end(), [&](uint32_t thread) {
          return shown_tid(thread) == info(number).shown_pid;
        });
    process.main_thread = main == process.threads.end() ? kNothing : *main;
    if (process.shown) {
      order.push_back(number);
    }
  }
}

void Picture::list_programs(uint32_t number) {
  const ProcessInfo& from = info(number);
  std::vector<Program>& programs = processes[number].programs;
  for (const ProgramSlice& slice : from.slices) {
    programs.emplace_back().what = slice;
  }
  for (const uint32_t i : from.images) {
    const spool::ImageInfo& image = model.images[i];
    if (!image.traced || ended_before_window(number, i)) {
      continue;
    }
    Program& program = programs.emplace_back();
    program.traced = true;
    program.what.image = i;
    program.what.name = program_name(image.executable, image.argv);
    program.what.executable = image.executable;
    program.what.argv = image.argv;
    program.what.start_ticks = image.start_ticks;
    if (model.window.known) {
      program.what.start_ticks = std::max(image.start_ticks, model.window.from_ticks);
    }
    if (program.what.name.empty()) {
      program.what.name = from.name;
    }
  }
  std::stable_sort(programs.begin(), programs.end(), [](const Program& a, const Program& b) {
    return a.what.start_ticks < b.what.start_ticks;
  });
  for (Program& program : programs) {
    program.start_ns = clock.to_ns(program.what.start_ticks);
    program.last = &program == &programs.back();
    program.open = program.last && !from.ended;
  }
  processes[number].start_ns = clock.to_ns(from.start_ticks);
  processes[number].end_ns = clock.to_ns(from.end_ticks);
}

// Whether the image had gone on to another one, or ended, before the window begins; or begins
// behind it.
bool Picture::ended_before_window(uint32_t number, uint32_t image) const {
  if (!model.window.known) {
    return false;
  }
  const bool has_calls = std::any_of(
      processes[number].threads.begin(), processes[number].threads.end(), [&](uint32_t thread) {
        return model.threads[thread].image == image;
      });
  const spool::ImageInfo& info = model.images[image];
  return !has_calls && (info.start_ticks > model.window.to_ticks ||
                        (info.ended && info.end.end_ticks < model.window.from_ticks));
}

void Picture::end_threads() {
  ends.resize(model.threads.size());
  // The two latest ends: whether anybody was there after a process.
  uint64_t latest = 0;
  uint64_t second = 0;
  for (const uint32_t number : order) {
    const uint64_t end = info(number).end_ticks;
    second = std::max(second, std::min(end, latest));
    latest = std::max(latest, end);
  }
  for (const uint32_t number : order) {
    const ProcessInfo& process = info(number);
    const uint64_t others_ns = process.end_ticks == latest ? second : latest;
    const std::vector<uint32_t>& threads = processes[number].threads;
    for (size_t at = 0; at < threads.size(); ++at) {
      const spool::ThreadInfo& thread = model.threads[threads[at]];
      if (thread.open.empty()) {
        continue;
      }
      // An exec, a thread that got the same id, the end of the process: whatever comes first.
      uint64_t end_ticks =
          process.ended && others_ns > process.end_ticks ? process.end_ticks : UINT64_MAX;
      for (const uint32_t image : process.images) {
        if (model.images[image].start_ticks > model.images[thread.image].start_ticks) {
          end_ticks = std::min(end_ticks, model.images[image].start_ticks);
        }
      }
      for (size_t later = at + 1; later < threads.size(); ++later) {
        if (model.threads[threads[later]].tid == thread.tid) {
          end_ticks = std::min(end_ticks, model.threads[threads[later]].first_ticks);
          break;
        }
      }
      if (end_ticks == UINT64_MAX) {
        continue;
      }
      const uint64_t last_ns = clock.to_ns(thread.last_ticks);
      const uint64_t end_ns = clock.to_ns(end_ticks);
      const uint64_t count = thread.open.size();
      ends[threads[at]] =
          ThreadEnd{true, end_ns > last_ns + count + 1 ? end_ns - count - 1 : last_ns + 1};
    }
  }
}

// Gives the programs of a process their spans: each ends where the next begins, and that lies
// between what was recorded of the two.
void Picture::part(uint32_t number) {
  Process& process = processes[number];
  std::vector<Program>& programs = process.programs;
  for (size_t i = 0; i < programs.size(); ++i) {
    Program& program = programs[i];
    if (i == 0) {
      program.start_ns = std::min(program.start_ns, process.start_ns);
    } else {
      Program& before = programs[i - 1];
      program.start_ns = std::max(program.start_ns, before.start_ns + kLeastNs);
      if (before.traced) {
        program.start_ns =
            std::max(program.start_ns, after_ns(*this, process.threads, before.what.image));
      }
    }
    if (program.traced) {
      program.start_ns =
          std::min(program.start_ns, first_ns(*this, process.threads, program.what.image));
    }
    if (i != 0) {
      programs[i - 1].end_ns = program.start_ns;
    }
  }
  if (programs.empty()) {
    return;
  }
  Program& last = programs.back();
  last.end_ns = std::max(process.end_ns, last.start_ns + kLeastNs);
  if (last.traced) {
    last.end_ns = std::max(last.end_ns, after_ns(*this, process.threads, last.what.image));
  }
  process.start_ns = programs.front().start_ns;
  process.end_ns = last.end_ns;
}

void Picture::draw_arrows() {
  for (const uint32_t number : order) {
    Arrow arrow;
    arrow.child = number;
    arrow.parent = processes[number].parent;
    if (arrow.parent == kNothing) {
      continue;
    }
    // Whoever of its line of ancestors was started by the one that is shown.
    const ProcessInfo* started = &info(number);
    while (started->parent != arrow.parent) {
      started = &info(started->parent);
    }
    uint64_t ticks = started->start_ticks;
    uint32_t tid = started->parent_tid;
    for (const uint32_t i : started->starts) {
      if (model.starts[i].parent_process == arrow.parent) {
        ticks = model.starts[i].ticks;
        tid = model.starts[i].parent_tid;
        break;
      }
    }
    if (model.window.known && (ticks <= model.window.from_ticks || ticks > model.window.to_ticks)) {
      continue;
    }
    const uint64_t ns = clock.to_ns(ticks);
    const Process& parent = processes[arrow.parent];
    const Program* running = nullptr;
    for (const Program& program : parent.programs) {
      if (running == nullptr || program.start_ns <= ns) {
        running = &program;
      }
    }
    for (const uint32_t i : parent.threads) {
      const spool::ThreadInfo& thread = model.threads[i];
      if (running != nullptr && thread.image == running->what.image && thread.tid == tid &&
          thread.first_ticks <= ticks) {
        arrow.thread = i;
      }
    }
    if (arrow.thread == kNothing) {
      arrow.thread = parent.main_thread;
    }
    arrow.ns = std::min(ns, processes[number].start_ns);
    start_ns = std::min(start_ns, arrow.ns);
    arrows.push_back(arrow);
  }
}

uint32_t Picture::shown_tid(uint32_t thread) const {
  const uint32_t tid = model.threads[thread].tid;
  const ProcessInfo& process = of_thread(thread);
  return tid == process.own_pid ? process.shown_pid : tid;
}

uint64_t Picture::thread_end_ns(uint32_t thread) const {
  const spool::ThreadInfo& info = model.threads[thread];
  const uint64_t last_ns = clock.to_ns(info.last_ticks);
  const ThreadEnd& end = ends[thread];
  return end.close ? std::max(last_ns, end.first_ns + info.open.size() - 1) : last_ns;
}

uint64_t Picture::flow_id(const Arrow& arrow) const {
  const uint64_t id = model.header.trace_id ^ ((arrow.child + 1) * 0x9e37'79b9'7f4a'7c15);
  return id == 0 ? 1 : id;
}

namespace {

// "SIGKILL"
std::string signal_text(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace

std::string bad_end_text(const ProcessInfo& process) {
  return process.status_known ? bad_end_text(process.wait_status) : std::string();
}

std::string bad_end_text(int wait_status) {
  return wait_status == 0           ? std::string()
         : WIFSIGNALED(wait_status) ? "killed by " + signal_text(WTERMSIG(wait_status))
                                    : fmt::format("exit status {}", WEXITSTATUS(wait_status));
}

std::vector<Remark> remarks_on(const Picture& picture,
                               uint32_t number,
                               const Picture::Program& program) {
  const ProcessInfo& process = picture.info(number);
  std::vector<Remark> remarks;
  const auto say = [&](const char* key, Remark::Kind kind, std::string value) {
    remarks.push_back(Remark{key, kind, {std::move(value)}});
  };
  if (!program.what.argv.empty()) {
    remarks.push_back(Remark{"argv", Remark::kList, program.what.argv});
  }
  if (!program.what.executable.empty()) {
    say("executable", Remark::kText, program.what.executable);
  }
  if (program.what.image < picture.model.images.size()) {
    const spool::ImageInfo& image = picture.model.images[program.what.image];
    if (!image.cwd.empty()) {
      say("cwd", Remark::kText, image.cwd);
    }
    if (image.python_version != 0) {
      say("python", Remark::kText, python_version_text(image.python_version));
    }
    if (std::vector<std::string> notices = notices_of(image); !notices.empty()) {
      remarks.push_back(Remark{"notices", Remark::kList, std::move(notices)});
    }
  }
  if (!program.last) {
    return remarks;
  }
  if (process.pid != process.shown_pid) {
    say("pid", Remark::kNumber, std::to_string(process.pid));
  }
  if (process.own_pid != process.pid) {
    say("own_pid", Remark::kNumber, std::to_string(process.own_pid));
  }
  if (process.ledger == LedgerEntry::kUntraced) {
    say("untraced", Remark::kText, untraced_text(process.reason));
  } else if (process.ledger == LedgerEntry::kKilledEarly) {
    say("untraced", Remark::kText, ledger_text(process));
  }
  if (!process.ended) {
    say("alive_at_end", Remark::kText, "yes");
  } else if (!process.status_known) {
    say("exit_status", Remark::kText, "unknown");
  } else if (WIFSIGNALED(process.wait_status)) {
    say("killed_by", Remark::kText, signal_text(WTERMSIG(process.wait_status)));
  } else {
    say("exit_status", Remark::kNumber, std::to_string(WEXITSTATUS(process.wait_status)));
  }
  return remarks;
}

std::string arrow_name(const Picture& picture, const Picture::Arrow& arrow) {
  return "start " + picture.info(arrow.child).name;
}

}  // namespace vtn::report
