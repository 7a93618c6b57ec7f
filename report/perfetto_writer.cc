// SPDX-License-Identifier: Apache-2.0
#include "report/report_writer.h"
namespace vtn {
Status write_perfetto(const SpoolReader&, const ReportOptions&) { return fail("this build writes no Perfetto traces"); }
}
