// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/report.h"

#include <algorithm>
#include <iterator>

#include <errno.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/closest.h"
#include "launcher/last_lines.h"
#include "launcher/outputs.h"
#include "launcher/recordings.h"
#include "launcher/report_only.h"
#include "report/output_file.h"
#include "report/write_report.h"

namespace vtn::launcher {

namespace {

constexpr int kUsageError = 2;
constexpr int kOtherError = 1;

// What a terminal can show.
constexpr std::string_view kTexts[] = {
    ".txt", ".md", ".folded", ".summary.json", ".json", ".speedscope.json", ".svg"};

int report_error(const Error& error, int status) {
  log_error("%s", error.message.c_str());
  return status;
}

Status choose_format(const std::string& what, report::Output& output) {
  const std::string extension = what.starts_with('.') ? what : "." + what;
  output.format = report::format_of_name(extension, output.gzip);
  // An extension and nothing else: not "my.txt".
  if (output.format != nullptr &&
      extension == std::string(output.format->extension) + (output.gzip ? ".gz" : "")) {
    return {};
  }
  const std::string nearest = closest_match(extension, report::known_extensions());
  return fail(fmt::format("there is no report {}{}",
                          what,
                          nearest.empty() ? "; viztracer-native --help lists them"
                                          : "; did you mean " + nearest.substr(1) + "?"));
}

int print_report(const std::string& source, const report::Output& output) {
  const bool text =
      !output.gzip &&
      std::find(std::begin(kTexts), std::end(kTexts), output.format->extension) != std::end(kTexts);
  if (output.format->write == nullptr) {
    log_error("a recording is not printed: -o FILE%s", output.format->extension);
    return kUsageError;
  }
  if (!text && isatty(STDOUT_FILENO) != 0) {
    log_error("%s is not text: -o FILE", output.format->extension);
    return kUsageError;
  }
  const auto recording = open_recording(source, temporary_folder());
  if (!recording) {
    return report_error(recording.error(), kOtherError);
  }
  report::WriteRequest request;
  request.path = report::kStandardOutput;
  request.gzip = output.gzip;
  request.settings.verbosity = 0;
  request.settings.outputs = {output};
  report::Folding folding;
  request.folding = &folding;
  const Status written = report::write_report(**recording, *output.format, request);
  if (!written && written.error().code == EPIPE) {
    return kOtherError;  // whoever reads has seen enough
  }
  if (written && folding.below_ns != 0) {
    log_info("%s", folding_text(output.format->extension, folding).c_str());
  }
  return written ? 0 : report_error(written.error(), kOtherError);
}

}  // namespace

int run_report(const CommandWords& words) {
  report::Output output;
  if (const std::string path = words.value("output_file"); words.has("output_file")) {
    Request request;
    request.source.work = Work::kConvert;
    request.source.paths = {words.names[0]};
    if (words.names.size() < 2) {
      request.names.files = {path};
      return run_report_only(std::move(request), {});
    }
    if (Status chosen = choose_format(words.names[1], output); !chosen) {
      return report_error(chosen.error(), kUsageError);
    }
    auto absolute = absolute_path(path);
    if (!absolute) {
      return report_error(absolute.error(), kOtherError);
    }
    output.path = std::move(*absolute);
    request.report.outputs = {output};
    return run_report_only(std::move(request), {});
  }
  if (Status chosen = choose_format(words.names.size() < 2 ? "txt" : words.names[1], output);
      !chosen) {
    return report_error(chosen.error(), kUsageError);
  }
  return print_report(words.names[0], output);
}

}  // namespace vtn::launcher
