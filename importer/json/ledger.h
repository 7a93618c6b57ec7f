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

// {"status":3}, {"signal":9} or null, as waitpid(2) has it. False: it is not known.
bool read_exit(const JsonValue& exit, int32_t& wait_status);
// "3.12.1" as PY_VERSION_HEX; 0: it is none.
uint32_t read_python_version(const std::string& text);

// `drawn` says which threads started processes.
void read_ledger(const JsonValue& ours,
                 const std::vector<JsonEvents::Drawn>& drawn,
                 const Intake& intake,
                 Facts& facts);

}  // namespace vtn::importer
