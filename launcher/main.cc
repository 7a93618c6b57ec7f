// SPDX-License-Identifier: Apache-2.0
//
// viztracer-native: from the command line to the supervisor.
#include <string>
#include <vector>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/collector.h"
#include "launcher/install.h"
#include "launcher/nested.h"
#include "launcher/options.h"
#include "launcher/outputs.h"
#include "launcher/parent/keep_pid.h"
#include "launcher/parent/signals.h"
#include "launcher/parent/supervisor.h"
#include "launcher/parent/worker.h"
#include "launcher/target/target.h"
#include "session/session.h"

extern char** environ;

namespace vtn::launcher {

namespace {

constexpr int kUsageError = 2;
constexpr int kOtherError = 1;

int report_error(const Error& error, int status) {
  log_error("%s", error.message.c_str());
  return status;
}

int print(const std::string& text) { return write_all(STDOUT_FILENO, text) ? 0 : kOtherError; }

// As a shell would have to be given it.
std::string quoted(const std::vector<std::string>& words) {
  constexpr char kPlain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  std::string line;
  for (const std::string& word : words) {
    line += line.empty() ? "" : " ";
    if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char letter : word) {
      line += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    }
    line += '\'';
  }
  return line;
}

// --convert and --recover: no program, only a report, in a worker that a signal lets tidy up.
int run_report_only(const Options& options) {
  auto outputs = choose_outputs(options, time(nullptr), getpid());
  if (!outputs) {
    return report_error(outputs.error(), kUsageError);
  }
  if (Status prepared = prepare_outputs(options, *outputs); !prepared) {
    return report_error(prepared.error(), kOtherError);
  }
  const std::string& source = options.convert.empty() ? options.recover : options.convert;
  if (access(source.c_str(), R_OK) != 0) {
    return report_error(fail_errno("cannot read " + source).value(), kOtherError);
  }
  if (!options.recover.empty() && access((source + "/" + kControlFileName).c_str(), F_OK) == 0 &&
      session::session_is_live(source)) {
    log_error("cannot recover %s: its run has not ended", source.c_str());
    return kOtherError;
  }
  (void)take_over_signals();
  auto worker = start_worker([&] {
    if (!options.convert.empty()) {
      return convert_file({source, *outputs, options.quiet, options.verbose, options.python_only});
    }
    RecoveryRequest request;
    request.source = source;
    request.outputs = *outputs;
    request.quiet = options.quiet;
    request.verbose = options.verbose;
    request.keep_raw = options.keep_raw;
    request.python_only = options.python_only;
    return run_recovery(request);
  });
  if (!worker) {
    return report_error(worker.error(), kOtherError);
  }
  const ReportWait wait = wait_for_report(*worker, "");
  if (wait.given_up) {
    end_as(wait.signal);
  }
  if (wait.killed) {
    log_error("writing the report was killed; %s is as it was", source.c_str());
  }
  return wait.complete ? 0 : kOtherError;
}

// What must be there for tracing. On trouble the program runs all the same: `reason` says why not.
struct Tracing {
  InstalledFiles files;
  session::Session session;
  bool ready = false;
};

Tracing prepare_tracing(const Options& options,
                        const Launch& launch,
                        const std::vector<OutputSpec>& outputs,
                        std::string& reason) {
  Tracing tracing;
  reason = launch.untraced_reason;
  if (!reason.empty()) {
    return tracing;
  }
  auto files = find_installed_files();
  if (!files) {
    reason = files.error().message;
    return tracing;
  }
  tracing.files = std::move(*files);
  session::SessionRequest request;
  request.output_folder = folder_of(outputs[0].path);
  request.shim_path = tracing.files.shim;
  request.exclude = options.excluded_processes;
  request.options = (options.ignore_c_function ? uint32_t{kOptionIgnoreCFunctions} : 0) |
                    (options.ignore_multiprocess ? uint32_t{kOptionOnlyProgram} : 0);
  auto session = session::create_session(request);
  if (!session) {
    reason = session.error().message;
    return tracing;
  }
  tracing.session = std::move(*session);
  tracing.ready = true;
  return tracing;
}

Command program_command(const Launch& launch, const Tracing& tracing) {
  Command image;
  image.file = launch.file;
  image.argv = launch.argv;
  Environment environment = launch.environment;
  if (tracing.ready) {
    const auto users_own = environment.get("LD_PRELOAD");
    environment.set(
        "LD_PRELOAD",
        preload_value(users_own ? &*users_own : nullptr, tracing.session.file(kShimLinkName)));
    if (!launch.libpython.empty() && !tracing.files.embed_host.empty()) {
      image.file = tracing.files.embed_host;
      environment.set("VIZTRACER_NATIVE_HOST", launch.libpython + "\n" + launch.file);
    }
  }
  image.environment = environment.entries();
  return image;
}

std::string current_folder() {
  char path[PATH_MAX];
  return getcwd(path, sizeof(path)) != nullptr ? path : "";
}

int status_of_launch_error(const Error& error) {
  return error.code == ENOENT ? 127 : error.code == EACCES ? 126 : kOtherError;
}

// In a process tree that is recorded already: becomes the program, which the outer run records.
int run_joined(Options options) {
  if (!options.quiet) {
    log_info("%s", joined_line(options).c_str());
  }
  options.host = HostChoice::kExec;
  auto launch = plan_launch(options, current_folder(), Environment::copy_of(environ));
  if (!launch) {
    return report_error(launch.error(), status_of_launch_error(launch.error()));
  }
  const Error error = exec_program({launch->file, launch->argv, launch->environment.entries()},
                                   take_over_signals());
  log_error("%s", error.message.c_str());
  end_as(status_of_failed_start(error));
}

int run_program(const Options& options, const std::string& command_line) {
  auto outputs = choose_outputs(options, time(nullptr), getpid());
  if (!outputs) {
    return report_error(outputs.error(), kUsageError);
  }
  auto launch = plan_launch(options, current_folder(), Environment::copy_of(environ));
  if (!launch) {
    return report_error(launch.error(), status_of_launch_error(launch.error()));
  }
  if (Status prepared = prepare_outputs(options, *outputs); !prepared) {
    return report_error(prepared.error(), kOtherError);
  }
  SupervisorRequest request;
  request.signals = take_over_signals();
  if (!options.quiet) {
    request.leftovers = session::stale_sessions();
  }
  std::string reason;
  const Tracing tracing = prepare_tracing(options, *launch, *outputs, reason);
  request.program = program_command(*launch, tracing);
  request.session = tracing.ready ? &tracing.session : nullptr;
  request.collector.outputs = std::move(*outputs);
  request.collector.quiet = options.quiet;
  request.collector.verbose = options.verbose;
  request.collector.keep_raw = options.keep_raw;
  request.collector.python_only = options.python_only;
  request.collector.wait_children_ms = options.wait_children_ms;
  request.collector.command_line = command_line;
  if (!tracing.ready) {
    request.last_line = "the program ran untraced, there is no report: " + reason;
  }
  if (options.keep_pid && getpid() == 1) {
    log_warning(
        "--keep_pid is not possible for the first process of a container, with which all end");
  } else if (options.keep_pid) {
    end_as(run_keeping_pid(request));
  }
  end_as(supervise(request));
}

int run(const std::vector<std::string>& arguments) {
  auto options = parse_options(arguments);
  if (!options) {
    return report_error(options.error(), kUsageError);
  }
  if (options->quiet) {
    set_log_level(LogLevel::kError);
  } else if (options->verbose >= 2) {
    set_log_level(LogLevel::kDebug);
  }
  if (options->version) {
    return print("viztracer-native " VTN_VERSION "\n");
  }
  const bool report_only = !options->convert.empty() || !options->recover.empty();
  if (options->help || (options->target.empty() && !report_only)) {
    return print(help_text());
  }
  if (report_only) {
    if (!options->target.empty() || (!options->convert.empty() && !options->recover.empty())) {
      log_error("--convert, --recover and a program to run exclude each other");
      return kUsageError;
    }
    return run_report_only(*options);
  }
  if (!outer_session().empty()) {
    return run_joined(*options);
  }
  return run_program(*options, quoted(arguments));
}

}  // namespace

}  // namespace vtn::launcher

int main(int argc, char** argv) {
  vtn::init_log();
  return vtn::launcher::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
