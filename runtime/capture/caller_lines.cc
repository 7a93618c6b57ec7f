// SPDX-License-Identifier: Apache-2.0
//
// HOT PATH of runs with --log_lines.
#include "runtime/capture/caller_lines.h"

#include "base/freestanding/atomic.h"
#include "base/freestanding/pages.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/process.h"
#include "runtime/filters/filters.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "tracer/names_writer.h"
#include "tracer/thread_writer.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kTrials = 32;
constexpr int kDeepestSkip = 64;

constexpr uint32_t kLinesBits = 10;
constexpr uint32_t kToldBits = 10;

struct KnownLine {
  const void* code;
  uint64_t deaths;  // of code objects, when it was found out
  uint32_t offset;
  uint32_t line;
};

struct ToldLine {
  uint64_t chunk;
  uint32_t id;
  uint32_t line;
};

// Of a thread, in wiped pages, from its first call until its end.
struct ThreadLines {
  KnownLine known[1u << kLinesBits];
  ToldLine told[1u << kToldBits];
};

struct {
  bool wanted;
  bool by_layout;  // else by the API
  uint32_t trials;
  PySize code_start;  // of the instructions within a code object
  uint64_t deaths;
  int (*address_to_line)(PyObject*, int);
} g_lines;

// Where a caller is; no code: there is none, or its line is not known.
struct Place {
  PyObject* code = nullptr;
  uint32_t offset = 0;
};

uintptr_t instructions_of(const PyObject* code) {
  return reinterpret_cast<uintptr_t>(code) + static_cast<uintptr_t>(g_lines.code_start);
}

// As CPython decides which frames it shows: not those by which it enters itself, nor, from 3.12 on,
// the one between a class that is called and its __init__, which never gets to where it may be
// seen.
bool runs_code(const void* frame) {
  const PyObject* const code = code_of_frame(frame);
  if (g_chain.owner == 0) {
    return type_of(code) == g_python.PyCode_Type;
  }
  const auto owner = field<unsigned char>(frame, g_chain.owner);
  if (owner >= kOwnerInterpreter || type_of(code) != g_python.PyCode_Type) {
    return false;
  }
  const auto first_unit = field<uint32_t>(code, g_lines.code_start - kFirstTraceableBack);
  const uintptr_t first = uintptr_t{2} * first_unit;
  return owner == kOwnerGenerator ||
         field<uintptr_t>(frame, g_chain.instruction) >= instructions_of(code) + first;
}

Place place_of_caller(const PyThread* state, const PyObject* code, Callee callee) {
  const void* frame = current_frame(state);
  if (frame != nullptr && callee == Callee::kRunning) {
    if (code_of_frame(frame) != code) {
      return {};
    }
    frame = field<const void*>(frame, g_chain.previous);
  }
  for (int i = 0; frame != nullptr && !runs_code(frame); ++i) {
    frame = i == kDeepestSkip ? nullptr : field<const void*>(frame, g_chain.previous);
  }
  if (frame == nullptr) {
    return {};
  }
  PyObject* const caller = code_of_frame(frame);
  const uintptr_t start = instructions_of(caller);
  const auto at = field<uintptr_t>(frame, g_chain.instruction);
  return at < start ? Place{} : Place{caller, static_cast<uint32_t>(at - start)};
}

uint32_t usable(int line) { return line > 0 ? static_cast<uint32_t>(line) : 0; }

uint32_t line_by_api(const PyObject* code, Callee callee) {
  const KeepErrno keep_errno;
  const PendingException pending;
  PyFrame* frame = g_python.PyEval_GetFrame();  // borrowed
  if (frame == nullptr) {
    return 0;
  }
  if (callee == Callee::kToCome) {
    return usable(g_python.PyFrame_GetLineNumber(frame));
  }
  const PyRef running = PyRef::steal(g_python.PyFrame_GetCode(frame));
  if (running.get() != code) {
    return 0;
  }
  const PyRef caller = PyRef::steal(reinterpret_cast<PyObject*>(g_python.PyFrame_GetBack(frame)));
  return caller ? usable(g_python.PyFrame_GetLineNumber(reinterpret_cast<PyFrame*>(caller.get())))
                : 0;
}

void ask_the_api_for_good() {
  g_lines.by_layout = false;
  (void)tracer::publish_text(
      NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kLinesByApi), tracer::Text{});
}

// One of the first calls: the two ways must agree. Frame by frame, so that no wrong word is taken
// for an address.
[[gnu::noinline, gnu::cold]] uint32_t line_on_trial(const PyThread* state,
                                                    const PyObject* code,
                                                    Callee callee) {
  const uint32_t expected = line_by_api(code, callee);
  const KeepErrno keep_errno;
  const PendingException pending;
  PyFrame* object = g_python.PyEval_GetFrame();
  if (object == nullptr) {
    return expected;  // nothing to compare
  }
  bool agreed = find_current_frame(state);
  if (agreed) {
    const PyRef current = PyRef::steal(g_python.PyFrame_GetCode(object));
    agreed = code_of_frame(frame_of_object(object)) == current.get();
  }
  if (agreed) {
    const Place place = place_of_caller(state, code, callee);
    const int line = place.code == nullptr
                         ? 0
                         : g_lines.address_to_line(place.code, static_cast<int>(place.offset));
    agreed = usable(line) == expected;
  }
  if (!agreed) {
    ask_the_api_for_good();
  } else if (expected != 0) {
    --g_lines.trials;
  }
  return expected;
}

ThreadLines* lines_of(tracer::ThreadState* thread) {
  if (__builtin_expect(part_of(thread)->caller_lines == nullptr, 0)) {
    part_of(thread)->caller_lines = map_wiped_pages(sizeof(ThreadLines));
  }
  return static_cast<ThreadLines*>(part_of(thread)->caller_lines);
}

uint32_t line_of(const tracer::ThreadState* thread, ThreadLines* lines, const Place& place) {
  // The slice above is that of another function where a filter hides the caller.
  if (place.code == nullptr || (filters_on() && is_known_hidden(thread, place.code))) {
    return 0;
  }
  // Only of code whose death will be told may anything be remembered by address.
  const bool may_remember = lines != nullptr && is_remembered(thread, place.code);
  const uint64_t deaths = load_relaxed(&g_lines.deaths);
  KnownLine* known = nullptr;
  if (may_remember) {
    const uint64_t key = reinterpret_cast<uintptr_t>(place.code) + place.offset;
    known = &lines->known[(key * 0x9e37'79b9'7f4a'7c15u) >> (64 - kLinesBits)];
    if (known->code == place.code && known->offset == place.offset && known->deaths == deaths) {
      return known->line;
    }
  }
  const uint32_t line = usable(g_lines.address_to_line(place.code, static_cast<int>(place.offset)));
  if (known != nullptr) {
    *known = {place.code, deaths, place.offset, line};
  }
  return line;
}

// Chunks of a process, one after the other: never the same for two.
uint64_t chunk_of(const tracer::ThreadState* thread) {
  return (uint64_t{thread->thread} << 32) | thread->sequence;
}

}  // namespace

void start_caller_lines(bool wanted) {
  g_lines.wanted = wanted;
  if (!wanted || g_chain.previous == 0) {
    return;
  }
  g_lines.address_to_line =
      reinterpret_cast<int (*)(PyObject*, int)>(find_python_symbol("PyCode_Addr2Line"));
  g_lines.code_start = find_code_start();
  g_lines.trials = kTrials;
  g_lines.by_layout = g_lines.address_to_line != nullptr && g_lines.code_start != 0;
}

bool caller_lines_wanted() { return g_lines.wanted; }

void free_caller_lines(tracer::ThreadState* thread) {
  if (void* const lines = part_of(thread)->caller_lines; lines != nullptr) {
    part_of(thread)->caller_lines = nullptr;
    unmap_pages(lines, sizeof(ThreadLines));
  }
}

void note_caller_line(tracer::ThreadState* thread,
                      uint32_t id,
                      const PyObject* code,
                      Callee callee) {
  ThreadLines* lines = lines_of(thread);
  uint32_t line = 0;
  if (__builtin_expect(!g_lines.by_layout, 0)) {
    line = line_by_api(code, callee);
  } else if (__builtin_expect(g_lines.trials != 0, 0)) {
    line = line_on_trial(current_thread_state(), code, callee);
  } else {
    line = line_of(thread, lines, place_of_caller(current_thread_state(), code, callee));
  }
  ToldLine* told = lines == nullptr ? nullptr : &lines->told[id & ((1u << kToldBits) - 1)];
  // A chunk that is full is not the one that the call will stand in.
  const bool known = told != nullptr && told->id == id && told->chunk == chunk_of(thread) &&
                     thread->cursor != thread->chunk_end;
  if (known && told->line == line) {
    return;
  }
  const uint64_t word = note_key(line, 0);
  tracer::record_note(
      thread, tracer::read_ticks(tracer::g_engine.clock), NoteKind::kCallerLine, &word, 1);
  if (told != nullptr) {
    *told = {chunk_of(thread), id, line};
  }
}

uint64_t code_deaths() { return load_relaxed(&g_lines.deaths); }

void forget_lines() { add_relaxed(&g_lines.deaths, uint64_t{1}); }

}  // namespace vtn::runtime
