// SPDX-License-Identifier: Apache-2.0
//
// "viztracer_native" of a JSON report of ours: the run, its processes, rows that belong together.
#pragma once

#include <vector>

#include "importer/facts.h"
#include "importer/intake.h"
#include "importer/json/events.h"
#include "importer/json/value.h"

namespace vtn::importer {

// `drawn` says which threads started processes.
void read_ledger(const JsonValue& ours,
                 const std::vector<JsonEvents::Drawn>& drawn,
                 const Intake& intake,
                 Facts& facts);

}  // namespace vtn::importer
