// SPDX-License-Identifier: Apache-2.0
//
// The handlers of monitoring.cc, as monitoring_tool.cc subscribes them.
#pragma once

#include "runtime/python/python_api.h"

namespace vtn::runtime {

struct Subscription {
  const char* event;
  PyVectorcall handler;
  bool of_c_functions;
  PyVectorcall handler_with_lines = nullptr;  // for --log_lines; null: the same
};

inline constexpr int kSubscriptionCount = 9;
extern const Subscription kSubscriptions[kSubscriptionCount];

}  // namespace vtn::runtime
