// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/vdb.h"

#include "base/file.h"
#include "base/log.h"
#include "debugger/conversation.h"
#include "launcher/recordings.h"

namespace vtn::launcher {

namespace {

int report_error(const Error& error) {
  log_error("%s", error.message.c_str());
  return 1;
}

}  // namespace

int run_vdb(const CommandWords& words) {
  auto spool = open_recording(words.names[0], temporary_folder(), true);
  if (!spool) {
    return report_error(spool.error());
  }
  auto recording = debugger::Recording::of(std::move(*spool));
  if (!recording) {
    return report_error(recording.error());
  }
  debugger::ConversationSettings settings;
  settings.batch = words.has("batch");
  settings.strict = words.has("strict");
  settings.extra_newline = words.has("extra_newline");
  const Status status = debugger::converse(**recording, settings);
  return status ? 0 : report_error(status.error());
}

}  // namespace vtn::launcher
