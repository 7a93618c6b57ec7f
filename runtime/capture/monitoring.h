// SPDX-License-Identifier: Apache-2.0
//
// The handlers of monitoring.cc, as monitoring_tool.cc subscribes them.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// What an event is asked for.
enum class EventOf : uint8_t {
  kCalls,
  kCFunctions,
  kExceptions,
  kInstructions,  // of single codes: ask_for_instructions()
};
// What the handler with notes is for.
enum class NotesOf : uint8_t { kLinesAndValues, kValues, kExceptions };

struct Subscription {
  const char* event;
  EventOf of;
  bool discovers;  // code is met by it: asked for from the start, where filters hide functions
  NotesOf notes;
  PyVectorcall plain;
  PyVectorcall filtering;  // where filters hide functions
  // Whether there are filters or not; null: as without notes.
  PyVectorcall with_notes = nullptr;
};

inline constexpr int kSubscriptionCount = 13;
extern const Subscription kSubscriptions[kSubscriptionCount];

// sys.monitoring.DISABLE, what a handler answers where it wants no more events of that place. Set
// before the first event.
extern PyObject* g_switch_off;

// INSTRUCTION events of this code from now on, until recording stops in this interpreter (and again
// where it begins anew, if the code is listed: variables/plans.h). False: refused. Needs the GIL;
// may leave an error set.
//
// Other tools keep theirs, and get them when they ask later. CPython notes who is to hear of each
// instruction only once two tools listen to the same event of a code, and then forgets who was
// there before (seen on 3.12.1 to 3.15, sys.settrace included). So a second tool of ours listens
// for a moment while we ask, and who was there asks again.
bool ask_for_instructions(PyObject* code);

}  // namespace vtn::runtime
