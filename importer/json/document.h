// SPDX-License-Identifier: Apache-2.0
//
// A trace in Chrome's JSON: an array of events, whose end may be missing, or an object with them
// and with what VizTracer and we put beside them.
#pragma once

#include "importer/byte_source.h"
#include "importer/facts.h"
#include "importer/intake.h"

namespace vtn::importer {

// `who` made it: "VizTracer 1.1.1", "viztracer-native 0.1.0"; empty: it does not say. `partial`:
// take what is there in front of a place where it makes no sense.
Status read_json_trace(
    ByteSource& source, Intake& intake, Facts& facts, std::string& who, bool partial = false);

}  // namespace vtn::importer
