// SPDX-License-Identifier: Apache-2.0
//
// The handlers of monitoring.cc, as monitoring_tool.cc subscribes them.
#pragma once

#include <stdint.h>

#include "runtime/python/python_api.h"

namespace vtn::runtime {

// What an event is asked for.
enum class EventOf : uint8_t { kCalls, kCFunctions, kExceptions };
// What the handler with notes is for.
enum class NotesOf : uint8_t { kLinesAndValues, kValues, kExceptions };

struct Subscription {
  const char* event;
  EventOf of;
  bool discovers;  // code is met by it: asked for from the start, where filters hide functions
  PyVectorcall plain;
  PyVectorcall filtering;  // where filters hide functions
  // Whether there are filters or not; null: as without notes.
  PyVectorcall with_notes = nullptr;
  NotesOf notes = NotesOf::kLinesAndValues;
};

inline constexpr int kSubscriptionCount = 12;
extern const Subscription kSubscriptions[kSubscriptionCount];

// sys.monitoring.DISABLE, what a handler answers where it wants no more events of that place. Set
// before the first event.
extern PyObject* g_switch_off;

}  // namespace vtn::runtime
