// SPDX-License-Identifier: Apache-2.0
//
// The handlers of monitoring.cc, as monitoring_tool.cc subscribes them.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

struct Subscription {
  const char* event;
  bool of_c_functions;
  bool discovers;  // code is met by it: asked for from the start, where filters hide functions
  PyVectorcall plain;
  PyVectorcall filtering;  // where filters hide functions
  // For lines of callers and values, whether there are filters or not; null: as without.
  PyVectorcall with_notes = nullptr;
  bool of_values_alone = false;  // the one with notes knows nothing of lines
};

inline constexpr int kSubscriptionCount = 9;
extern const Subscription kSubscriptions[kSubscriptionCount];

// sys.monitoring.DISABLE, what a handler answers where it wants no more events of that place. Set
// before the first event.
extern PyObject* g_switch_off;

}  // namespace vtn::runtime
