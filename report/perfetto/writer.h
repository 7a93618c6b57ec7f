// SPDX-License-Identifier: Apache-2.0
//
// Perfetto's protobuf: perfetto/events.h has its calls, perfetto/tree.h its processes.
#pragma once

#include "report/formats.h"

namespace vtn::report {

Status write_perfetto(const spool::Reader& spool, const WriteRequest& request);

}  // namespace vtn::report
