// SPDX-License-Identifier: Apache-2.0
//
// What is known of a recorded run without its events: images, threads, functions, and where the
// frames lie. Kept up to date while the spool is written, rebuilt when one is read.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <stdint.h>

#include "abi/names_abi.h"
#include "abi/session_abi.h"
#include "spool/codec.h"
#include "spool/columns.h"
#include "spool/format.h"

namespace vtn::spool {

struct FunctionInfo {
  FunctionKind kind = FunctionKind::kC;
  uint32_t line = 0;
  uint32_t flags = 0;                   // FunctionFlag
  std::vector<std::string> parameters;  // names, where values of arguments are told
  std::string name;                     // as the program gave it: any bytes
  std::string file;

  // It goes on: the function is that of the id before.
  bool resumed() const { return (flags & kFunctionResumed) != 0; }
};

// What a limit left out of a function's calls.
struct LeftOutCalls {
  uint64_t calls = 0;  // slices, as far as they are a generator's
  uint64_t ticks = 0;
};

// A process between two execs. report/process_tree.h tells what a process is in the end.
struct ImageInfo {
  uint32_t image = 0;
  uint32_t process = 0;
  uint32_t pid = 0;
  uint32_t own_pid = 0;
  uint32_t slot = 0;
  SlotKind kind = SlotKind::kImage;
  uint32_t flags = 0;  // SlotFlag, at its end
  uint32_t parent_process = kNoProcess;
  uint32_t parent_pid = 0;  // as it sees it
  uint32_t parent_tid = 0;  // 0: unknown
  uint64_t slot_start_ticks = 0;
  uint64_t start_ticks = 0;
  // As the kernel was given them; none for a forked image: its parent's. The names stream may know
  // them better.
  std::string executable;
  std::vector<std::string> argv;
  // From its names stream.
  bool described = false;  // the fields below are known
  uint32_t python_version = 0;
  std::string cwd;
  std::string name;                                           // given by the program
  std::vector<std::pair<uint32_t, std::string>> notices;      // NoticeKind, text
  std::map<uint32_t, std::vector<std::string>> thread_names;  // all that they had, in order
  // Functions by id: functions[function_of_id[id]].
  std::vector<FunctionInfo> functions;
  std::vector<uint32_t> function_of_id;
  std::vector<FunctionInfo> hidden;           // functions that are not recorded, as was asked for
  std::map<uint32_t, LeftOutCalls> left_out;  // by id
  // Functions by id whose calls are counted from a stamp on.
  std::map<uint32_t, uint64_t> counted_from_ticks;
  // Whose calls are not recorded from a stamp on.
  std::map<uint32_t, uint64_t> switched_off_ticks;
  // Of calls that never ended, by thread and by how many calls were open below them.
  struct OpenValues {
    uint32_t arguments = 0;  // how many
    std::string values;      // of the arguments
    std::string named;       // names and values that the program attached
  };
  std::map<std::pair<uint32_t, uint32_t>, OpenValues> open_values;
  bool traced = false;  // there is a names stream, or calls
  bool damaged = false;
  // From its end, once it has ended.
  bool ended = false;
  ImageEndFrame end = {};

  // Something in its memory was not what a tracer writes.
  bool is_damaged() const { return damaged || (end.flags & kImageDamaged) != 0; }
  const FunctionInfo* function(uint32_t id) const {
    return id < function_of_id.size() && function_of_id[id] != 0
               ? &functions[function_of_id[id] - 1]
               : nullptr;
  }
};

// A program was started.
struct StartInfo {
  uint32_t process = kNoProcess;
  uint32_t parent_process = kNoProcess;
  uint32_t parent_tid = 0;
  uint32_t pid = 0;
  UntracedReason reason = UntracedReason::kNone;
  uint64_t ticks = 0;
  std::string executable;
  std::vector<std::string> argv;
};

// What was seen of a process's end, or of it at the recording's.
struct ProcessEndInfo {
  bool known = false;
  uint32_t flags = 0;  // ProcessEndFlag
  int32_t wait_status = 0;
  uint64_t end_ticks = 0;
  std::string title;
};

struct ThreadInfo {
  uint32_t image = 0;  // index into images
  uint32_t thread = 0;
  uint32_t tid = 0;
  uint64_t first_ticks = 0;
  uint64_t last_ticks = 0;
  uint64_t last_op_ticks = 0;  // 0: no op yet
  uint64_t calls = 0;
  uint64_t frames = 0;
  uint64_t stray_ends = 0;
  uint64_t cut_calls = 0;
  uint64_t lost_events = 0;
  uint32_t deepest = 0;
  uint32_t next_sequence = 0;
  bool ended = false;
  std::vector<OpenCall> open;  // outermost first
  // Begun in frames that were dropped, and open before the first that is there; outermost first.
  // They count among `calls`.
  std::vector<OpenCall> open_at_first;
};

struct FrameInfo {
  uint64_t offset = 0;  // of the FrameHead
  uint64_t body_bytes = 0;
  uint32_t thread = 0;  // index into threads
  uint32_t ops = 0;
  uint32_t calls = 0;
  uint64_t previous_ticks = 0;  // of the thread's last op in frames before; 0: there was none
};

// Source text that the file holds: where it lies.
struct SourceInfo {
  uint64_t offset = 0;  // of the text as stored
  uint32_t text_bytes = 0;
  uint32_t text_stored = 0;
};

// What was dropped of a process so that the newest calls and marks are kept.
struct DroppedInfo {
  uint64_t calls = 0;
  uint64_t until_ticks = 0;   // from then on all is there
  uint64_t until_offset = 0;  // of its frames of events none lies before it
  uint64_t marks = 0;
  uint64_t ended_threads = 0;  // of which nothing is known any more but their calls
  // Its threads as the frames that were dropped left them, by image and number; without those.
  std::map<std::pair<uint32_t, uint32_t>, ThreadInfo> threads;

  // A frame of events is dropped, the process's oldest that is there. False: it does not follow
  // those before it, and nothing has changed.
  bool pass(const EventsFrame& head, const std::vector<OpenCall>& left_open);
  // The body of a kDropped frame that tells of it.
  std::string serialize(uint32_t process) const;
};

// Short calls were put together, so that a report has fewer (report/fold/recording.h).
struct FoldedInfo {
  uint64_t below_ns = 0;  // calls that took less; 0: none are
  uint64_t folds = 0;     // slices that stand for others
  uint64_t slices = 0;    // that they stand for
  uint64_t calls = 0;     // of these: without those of generators that went on
  uint64_t values = 0;    // of these: had values that were told
};

// Which part of a recording it is.
struct WindowInfo {
  bool known = false;  // else: all of it
  uint64_t from_ticks = 0;
  uint64_t to_ticks = UINT64_MAX;
  std::vector<uint32_t> processes;  // that are shown
};

// Grows by frames in file order. Frames that contradict what came before are refused.
class Model {
 public:
  FileHeader header = {};
  std::string command_line;
  std::string version;
  std::vector<std::string> settings;  // what was asked to be recorded, where that is less or more
  WindowInfo window;
  FoldedInfo folded;  // never in a file
  std::vector<ClockTriple> clock;
  std::vector<ImageInfo> images;
  std::vector<StartInfo> starts;
  std::vector<ProcessEndInfo> process_ends;  // by number: as many as there are processes
  std::vector<ThreadInfo> threads;
  std::vector<FrameInfo> frames;              // of events
  std::map<uint32_t, DroppedInfo> dropped;    // by process
  std::map<std::string, SourceInfo> sources;  // by path, as functions name it
  bool has_run_end = false;
  RunEndFrame run_end = {};
  bool truncated = false;  // the file was cut: more may have followed what is here

  // Any frame but events, index, kDropped and kSource. False: it is damaged or of a kind unknown.
  bool add_frame(FrameKind kind, std::string_view body);
  // A kDropped frame, and where it lies: all that it speaks of lies before it.
  bool add_dropped(std::string_view body, uint64_t offset);
  // A kSource frame, and where its body lies.
  bool add_source(std::string_view body, uint64_t body_offset);
  // `left_open` is innermost first, as in the frame.
  bool add_events(const EventsFrame& head,
                  const std::vector<OpenCall>& left_open,
                  uint64_t offset,
                  uint64_t body_bytes);
  // The names records of an image, whole or as far as they go. Returns the words understood.
  size_t add_names(uint32_t image, const uint64_t* words, size_t count);

  // Whether a frame of events that was read back is of this process, and of a thread that is known.
  bool is_of(uint32_t process, const EventsFrame& head) const;
  // Frames of events were dropped: all of the process that begin before info.until_offset. Returns
  // the threads that are forgotten with them, by image and number.
  std::vector<std::pair<uint32_t, uint32_t>> drop_events(uint32_t process, DroppedInfo info);
  // What is told of the run without its events and the text of its sources, for a file of which all
  // events are yet to come; what was dropped stays so.
  std::unique_ptr<Model> without_events() const;
  // All frames were read, up to `end_offset`: threads are told what was dropped of them.
  void apply_dropped(uint64_t end_offset);

  // The index: what add_events() gathered. Everything else is read from its own frames.
  std::string serialize_threads() const;
  bool restore_threads(std::string_view bytes);

 private:
  bool add_image(std::string_view body);
  bool add_start(std::string_view body);
  bool add_left_out(std::string_view body);
  bool add_counted(std::string_view body);
  bool add_window(std::string_view body);
  std::vector<std::pair<uint32_t, uint32_t>> forget_threads(const std::vector<bool>& gone);
  bool know_process(uint32_t process);

  std::unordered_map<uint64_t, uint32_t> thread_index_;
};

// Why the spool could not be written on: "No space left on device", ...; empty: it could.
std::string spool_error_text(const RunEndFrame& end);

// Sums for the summary and the metadata.
struct Totals {
  uint64_t calls = 0;  // slices; those that folds stand for, not the folds
  uint64_t lost_events = 0;
  uint64_t stray_ends = 0;
  uint64_t cut_calls = 0;
  uint32_t processes = 0;  // traced ones
};
Totals totals_of(const Model& model);

// Threads that recorded anything: those of a process that went through several programs are the
// same if their ids are.
size_t count_threads(const Model& model);

}  // namespace vtn::spool
