// SPDX-License-Identifier: Apache-2.0
//
// A flame graph as one SVG file, for any browser and without anything else. The run is at the top,
// below it are processes, their threads, and what was called by what. A frame is as wide as its
// time, and frames of one caller stand in the order in which they were first called. Each has a
// title that says its times and calls; "Search" marks those whose name matches a regular
// expression, and says how much of the time they have.
//
// What is narrower than kLeastWidth is not drawn: the picture says how many frames that are.
#pragma once

#include "report/formats.h"

namespace vtn::report {

inline constexpr double kPictureWidth = 1200;  // all in pixels, as long as nobody zooms
inline constexpr double kLeastWidth = 0.1;

Status write_flame_graph(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report
