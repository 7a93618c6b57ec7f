// SPDX-License-Identifier: Apache-2.0
//
// A Perfetto trace (.pftrace): track events, whoever wrote them: slices, instants and counters of
// tracks. In one of ours the processes are told of as well. Other packets are passed over.
#pragma once

#include "importer/byte_source.h"
#include "importer/facts.h"
#include "importer/intake.h"

namespace vtn::importer {

// `who` made it, where it says so. `partial`: what is there in front of a place that is damaged.
Status read_perfetto_trace(
    ByteSource& source, Intake& intake, Facts& facts, std::string& who, bool partial);

}  // namespace vtn::importer
