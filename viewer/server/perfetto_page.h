// SPDX-License-Identifier: Apache-2.0
//
// A page that hands a trace to Perfetto's UI: by the messages that its documentation describes
// (https://perfetto.dev/docs/visualization/deep-linking-to-perfetto-ui). The UI answers PONG once
// it is ready. Nothing goes to a server elsewhere: the trace is passed from one window to the
// other.
#pragma once

#include <string>

#include <stdint.h>

namespace vtn::viewer {

// What stands behind the UI's address so that every group is open, which with more than one process
// none would be: it takes commands from there alone. A page of its is named, so that a UI that
// would look for a trace by itself, as VizTracer's does, does not. `processor_port`: where a
// trace_processor listens, if not where it is looked for by itself (0).
std::string perfetto_route(uint16_t processor_port);

// `ui`: the address of the UI. `inside`: it is shown within the page, being of the same origin;
// else in a window of its own, which browsers open at a click only. `title`: of the trace. Both
// texts are quoted here.
std::string perfetto_page(const std::string& ui, bool inside, const std::string& title);

}  // namespace vtn::viewer
