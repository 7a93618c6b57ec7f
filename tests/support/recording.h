// SPDX-License-Identifier: Apache-2.0
//
// A run without a program: tests write event words and names records into a real arena, as traced
// threads would, drain it into a real spool and read that.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/freestanding/atomic.h"
#include "collector/drain.h"
#include "report/pieces.h"
#include "spool/reader.h"
#include "subprocess_shim/claim.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {

inline UniqueFd create_file(const std::string& path) {
  auto fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  REQUIRE(fd.has_value());
  return std::move(*fd);
}

class Recording;

// A kernel in which every pid is a live process until a test says otherwise.
class FakeKernel : public collector::ProcessProbe {
 public:
  SeenProcess met(uint32_t process, const ProcessSlot& slot, uint32_t) override {
    pids[process] = slot.pid;
    ++asked;
    return {dead.contains(slot.pid) ? 0 : slot.pid, 0};
  }
  void changed(uint32_t process) override { command_lines.erase(process); }
  bool lives(uint32_t process) override { return !fates.contains(process); }
  collector::ProcessFate fate(uint32_t process) override {
    const auto found = fates.find(process);
    collector::ProcessFate fate = found == fates.end() ? collector::ProcessFate{} : found->second;
    if (const auto line = command_lines.find(process); line != command_lines.end()) {
      fate.command_line = line->second;
    }
    return fate;
  }
  uint32_t parent_of(uint32_t pid) override {
    const auto found = parents.find(pid);
    return found == parents.end() ? 0 : found->second;
  }

  std::map<uint32_t, uint32_t> pids;  // by number
  std::map<uint32_t, collector::ProcessFate> fates;
  std::map<uint32_t, std::string> command_lines;
  std::map<uint32_t, uint32_t> parents;
  std::set<uint32_t> dead;  // pids that nobody has any more
  int asked = 0;
};

// A thread of a traced process that writes words.
class FakeThread {
 public:
  FakeThread(Recording& run, uint32_t slot, uint32_t thread, uint32_t tid)
      : run_(run), slot_(slot), thread_(thread), tid_(tid) {}

  void word(uint64_t ticks, EventKind kind, uint32_t id);
  void enter(uint64_t ticks, uint32_t id) { word(ticks, EventKind::kEnter, id); }
  void leave(uint64_t ticks, uint32_t id) { word(ticks, EventKind::kLeave, id); }
  void unwind(uint64_t ticks, uint32_t id) { word(ticks, EventKind::kUnwind, id); }
  void opcode(uint64_t ticks, Opcode opcode, std::vector<uint64_t> payload = {}) {
    put(ticks, opcode_word(0, opcode, static_cast<uint32_t>(payload.size())), payload);
  }
  void note(uint64_t ticks, uint32_t kind, uint32_t key, const std::string& bytes = "");
  // A note with a stamp of its own.
  void mark(uint64_t ticks, NoteKind kind, uint32_t name, const std::string& bytes = "") {
    std::string stamped(reinterpret_cast<const char*>(&ticks), sizeof(ticks));
    note(ticks, static_cast<uint32_t>(kind), name, stamped + bytes);
  }
  // A value of the innermost open call of that function.
  void call_value(uint64_t ticks, uint32_t function, uint32_t name, const std::string& pair) {
    mark(ticks,
         NoteKind::kCallValue,
         name,
         pair + std::string(reinterpret_cast<const char*>(&function), sizeof(function)));
  }
  void raw(uint64_t value);
  // Gives the chunk to the collector; the next word claims another.
  void finish();
  void skip_sequence() { ++sequence_; }
  uint32_t chunk_class = 0;

 private:
  void claim(uint64_t ticks, size_t words);
  void put(uint64_t ticks, uint64_t head, const std::vector<uint64_t>& payload);

  Recording& run_;
  uint32_t slot_;
  uint32_t thread_;
  uint32_t tid_;
  uint32_t sequence_ = 0;
  uint32_t chunk_ = tracer::kNoChunk;
  uint32_t at_ = 0;
  uint64_t base_ = 0;
};

// A traced process: a slot and a names stream.
class FakeProcess {
 public:
  FakeProcess(Recording& run, uint32_t pid, uint64_t start_ticks);

  uint32_t slot() const { return slot_; }
  // Defines a function, returns its id.
  uint32_t function(FunctionKind kind,
                    const std::string& name,
                    const std::string& file = "",
                    uint32_t line = 0,
                    uint32_t flags = 0);
  // Of a generator's function: the next id is of where it goes on.
  uint32_t generator(const std::string& name) {
    const uint32_t id = python(name);
    (void)function(FunctionKind::kPython, name, "/x.py", 1, kFunctionResumed);
    return id;
  }
  uint32_t python(const std::string& name, const std::string& file = "/x.py", uint32_t line = 1) {
    return function(FunctionKind::kPython, name, file, line);
  }
  uint32_t c(const std::string& name) { return function(FunctionKind::kC, name); }
  void describe(const std::string& executable,
                const std::string& cwd,
                const std::vector<std::string>& argv);
  void text(NameRecord type, uint32_t key, const std::string& text);
  FakeThread thread(uint32_t tid) { return FakeThread(run_, slot_, threads_++, tid); }

  void record(NameRecord type, const void* fixed, size_t fixed_bytes, const std::string& text);

 private:
  Recording& run_;
  uint32_t slot_;
  uint32_t pid_;
  uint64_t start_ticks_;
  uint32_t threads_ = 0;
  uint32_t next_id_ = kFirstNameId;
  uint32_t chunk_ = tracer::kNoChunk;
  uint32_t sequence_ = 0;
  uint32_t at_ = 0;
};

class Recording {
 public:
  explicit Recording(uint64_t arena_bytes = 16u << 20,
                     ClockKind clock = ClockKind::kMonotonic,
                     const session::CallLimits& limits = {})
      : clock(clock) {
    const ArenaGeometry geometry = tracer::arena_geometry(arena_bytes);
    void* control = map(kControlBytes);
    auto* page = static_cast<ControlPage*>(control);
    page->geometry = geometry;
    page->process_slots = kMaxProcesses;
    page->clock_kind = static_cast<uint32_t>(clock);
    page->state = static_cast<uint32_t>(SessionState::kRecording);
    arena = tracer::Arena(control, map(geometry.arena_bytes));
    for (uint32_t i = 0; i < geometry.chunk_count; ++i) {
      tracer::provide_chunk(arena, i);
    }
    spool::FileHeader header = spool::file_header(clock);
    header.trace_id = 42;
    auto started = spool::Writer::start(create_file(folder.file("spool")), header);
    REQUIRE(started.has_value());
    spool = std::move(*started);
    drain = std::make_unique<collector::Drain>(arena, clock, *spool, kernel, true, 3, limits);
  }
  ~Recording() {
    drain.reset();
    (void)munmap(arena.control, kControlBytes);
    (void)munmap(arena.base, arena.geometry.arena_bytes);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // The process has died; a pass ends it.
  void kill(uint32_t number, std::optional<int32_t> wait_status = {}) {
    collector::ProcessFate& fate = kernel.fates[number];
    fate.died = true;
    fate.status_known = wait_status.has_value();
    fate.wait_status = wait_status.value_or(0);
    drain->processes_died({number});
    drain->pass();
  }

  // Takes all there is, closes the spool and reads it again.
  std::unique_ptr<spool::Reader> read() {
    drain->take_rest();
    REQUIRE(spool->close().has_value());
    return reopen();
  }
  std::unique_ptr<spool::Reader> reopen() {
    auto fd = open_file(folder.file("spool"), O_RDONLY);
    REQUIRE(fd.has_value());
    auto reader = spool::Reader::open(std::move(*fd), folder.file("spool"));
    if (!reader) {
      FAIL(reader.error().message);
    }
    return std::move(*reader);
  }

  uint32_t chunks_in(ChunkState state) const {
    uint32_t count = 0;
    for (uint32_t i = 0; i < arena.geometry.chunk_count; ++i) {
      count += chunk_state(load_acquire(&arena.headers[i].owner)) == state ? 1 : 0;
    }
    return count;
  }

  const ClockKind clock;
  TemporaryFolder folder;
  tracer::Arena arena;
  FakeKernel kernel;
  std::unique_ptr<spool::Writer> spool;
  std::unique_ptr<collector::Drain> drain;

 private:
  static void* map(uint64_t bytes) {
    void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(at != MAP_FAILED);
    return at;
  }
};

inline FakeProcess::FakeProcess(Recording& run, uint32_t pid, uint64_t start_ticks)
    : run_(run),
      slot_(vtn_claim_slot(run.arena.control, run.arena.processes)),
      pid_(pid),
      start_ticks_(start_ticks) {
  ProcessSlot& slot = run.arena.processes[slot_];
  slot.kind = VTN_SLOT_IMAGE;
  slot.flags = VTN_SLOT_PYTHON;
  slot.pid = pid;
  slot.start_ticks = start_ticks;
  store_release(&slot.state, static_cast<uint32_t>(ProcessState::kTracing));
}

inline void FakeProcess::record(NameRecord type,
                                const void* fixed,
                                size_t fixed_bytes,
                                const std::string& text) {
  const auto length = static_cast<uint32_t>(1 + (fixed_bytes + text.size() + 7) / 8);
  if (chunk_ == tracer::kNoChunk || at_ + length > run_.arena.chunk_bytes(chunk_) / 8) {
    if (chunk_ != tracer::kNoChunk) {
      tracer::finish_chunk(run_.arena, chunk_);
    }
    chunk_ = tracer::claim_chunk(run_.arena, 0, ChunkKind::kNames, slot_, 0, 0, sequence_++, 0);
    REQUIRE(chunk_ != tracer::kNoChunk);
    at_ = 0;
  }
  uint64_t* words = run_.arena.words(chunk_) + at_;
  memcpy(words + 1, fixed, fixed_bytes);
  memcpy(reinterpret_cast<char*>(words + 1) + fixed_bytes, text.data(), text.size());
  store_release(words, name_record_head(type, length));
  at_ += length;
}

inline uint32_t FakeProcess::function(FunctionKind kind,
                                      const std::string& name,
                                      const std::string& file,
                                      uint32_t line,
                                      uint32_t flags) {
  const FunctionRecord fixed = {next_id_,
                                kind,
                                line,
                                static_cast<uint32_t>(name.size()),
                                static_cast<uint32_t>(file.size()),
                                flags};
  record(NameRecord::kFunction, &fixed, sizeof(fixed), name + file);
  return next_id_++;
}

inline void FakeProcess::describe(const std::string& executable,
                                  const std::string& cwd,
                                  const std::vector<std::string>& argv) {
  std::string all;
  for (const std::string& argument : argv) {
    all += argument;
    all += '\0';
  }
  ProcessRecord fixed = {};
  fixed.start_ticks = start_ticks_;
  fixed.pid = pid_;
  fixed.parent_pid = 1;
  fixed.python_version = 0x030c01f0;
  fixed.backend = Backend::kMonitoring;
  fixed.executable_bytes = static_cast<uint32_t>(executable.size());
  fixed.cwd_bytes = static_cast<uint32_t>(cwd.size());
  fixed.argv_bytes = static_cast<uint32_t>(all.size());
  record(NameRecord::kProcess, &fixed, sizeof(fixed), executable + cwd + all);
}

inline void FakeProcess::text(NameRecord type, uint32_t key, const std::string& text) {
  const TextRecord fixed = {key, static_cast<uint32_t>(text.size())};
  record(type, &fixed, sizeof(fixed), text);
}

inline void FakeThread::claim(uint64_t ticks, size_t words) {
  if (chunk_ != tracer::kNoChunk && at_ + words <= run_.arena.chunk_bytes(chunk_) / 8) {
    return;
  }
  finish();
  base_ = ticks;
  chunk_ = tracer::claim_chunk(
      run_.arena, chunk_class, ChunkKind::kEvents, slot_, thread_, tid_, sequence_++, base_);
  if (chunk_ == tracer::kNoChunk) {
    (void)run_.drain->pass();
    chunk_ = tracer::claim_chunk(
        run_.arena, chunk_class, ChunkKind::kEvents, slot_, thread_, tid_, sequence_ - 1, base_);
  }
  REQUIRE(chunk_ != tracer::kNoChunk);
  at_ = 0;
}

inline void FakeThread::word(uint64_t ticks, EventKind kind, uint32_t id) {
  claim(ticks, 1);
  store_release(run_.arena.words(chunk_) + at_++, event_word(ticks - base_, kind, id));
}

inline void FakeThread::put(uint64_t ticks, uint64_t head, const std::vector<uint64_t>& payload) {
  claim(ticks, 1 + payload.size());
  uint64_t* words = run_.arena.words(chunk_) + at_;
  for (size_t i = 0; i < payload.size(); ++i) {
    words[1 + i] = payload[i];
  }
  store_release(words, head | ((ticks - base_) << kEventDeltaShift));
  at_ += static_cast<uint32_t>(1 + payload.size());
}

inline void FakeThread::note(uint64_t ticks,
                             uint32_t kind,
                             uint32_t key,
                             const std::string& bytes) {
  std::vector<uint64_t> payload(1 + (bytes.size() + 7) / 8);
  payload[0] = note_key(key, static_cast<uint32_t>(bytes.size()));
  if (!bytes.empty()) {
    memcpy(payload.data() + 1, bytes.data(), bytes.size());
  }
  claim(ticks, payload.size() + 2);  // the event that follows stands in the same chunk
  put(ticks,
      note_word(0, static_cast<NoteKind>(kind), static_cast<uint32_t>(payload.size())),
      payload);
}

inline void FakeThread::raw(uint64_t value) {
  claim(base_, 1);
  store_release(run_.arena.words(chunk_) + at_++, value);
}

inline void FakeThread::finish() {
  if (chunk_ != tracer::kNoChunk) {
    tracer::finish_chunk(run_.arena, chunk_);
    chunk_ = tracer::kNoChunk;
  }
}

}  // namespace vtn::test
