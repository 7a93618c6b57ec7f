// SPDX-License-Identifier: Apache-2.0
//
// What of the process tree is drawn, whatever the format:
//
//   lines      a process has a line for each thread that recorded calls, and a main line for the
//              programs it ran that recorded none
//   programs   what the process ran, one after the other: they never overlap, and what was recorded
//              of a traced one lies within its span
//   arrows     from where a process was started, in its parent, to the first thing that is drawn
//              of it
//
// Immutable once made: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "report/process_tree.h"
#include "spool/clock_map.h"

namespace vtn::report {

inline constexpr uint32_t kNothing = 0xffff'ffff;

class Picture {
 public:
  // python_only: processes that never ran Python are not shown.
  Picture(const spool::Model& model, const spool::ClockMap& clock, bool python_only);

  struct Program {
    ProgramSlice what;
    bool traced = false;  // its calls are drawn
    bool last = false;    // the process ended with it
    uint64_t start_ns = 0;
    uint64_t end_ns = 0;
    bool open = false;  // it was alive when recording ended, at end_ns
  };

  struct Arrow {
    uint32_t child = 0;   // process number
    uint32_t parent = 0;  // the nearest one above it that is shown
    // Of the parent, which started it; if that is not known its main thread. kNothing: the main
    // line, which has no calls.
    uint32_t thread = kNothing;
    uint64_t ns = 0;  // not later than anything of the child
  };

  // What becomes of the calls that were open when a thread's record ends. The innermost is closed
  // at `first_ns`, each further one 1 ns later.
  struct ThreadEnd {
    bool close = false;  // else: they stay open, nothing that is drawn is later
    uint64_t first_ns = 0;
  };

  struct Process {
    bool shown = false;
    uint32_t parent = kNothing;  // the nearest one above it that is shown
    uint64_t start_ns = 0;
    uint64_t end_ns = 0;
    std::vector<Program> programs;
    std::vector<uint32_t> threads;  // indices into the model's, in time
    // The first of them that has the process's id; kNothing: no call is on its main line.
    uint32_t main_thread = kNothing;
  };

  const ProcessInfo& info(uint32_t process) const { return tree.processes[process]; }
  const ProcessInfo& of_image(uint32_t image) const {
    return tree.processes[model.images[image].process];
  }
  const ProcessInfo& of_thread(uint32_t thread) const {
    return of_image(model.threads[thread].image);
  }
  uint32_t shown_pid(uint32_t image) const { return of_image(image).shown_pid; }
  // The thread that a process begins with has the process's id, whatever that is shown as.
  uint32_t shown_tid(uint32_t thread) const;
  // Of its last event, with the ends that its open calls are given.
  uint64_t thread_end_ns(uint32_t thread) const;
  // A number for an arrow that two reports hardly share.
  uint64_t flow_id(const Arrow& arrow) const;

  const spool::Model& model;
  const spool::ClockMap& clock;
  ProcessTree tree;
  std::vector<uint32_t> order;     // processes that are shown: a parent before its children
  std::vector<Process> processes;  // by number
  std::vector<Arrow> arrows;       // in the order of their children
  std::vector<ThreadEnd> ends;     // by thread
  uint64_t start_ns = UINT64_MAX;  // nothing that is drawn is earlier; UINT64_MAX: nothing is drawn

 private:
  void choose(bool python_only);
  void list_programs(uint32_t number);
  bool ended_before_window(uint32_t number, uint32_t image) const;
  void end_threads();
  void part(uint32_t number);
  void draw_arrows();
};

// Something to be told of a program, on its slice.
struct Remark {
  enum Kind { kText, kNumber, kList };
  const char* key;
  Kind kind;
  std::vector<std::string> values;  // one, but for a list; any bytes
};
std::vector<Remark> remarks_on(const Picture& picture,
                               uint32_t process,
                               const Picture::Program& program);

// "exit status 3", "killed by SIGKILL"; empty: it ended well, or nobody knows how.
std::string bad_end_text(const ProcessInfo& process);
std::string bad_end_text(int wait_status);  // as from waitpid(2)

// "start ls -l"
std::string arrow_name(const Picture& picture, const Picture::Arrow& arrow);

}  // namespace vtn::report
