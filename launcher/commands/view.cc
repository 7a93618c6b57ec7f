// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/view.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/commands/show.h"
#include "launcher/commands/trace_processor.h"
#include "launcher/parent/signals.h"
#include "launcher/values.h"

namespace vtn::launcher {

namespace {

constexpr int kUsageError = 2;
constexpr uint64_t kMostPort = 65535;
constexpr uint64_t kMostTimeoutS = 1'000'000;

}  // namespace

int run_view(const CommandWords& words) {
  ShowRequest request;
  request.path = words.names[0];
  const auto port = read_number(words.has("port") ? words.value("port") : "0", 0, kMostPort);
  const auto timeout_s =
      read_number(words.has("timeout") ? words.value("timeout") : std::to_string(kOnceTimeoutS),
                  1,
                  kMostTimeoutS);
  if (!port || !timeout_s) {
    log_error(
        "--%s %s", port ? "timeout" : "port", (port ? timeout_s : port).error().message.c_str());
    return kUsageError;
  }
  request.port = static_cast<uint16_t>(*port);
  request.perfetto = words.has("perfetto");
  request.ui_folder = words.value("ui_dir");
  if (!request.ui_folder.empty() &&
      access((request.ui_folder + "/index.html").c_str(), R_OK) != 0) {
    log_error("--ui_dir %s: there is no index.html in it", request.ui_folder.c_str());
    return kUsageError;
  }
  const bool by_processor = words.has("use_external_processor") || words.has("trace_processor");
  for (const char* const other : {"once", "timeout"}) {
    if (by_processor && words.has(other)) {
      log_error("--%s and --use_external_processor exclude each other: it ends by Ctrl-C", other);
      return kUsageError;
    }
  }
  request.has_browser = !words.has("server_only");
  request.once = words.has("once");
  request.idle_ms = request.once || words.has("timeout") ? static_cast<int>(*timeout_s) * 1000 : -1;
  request.say = [](const std::string& line) { (void)write_all(STDOUT_FILENO, line + "\n"); };
  request.end = [](int signal) { end_as(signal); };
  return by_processor ? show_by_processor(request, words.value("trace_processor")) : show(request);
}

}  // namespace vtn::launcher
