// SPDX-License-Identifier: Apache-2.0
#include "runtime/capture/budget.h"

#include "abi/names_abi.h"
#include "base/freestanding/atomic.h"
#include "base/freestanding/pages.h"
#include "runtime/capture/functions.h"
#include "runtime/capture/identities.h"
#include "runtime/capture/thread_part.h"
#include "runtime/entry/interpreters.h"
#include "runtime/entry/process.h"
#include "runtime/marks/marks.h"
#include "runtime/python/frames.h"
#include "runtime/python/text.h"
#include "runtime/python/versions.h"
#include "tracer/clock.h"
#include "tracer/names_writer.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kTrialFrames = 16;
constexpr int kDeepestSkip = 64;
constexpr size_t kIdBytes = (size_t{kMaxNameId} + 8) / 8;

constexpr int64_t kMostInterpreters = 1 << 20;
// A frame whose instruction pointer is no further behind its first RESUME may be about to run that.
constexpr int32_t kBeginBytes = 4;

struct {
  bool on;
  const char* why_not;    // null: it can be heeded
  bool frames_are_known;  // they lie as expected
  bool any_off;           // some function is, here or in a process that this one was forked of
  PySize code_start;      // find_code_start()
  // In wiped pages, kept when an interpreter is begun anew:
  unsigned char* wished;  // a bit for each id: the list has it
  unsigned char* told;    // likewise: that it is heeded was told
  uint32_t* seen;         // of the list, by interpreter
} g_budget;

bool has_bit(const unsigned char* bits, uint32_t id) { return (bits[id / 8] >> (id % 8) & 1) != 0; }
// Interpreters with a GIL each share the bits.
void set_bit(unsigned char* bits, uint32_t id) {
  (void)__atomic_fetch_or(
      &bits[id / 8], static_cast<unsigned char>(1u << (id % 8)), __ATOMIC_RELAXED);
}
void clear_bit(unsigned char* bits, uint32_t id) {
  (void)__atomic_fetch_and(
      &bits[id / 8], static_cast<unsigned char>(~(1u << (id % 8))), __ATOMIC_RELAXED);
}

void tell_unheeded(tracer::Text why) {
  (void)tracer::publish_text(
      NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kBudgetUnheeded), why);
}

// The chain of the thread's frames has those that the API tells of, in that order. Frame by frame,
// so that no wrong word is taken for an address.
bool chain_is_as_expected(const PyThread* state) {
  if (!find_current_frame(state)) {
    return false;
  }
  const void* frame = current_frame(state);
  PyFrame* object = g_python.PyEval_GetFrame();
  g_python.Py_IncRef(reinterpret_cast<PyObject*>(object));
  bool same = true;
  for (uint32_t i = 0; i < kTrialFrames && same && object != nullptr; ++i) {
    const PyRef held = PyRef::steal(reinterpret_cast<PyObject*>(object));
    const void* const expected = frame_of_object(object);
    for (int skipped = 0; same && frame != expected; ++skipped) {
      same = frame != nullptr && skipped < kDeepestSkip;
      frame = same ? field<const void*>(frame, g_chain.previous) : nullptr;
    }
    object = g_python.PyFrame_GetBack(object);
  }
  g_python.Py_DecRef(reinterpret_cast<PyObject*>(object));
  return same;
}

constexpr uint32_t kMostOfRound = 64;

// What is newly to be heeded in the current interpreter.
struct Round {
  int32_t interpreter;
  uint32_t count;  // of the identities
  CodeIdentity* identities[kMostOfRound];
};

bool is_to_be_heeded(const CodeIdentity& identity) {
  return identity.epoch == tracer::g_engine.epoch && !identity.stays_on &&
         identity.ids.id >= kFirstNameId && identity.ids.id <= kMaxNameId &&
         has_bit(g_budget.wished, identity.ids.id);
}

// Up to where the instruction pointer of a frame of that code says that it may be about to tell
// that it begins, or may not run at all. CPython handles signals, collects garbage and changes
// threads at a RESUME, before it tells of that or after (3.13 and later, before:
// INSTRUMENTED_RESUME of Python/bytecodes.c). A generator that awaits another is linked into the
// chain while something is thrown into that one, but neither begins nor runs (_gen_throw of
// Objects/genobject.c).
uintptr_t begin_end_of(const void* code, const CodeIds& ids) {
  if (ids.id != ids.resumed_id) {
    return UINTPTR_MAX;
  }
  const auto* const object = static_cast<const PyObject*>(code);
  return reinterpret_cast<uintptr_t>(code) +
         static_cast<uintptr_t>(g_budget.code_start + kBeginBytes +
                                start_offset(const_cast<PyObject*>(object)));
}

// The frames of a thread; of ours, the one on top is that of the event at hand.
void add_open_frames(const PyThread* thread, bool is_own, EventKind kind, uint32_t id) {
  const void* frame = current_frame(thread);
  for (bool top = is_own; frame != nullptr; frame = field<const void*>(frame, g_chain.previous)) {
    OpenCode* const open = open_frames_of(code_of_frame(frame));
    if (open != nullptr && open->is_new && !is_open_frame(open, frame)) {
      const bool at_hand = top && (open->ids.id == id || open->ids.resumed_id == id);
      if (!at_hand) {
        (void)add_open_frame(
            open, frame, field<uintptr_t>(frame, g_chain.instruction) <= open->begin_end);
      } else if (kind == EventKind::kEnter) {
        (void)add_open_frame(open, frame, false);
      }
    }
    top = false;
  }
}

PyRef name_of(const CodeIdentity* identity) {
  auto* const code = const_cast<void*>(identity->code);
  return PyRef::steal(g_python.PyObject_GetAttrString(static_cast<PyObject*>(code), "co_qualname"));
}

void tell(CodeIdentity* identity, const CodeIds& ids, uint64_t ticks) {
  if (has_bit(g_budget.told, ids.id)) {
    return;
  }
  set_bit(g_budget.told, ids.id);
  const SwitchedOffRecord record = {ticks, ids.id, 0};
  (void)tracer::publish_record(NameRecord::kSwitchedOff, &record, sizeof(record));
  if (const PyRef name = name_of(identity)) {
    Mark mark(/*safely=*/true);
    mark.add("function", name.get());
    mark.record(
        tracer::current_thread(),
        MarkKind::kInstant,
        mark_name(MarkKind::kInstant, text_of("not recorded from here on"), text_of("budget")),
        ticks);
  }
}

void hide(CodeIdentity* identity) {
  identity->ids = {kIdHidden, kIdHidden};
  identity->switched_off = true;
  g_budget.any_off = true;
}

// There is no room to keep its open frames: it goes on being recorded.
void leave_on(const CodeIdentity* identity, const CodeIds& ids) {
  clear_bit(g_budget.wished, ids.id);
  const PyRef name = name_of(identity);
  const Utf8 text(name.get());
  tell_unheeded(text.text());
}

void heed(Round* round, EventKind kind, uint32_t id) {
  for (uint32_t i = 0; i < round->count; ++i) {
    const CodeIdentity* const identity = round->identities[i];
    (void)begin_open_frames(
        identity->code, identity->ids, begin_end_of(identity->code, identity->ids));
  }
  PyThread* const own = current_thread_state();
  for (PyThread* one = g_python.PyInterpreterState_ThreadHead(current_interpreter());
       one != nullptr;
       one = g_python.PyThreadState_Next(one)) {
    add_open_frames(one, one == own, kind, id);
  }
  CodeIds ids[kMostOfRound];
  for (uint32_t i = 0; i < round->count; ++i) {
    CodeIdentity* const identity = round->identities[i];
    OpenCode* const open = open_frames_of(identity->code);
    ids[i] = identity->ids;
    if (open == nullptr) {
      leave_on(identity, ids[i]);
      continue;
    }
    open->is_new = false;
    if (open->living == 0) {
      end_open_frames(open);
    }
    hide(identity);
    forget_in_threads(identity->code);
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  for (uint32_t i = 0; i < round->count; ++i) {
    if (round->identities[i]->switched_off) {
      tell(round->identities[i], ids[i], ticks);
    }
  }
}

void gather(CodeIdentity* identity, void* argument) {
  auto* round = static_cast<Round*>(argument);
  // Acquire: what a code object of another interpreter's is about to have is its interpreter first.
  if (round->count < kMostOfRound && load_acquire(&identity->code) != nullptr &&
      identity->interpreter == round->interpreter && is_to_be_heeded(*identity)) {
    round->identities[round->count++] = identity;
  }
}

// In a forked child the places of what was switched off are off, so no event leads to it.
void inherit(tracer::ThreadState* thread) {
  const KeepErrno keep_errno;
  const PendingException pending;
  runtime_root()->switched_off_inherited = 1;
  visit_identities(
      [](CodeIdentity* identity, void* argument) {
        if (load_acquire(&identity->code) != nullptr && identity->switched_off &&
            identity->epoch != tracer::g_engine.epoch &&
            identity->interpreter == interpreter_id(current_interpreter())) {
          auto* const code = const_cast<void*>(identity->code);
          (void)code_ids_slow(
              static_cast<tracer::ThreadState*>(argument), static_cast<PyObject*>(code), nullptr);
        }
      },
      thread);
}

}  // namespace

void start_budget() {
  g_budget.on = session_option(kOptionBudget);
  g_budget.why_not = nullptr;
  g_budget.frames_are_known = false;
  if (!g_budget.on) {
    return;
  }
  if (!has_monitoring(g_python.minor)) {
    g_budget.why_not = "Python 3.12 or later is needed";
    return;
  }
  if (g_budget.wished == nullptr) {
    g_budget.wished = static_cast<unsigned char*>(map_wiped_pages(kIdBytes));
    g_budget.told = static_cast<unsigned char*>(map_wiped_pages(kIdBytes));
    g_budget.seen = static_cast<uint32_t*>(map_wiped_pages(kMostInterpreters * sizeof(uint32_t)));
  }
  g_budget.code_start = find_code_start();
  if (g_budget.wished == nullptr || g_budget.told == nullptr || g_budget.seen == nullptr ||
      !start_open_frames()) {
    g_budget.why_not = "there is no memory for it";
  } else if (g_budget.code_start == 0) {
    g_budget.why_not = "this interpreter is not laid out as expected";
  }
}

bool budget_on() { return g_budget.on; }

void heed_budget(tracer::ThreadState* thread, EventKind kind, uint32_t id) {
  if (!g_budget.on) {
    return;
  }
  RuntimeRoot* const root = runtime_root();
  if (g_budget.why_not != nullptr) {
    if (root->budget_unheeded_told == 0) {
      root->budget_unheeded_told = 1;
      tell_unheeded(text_of(g_budget.why_not));
    }
    return;
  }
  if (g_budget.any_off && root->switched_off_inherited == 0) {
    inherit(thread);
  }
  const tracer::Arena& arena = tracer::g_engine.arena;
  const uint32_t there_are = load_acquire(&arena.control->switched_off);
  const uint32_t end = there_are < kMaxSwitchedOff ? there_are : kMaxSwitchedOff;
  const int64_t interpreter = end == 0 ? -1 : interpreter_id(current_interpreter());
  if (interpreter < 0 || interpreter >= kMostInterpreters || g_budget.seen[interpreter] >= end) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  if (g_python.PyEval_GetFrame() == nullptr) {
    return;  // another time
  }
  const uint32_t seen = g_budget.seen[interpreter];
  bool any = false;
  for (uint32_t i = seen > root->switched_off_from ? seen : root->switched_off_from; i < end; ++i) {
    const uint32_t wished = load_relaxed(&arena.switched_off[i].id);
    if (load_relaxed(&arena.switched_off[i].slot) == tracer::g_engine.root->process &&
        wished <= kMaxNameId) {
      set_bit(g_budget.wished, wished);
      any = true;
    }
  }
  g_budget.seen[interpreter] = end;
  if (any && !g_budget.frames_are_known) {
    g_budget.frames_are_known = chain_is_as_expected(current_thread_state());
    if (!g_budget.frames_are_known) {
      g_budget.why_not = "this interpreter's frames are not laid out as expected";
      return;
    }
  }
  Round round = {};
  round.interpreter = static_cast<int32_t>(interpreter);
  do {
    round.count = 0;
    if (any) {
      visit_identities(gather, &round);
      heed(&round, kind, id);
    }
  } while (round.count == kMostOfRound);
}

void heed_budget_anew(CodeIdentity* identity) {
  const bool inherited = identity->switched_off && identity->ids.id >= kFirstNameId;
  if (g_budget.why_not != nullptr || (!inherited && !is_to_be_heeded(*identity))) {
    return;
  }
  const CodeIds ids = identity->ids;
  hide(identity);
  if (inherited) {
    set_bit(g_budget.wished, ids.id);
  }
  const tracer::Engine& engine = tracer::g_engine;
  tell(identity,
       ids,
       inherited ? engine.arena.processes[engine.root->process].start_ticks
                 : tracer::read_ticks(engine.clock));
}

void leave_open_frame_slow(const PyObject* code) {
  if (OpenCode* const open = open_frames_of(code)) {
    drop_open_frame(open, current_frame(current_thread_state()));
  }
}

bool begins_are_void(const PyObject* code) {
  const OpenCode* const open = open_frames_of(code);
  return open != nullptr && open->doubtful == 0;
}

}  // namespace vtn::runtime
