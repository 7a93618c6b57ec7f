// SPDX-License-Identifier: Apache-2.0
//
// `view --use_external_processor`: Perfetto's own trace_processor, a native program, holds the
// trace, and its UI asks that instead of reading the trace in the browser: for what is too large
// there. It is the user's; nothing is downloaded by us.
#pragma once

#include <string>

#include <stdint.h>

#include "launcher/commands/show.h"

namespace vtn::launcher {

// Where Perfetto's UI looks for one by itself.
inline constexpr uint16_t kProcessorPort = 9001;

// `program`: its name or path; empty: what VIZTRACER_NATIVE_TRACE_PROCESSOR says, else
// trace_processor_shell or trace_processor on PATH. The request's port is the processor's (0: the
// one above). Returns when it has ended, by itself only in trouble: an exit status. Errors are
// said.
int show_by_processor(const ShowRequest& request, const std::string& program);

}  // namespace vtn::launcher
