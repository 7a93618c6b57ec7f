// SPDX-License-Identifier: Apache-2.0
//
// The JSON that VizTracer writes: json/events.h has its calls, json/tree.h its processes.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_json(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report
