// SPDX-License-Identifier: Apache-2.0
#include "launcher/report_only.h"

#include <utility>

#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "collector/recovery.h"
#include "launcher/open_report.h"
#include "launcher/outputs.h"
#include "launcher/parent/signals.h"
#include "launcher/parent/worker.h"
#include "launcher/reports.h"
#include "session/session.h"

namespace vtn::launcher {

namespace {

constexpr int kOtherError = 1;

int report_error(const Error& error, int status) {
  log_error("%s", error.message.c_str());
  return status;
}

}  // namespace

int run_report_only(Request request, const std::string& command_line) {
  if (Status ready = make_outputs_ready(request); !ready) {
    return report_error(ready.error(), ready.error().code);
  }
  const Source& source = request.source;
  for (const std::string& path : source.paths) {
    if (access(path.c_str(), R_OK) != 0) {
      return report_error(fail_errno("cannot read " + path).value(), kOtherError);
    }
  }
  const std::string& first = source.paths.front();
  const bool recovers = source.work == Work::kRecover;
  if (recovers && access((first + "/" + kControlFileName).c_str(), F_OK) == 0 &&
      session::session_is_live(first)) {
    log_error("cannot recover %s: its run has not ended", first.c_str());
    return kOtherError;
  }
  (void)take_over_signals();
  auto worker = start_worker([&] {
    if (!recovers) {
      return convert_and_report(source, request.report);
    }
    collector::RecoveryRequest recovery;
    recovery.source = first;
    recovery.output = request.report.outputs.front().path;
    recovery.command_line = command_line;
    recovery.version = VTN_VERSION;
    return recover_and_report(recovery, request.report);
  });
  if (!worker) {
    return report_error(worker.error(), kOtherError);
  }
  const ReportWait wait = wait_for_report(*worker, "");
  if (wait.given_up) {
    end_as(wait.signal);
  }
  if (wait.killed) {
    log_error("writing the report was killed; %s is as it was", first.c_str());
  }
  if (wait.complete && request.open) {
    open_report(request.report.outputs);
  }
  return wait.complete ? 0 : kOtherError;
}

}  // namespace vtn::launcher
