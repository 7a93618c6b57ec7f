// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/info.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/recordings.h"
#include "report/summary/info.h"

namespace vtn::launcher {

int run_info(const CommandWords& words) {
  const auto recording = open_recording(words.names[0], temporary_folder(), true);
  if (!recording) {
    log_error("%s", recording.error().message.c_str());
    return 1;
  }
  const auto text = report::info_text(**recording);
  if (!text) {
    log_error("%s", text.error().message.c_str());
    return 1;
  }
  return write_all(STDOUT_FILENO, *text) ? 0 : 1;
}

}  // namespace vtn::launcher
