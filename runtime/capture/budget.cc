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

struct {
  bool on;
  bool frames_are_known;  // they lie as expected
  bool any_off;           // some function is, here or in a process that this one was forked of
  unsigned char* wished;  // a bit for each id, in wiped pages: the list has it
  unsigned char* told;    // likewise: that it is heeded was told
} g_budget;

bool has_bit(const unsigned char* bits, uint32_t id) { return (bits[id / 8] >> (id % 8) & 1) != 0; }
void set_bit(unsigned char* bits, uint32_t id) {
  bits[id / 8] = static_cast<unsigned char>(bits[id / 8] | 1u << (id % 8));
}

void clear_bit(unsigned char* bits, uint32_t id) {
  bits[id / 8] = static_cast<unsigned char>(bits[id / 8] & ~(1u << (id % 8)));
}

void leave_it_alone(const char* why) {
  g_budget.on = false;
  (void)tracer::publish_text(
      NameRecord::kNotice, static_cast<uint32_t>(NoticeKind::kBudgetUnheeded), text_of(why));
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

// What is newly to be heeded in the current interpreter.
struct Round {
  int32_t interpreter;
  uint32_t count;  // of the identities
  uint64_t ticks;  // the moment
  CodeIdentity* identities[64];
};

bool is_to_be_heeded(const CodeIdentity& identity) {
  return identity.code != nullptr && identity.epoch == tracer::g_engine.epoch &&
         identity.ids.id >= kFirstNameId && identity.ids.id <= kMaxNameId &&
         has_bit(g_budget.wished, identity.ids.id) && identity.sent_by_c == 0 &&
         identity.tells_of_name == 0 && identity.plan == nullptr;
}

// The frames of a thread. The one on top may be about to tell that it begins: CPython changes
// threads there, before or after it told (3.13 and later, before: seen in INSTRUMENTED_RESUME of
// Python/bytecodes.c).
void add_open_frames(const PyThread* thread, bool is_own, EventKind kind, uint32_t id) {
  const void* frame = current_frame(thread);
  for (bool top = true; frame != nullptr; frame = field<const void*>(frame, g_chain.previous)) {
    OpenCode* const open = open_frames_of(code_of_frame(frame));
    const bool ends =
        top && is_own && kind != EventKind::kEnter && open != nullptr && open->ids.id == id;
    if (open != nullptr && open->is_new && !ends && !is_open_frame(open, frame)) {
      (void)add_open_frame(open, frame, top && !is_own);
    }
    top = false;
  }
}

void tell(CodeIdentity* identity, const CodeIds& ids, uint64_t ticks) {
  if (has_bit(g_budget.told, ids.id)) {
    return;
  }
  set_bit(g_budget.told, ids.id);
  const SwitchedOffRecord record = {ticks, ids.id, 0};
  (void)tracer::publish_record(NameRecord::kSwitchedOff, &record, sizeof(record));
  const PyRef name = PyRef::steal(g_python.PyObject_GetAttrString(
      const_cast<PyObject*>(static_cast<const PyObject*>(identity->code)),
      code_has_qualname(g_python.minor) ? "co_qualname" : "co_name"));
  if (name) {
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
  runtime_root()->switched_off_inherited = 1;
}

void switch_off(Round* round, EventKind kind, uint32_t id) {
  CodeIds ids[sizeof(round->identities) / sizeof(round->identities[0])];
  for (uint32_t i = 0; i < round->count; ++i) {
    CodeIdentity* const identity = round->identities[i];
    ids[i] = identity->ids;
    if (open_code(identity->code, ids[i]) == nullptr) {
      clear_bit(g_budget.wished, ids[i].id);  // it goes on being recorded
    }
  }
  PyThread* const own = current_thread_state();
  for (PyThread* one = g_python.PyInterpreterState_ThreadHead(current_interpreter());
       one != nullptr;
       one = g_python.PyThreadState_Next(one)) {
    add_open_frames(one, one == own, kind, id);
  }
  for (uint32_t i = 0; i < round->count; ++i) {
    CodeIdentity* const identity = round->identities[i];
    OpenCode* const open = open_frames_of(identity->code);
    if (open == nullptr) {
      ids[i] = {kIdHidden, kIdHidden};
      continue;
    }
    open->is_new = false;
    if (open->living == 0) {
      close_code(open);
    }
    hide(identity);
    forget_in_threads(identity->code);
  }
  const uint64_t ticks = tracer::read_ticks(tracer::g_engine.clock);
  for (uint32_t i = 0; i < round->count; ++i) {
    if (is_recorded(ids[i].id)) {
      tell(round->identities[i], ids[i], ticks);
    }
  }
}

void gather(CodeIdentity* identity, void* argument) {
  auto* round = static_cast<Round*>(argument);
  if (round->count < sizeof(round->identities) / sizeof(round->identities[0]) &&
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
        if (identity->code != nullptr && identity->switched_off &&
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
  g_budget = {};
  if (!session_option(kOptionBudget)) {
    return;
  }
  g_budget.on = true;
  if (!has_monitoring(g_python.minor)) {
    return;  // it is told once there is a process to speak of
  }
  g_budget.wished = static_cast<unsigned char*>(map_wiped_pages(kIdBytes));
  g_budget.told = static_cast<unsigned char*>(map_wiped_pages(kIdBytes));
  g_budget.on = g_budget.wished != nullptr && g_budget.told != nullptr && start_open_frames();
}

bool budget_on() { return g_budget.on; }

void heed_budget(tracer::ThreadState* thread, EventKind kind, uint32_t id) {
  if (!g_budget.on) {
    return;
  }
  if (!has_monitoring(g_python.minor)) {
    leave_it_alone("Python 3.12 or later is needed");
    return;
  }
  if (g_budget.any_off && runtime_root()->switched_off_inherited == 0) {
    inherit(thread);
  }
  const tracer::Arena& arena = tracer::g_engine.arena;
  const uint32_t there_are = load_acquire(&arena.control->switched_off);
  const uint32_t end = there_are < kMaxSwitchedOff ? there_are : kMaxSwitchedOff;
  ThreadPart* const part = part_of(thread);
  if (part->switched_off_seen >= end) {
    return;
  }
  const KeepErrno keep_errno;
  const PendingException pending;
  const PyThread* const state = current_thread_state();
  if (state == nullptr || g_python.PyEval_GetFrame() == nullptr) {
    return;  // another time
  }
  const uint32_t from = runtime_root()->switched_off_from;
  bool any = false;
  for (uint32_t i = part->switched_off_seen > from ? part->switched_off_seen : from; i < end; ++i) {
    const uint32_t wished = load_relaxed(&arena.switched_off[i].id);
    if (load_relaxed(&arena.switched_off[i].slot) == tracer::g_engine.root->process &&
        wished <= kMaxNameId) {
      set_bit(g_budget.wished, wished);
      any = true;
    }
  }
  part->switched_off_seen = end;
  if (any && !g_budget.frames_are_known) {
    g_budget.frames_are_known = chain_is_as_expected(state);
    if (!g_budget.frames_are_known) {
      leave_it_alone("this interpreter's frames are not laid out as expected");
      return;
    }
  }
  Round round = {};
  round.interpreter = static_cast<int32_t>(interpreter_id(current_interpreter()));
  while (any) {
    round.count = 0;
    visit_identities(gather, &round);
    if (round.count == 0) {
      break;
    }
    switch_off(&round, kind, id);
  }
}

void heed_budget_anew(CodeIdentity* identity) {
  const bool inherited = identity->switched_off && identity->ids.id >= kFirstNameId;
  if (g_budget.wished == nullptr || (!inherited && !is_to_be_heeded(*identity))) {
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
