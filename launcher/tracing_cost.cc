// SPDX-License-Identifier: Apache-2.0
#include "launcher/tracing_cost.h"

#include <time.h>

#include "abi/names_abi.h"
#include "tracer/clock.h"

namespace vtn::launcher {

namespace {

constexpr int kClockReads = 2000;
constexpr double kHandlerNs = 2.0;  // of a handler, but for its clock read
constexpr double kEventsPerCall = 2.0;

double monotonic_ns() {
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double clock_read_ns(ClockKind clock) {
  const double start_ns = monotonic_ns();
  uint64_t seen = 0;
  for (int i = 0; i < kClockReads; ++i) {
    seen |= tracer::read_ticks(clock);
  }
  __asm__ volatile("" : : "r"(seen));
  return (monotonic_ns() - start_ns) / kClockReads;
}

// What CPython takes to call a callback that returns at once, per event of a call.
double callback_ns(const spool::ImageInfo& image) {
  switch (static_cast<Backend>(image.backend)) {
    case Backend::kEvalFrame:
      return 5.0;
    case Backend::kProfile:
      return ((image.python_version >> 16) & 0xff) >= 11 ? 40.0 : 14.0;
    case Backend::kMonitoring:
      return 20.0;
  }
  return 0.0;
}

}  // namespace

double tracing_cost_seconds(const spool::Model& model) {
  const double handler_ns =
      clock_read_ns(static_cast<ClockKind>(model.header.clock_kind)) + kHandlerNs;
  double cost_ns = 0;
  for (const spool::ThreadInfo& thread : model.threads) {
    if (thread.image < model.images.size()) {
      cost_ns += static_cast<double>(thread.calls) * kEventsPerCall *
                 (callback_ns(model.images[thread.image]) + handler_ns);
    }
  }
  return cost_ns * 1e-9;
}

}  // namespace vtn::launcher
