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

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "base/processes.h"
#include "collector/collector.h"
#include "launcher/attach.h"
#include "launcher/attach_place.h"
#include "launcher/commands/command.h"
#include "launcher/commands/view.h"
#include "launcher/install.h"
#include "launcher/nested.h"
#include "launcher/open_report.h"
#include "launcher/options.h"
#include "launcher/outputs.h"
#include "launcher/parent/keep_pid.h"
#include "launcher/parent/program.h"
#include "launcher/parent/signals.h"
#include "launcher/parent/supervisor.h"
#include "launcher/rc_file.h"
#include "launcher/report_only.h"
#include "launcher/reports.h"
#include "launcher/target/target.h"
#include "launcher/values.h"
#include "session/session.h"

extern char** environ;

namespace vtn::launcher {

namespace {

constexpr int kUsageError = 2;
constexpr int kOtherError = 1;
// The word that makes a session for a process that runs: the package says it (python/).
constexpr char kBeginWord[] = "--begin";

int report_error(const Error& error, int status) {
  log_error("%s", error.message.c_str());
  return status;
}

void set_verbosity(const Request& request) {
  if (request.quiet()) {
    set_log_level(LogLevel::kError);
  } else if (request.report.verbosity >= 2) {
    set_log_level(LogLevel::kDebug);
  }
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

// What must be there for tracing. On trouble the program runs all the same: `reason` says why not.
struct Tracing {
  InstalledFiles files;
  AttachPlace place;  // of what runs already
  session::Session session;
  bool ready = false;
};

Tracing prepare_tracing(const Request& request,
                        const Launch& launch,
                        const std::vector<std::string>& arguments,
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
  if (!launch.libpython.empty() && tracing.files.embed_host.empty()) {
    reason = "vtn-embed-host is missing; install viztracer-native again";
    return tracing;
  }
  session::SessionRequest wanted;
  wanted.output_folder = folder_of(request.report.outputs[0].path);
  wanted.shim_path = tracing.files.shim;
  wanted.settings = request.record;
  if (request.attach.pid != 0) {
    if (tracing.files.entry.empty()) {
      reason = std::string(kInstalledEntryName) + " is missing; install viztracer-native again";
      return tracing;
    }
    wanted.entry = tracing.files.entry;
    tracing.place = find_attach_place(static_cast<pid_t>(request.attach.pid), tracing.files);
    wanted.root = tracing.place.root;
    wanted.for_everybody = tracing.place.for_everybody;
  }
  wanted.arguments = arguments;
  for (const report::Output& output : request.report.outputs) {
    wanted.outputs.push_back(output.path);
  }
  if (!launch.libpython.empty()) {
    wanted.embed_host = tracing.files.embed_host;
    wanted.interpreter = launch.file;
    wanted.libpython = launch.libpython;
  }
  auto session = session::create_session(wanted);
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
    if (!launch.libpython.empty()) {
      image.file = tracing.files.embed_host;
    }
    if (launch.untraced != VTN_UNTRACED_NONE) {
      announce(tracing.session, launch.untraced, image);
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
  return error.code == 0 ? kOtherError : shell_status_of(error.code);
}

// In a process tree that is recorded already: becomes the program, which the outer run records.
int run_joined(Request request) {
  if (!request.quiet()) {
    log_info("%s", joined_line(request).c_str());
  }
  request.launch.host = HostChoice::kExec;
  request.launch.needs_monitoring.clear();  // no option of the kind has an effect here
  auto launch = plan_launch(request.launch, current_folder(), Environment::copy_of(environ));
  if (!launch) {
    return report_error(launch.error(), status_of_launch_error(launch.error()));
  }
  const Error error = exec_program({launch->file, launch->argv, launch->environment.entries()},
                                   take_over_signals());
  log_error("%s", error.message.c_str());
  end_as(status_of_failed_start(error));
}

// Whoever names a program that is not there, but a command, may have meant that.
std::string command_hint(const std::string& target) {
  return command_named(target) == nullptr
             ? ""
             : "; viztracer-native's own comes before all options, and takes a recording or a "
               "report that is there";
}

// `arguments`: the command line, as reports tell it.
CollectorJob collector_job(const Request& request, const std::vector<std::string>& arguments) {
  CollectorJob job;
  job.collect.settings = request.record;
  job.collect.output = request.report.outputs.front().path;
  job.collect.command_line = quoted(arguments);
  job.collect.version = VTN_VERSION;
  job.report = request.report;
  return job;
}

int run_program(Request request, const std::vector<std::string>& arguments) {
  auto launch = plan_launch(request.launch, current_folder(), Environment::copy_of(environ));
  if (!launch) {
    Error error = launch.error();
    error.message += command_hint(request.launch.target.front());
    return report_error(error, status_of_launch_error(error));
  }
  if (Status ready = make_outputs_ready(request); !ready) {
    return report_error(ready.error(), ready.error().code);
  }
  SupervisorRequest supervisor;
  supervisor.signals = take_over_signals();
  if (!request.quiet()) {
    supervisor.leftovers = session::stale_sessions();
  }
  std::string reason;
  Tracing tracing = prepare_tracing(request, *launch, arguments, reason);
  if (!tracing.ready && launch->file.empty()) {
    log_error("cannot run %s: %s", launch->libpython.c_str(), reason.c_str());
    return kOtherError;
  }
  supervisor.program = program_command(*launch, tracing);
  supervisor.session = tracing.ready ? &tracing.session : nullptr;
  supervisor.collector = collector_job(request, arguments);
  if (!tracing.ready) {
    supervisor.last_line = "the program ran untraced, there is no report: " + reason;
  }
  if (request.launch.keep_pid && getpid() == 1) {
    log_warning(
        "--keep_pid is not possible for the first process of a container, with which all end");
  } else if (request.launch.keep_pid) {
    supervisor.collector.by_exec = true;
    end_as(run_keeping_pid(supervisor));
  }
  const RunEnd end = supervise(supervisor);
  if (request.open && end.reported) {
    tracing = {};  // nobody needs its memory while the report is looked at
    if (end.told_to_end) {
      say_how_to_open(request.report.outputs);
    } else {
      open_report(request.report.outputs);
    }
  }
  end_as(end.wait_status);
}

// --attach: the session is for whom it is attached to.
int run_attached(Request request, const std::vector<std::string>& arguments) {
  if (request.attach.nothing) {
    log_info("there is nothing to uninstall: nothing that runs stays in a process");
    return 0;
  }
  if (Status possible = check_attach(request.attach); !possible) {
    return report_error(possible.error(), kOtherError);
  }
  if (Status ready = make_outputs_ready(request); !ready) {
    return report_error(ready.error(), ready.error().code);
  }
  (void)take_over_signals();
  std::string reason;
  Tracing tracing = prepare_tracing(request, Launch(), arguments, reason);
  if (!tracing.ready) {
    log_error("%s", reason.c_str());
    return kOtherError;
  }
  return run_attach(request.attach, tracing.session, collector_job(request, arguments));
}

// The session of a process that runs already and wants to be recorded from now on, or that somebody
// wants to be: PID OPTION... Says its folder on stdout when it can be entered, or why there is
// none: stderr stays open for as long as the process lives.
int run_begin(const std::vector<std::string>& words) {
  const auto refuse = [](const std::string& why) {
    (void)print("cannot record: " + why + "\n");
    return kOtherError;
  };
  const auto pid = read_number(words.size() > 1 ? words[1] : "", 1, INT_MAX);
  if (!pid) {
    return refuse(std::string(kBeginWord) + " is for the launcher itself");
  }
  const std::string executable = read_executable(static_cast<pid_t>(*pid));
  std::vector<std::string> arguments(words.begin() + 2, words.end());
  arguments.insert(arguments.end(), {"--", executable.empty() ? "python" : executable});
  auto request = parse_request(arguments);
  if (!request) {
    return refuse(request.error().message);
  }
  set_verbosity(*request);
  if (Status ready = make_outputs_ready(*request); !ready) {
    return refuse(ready.error().message);
  }
  SupervisorRequest supervisor;
  supervisor.signals = take_over_signals();
  std::string reason;
  Tracing tracing = prepare_tracing(*request, Launch(), arguments, reason);
  if (!tracing.ready) {
    return refuse(reason);
  }
  supervisor.session = &tracing.session;
  supervisor.collector = collector_job(*request, arguments);
  supervisor.collector.by_exec = true;
  if (Status begun = start_guardian_of(supervisor, static_cast<pid_t>(*pid)); !begun) {
    return refuse(begun.error().message);
  }
  return print(tracing.session.folder + "\n");
}

// What the settings file of a session says of the run that made it.
Result<Request> request_of_session(const session::Session& session,
                                   std::vector<std::string>& arguments) {
  VTN_ASSIGN(const std::string settings, read_file(session.file(session::kSettingsFileName)));
  VTN_ASSIGN(arguments, session::settings_with(settings, VTN_SETTING_ARGUMENT));
  VTN_ASSIGN(Request request, parse_request(arguments));
  VTN_ASSIGN(const std::vector<std::string> paths,
             session::settings_with(settings, VTN_SETTING_OUTPUT));
  for (const std::string& path : paths) {
    VTN_ASSIGN(report::Output output, output_named(path));
    request.report.outputs.push_back(std::move(output));
  }
  if (paths.empty()) {
    return fail("the settings of " + session.folder + " name no report");
  }
  return request;
}

// The collector of a session, begun by exec (CollectorJob::by_exec). Signals and standard files are
// as whoever began it has set them.
int run_collector(const std::string& folder,
                  const std::string& end_fd,
                  const std::string& ready_fd) {
  auto end = read_number(end_fd, 3, INT_MAX);
  auto ready = read_number(ready_fd, 3, INT_MAX);
  if (!end || !ready) {
    log_error("%s is for the launcher itself", kCollectWord);
    return kUsageError;
  }
  auto session = session::open_session(folder);
  if (!session) {
    return report_error(session.error(), kOtherError);
  }
  std::vector<std::string> arguments;
  auto request = request_of_session(*session, arguments);
  if (!request) {
    return report_error(request.error(), kOtherError);
  }
  CollectorJob job = collector_job(*request, arguments);
  job.collect.session = &*session;
  job.collect.end_fd = static_cast<int>(*end);
  job.collect.ready_fd = static_cast<int>(*ready);
  set_verbosity(*request);
  return record_and_report(job.collect, job.report);
}

// The command line and what a file adds to it (rc_file.h), which `request` then is. Whoever is part
// of a recorded tree has been told all by the run that records it.
Result<std::vector<std::string>> with_options_of_file(const std::vector<std::string>& typed,
                                                      Request& request) {
  if (typed.empty() || request.help || request.version || !outer_session().empty()) {
    return typed;
  }
  std::vector<std::string> given;
  for (const GivenOption& option : request.given) {
    given.emplace_back(option.name);
  }
  std::string note;
  VTN_ASSIGN(std::vector<std::string> arguments, with_rc_file(typed, request.rcfile, given, note));
  if (arguments.size() != typed.size()) {
    VTN_ASSIGN(request, parse_request(arguments));
  }
  if (!note.empty() && !request.quiet()) {
    log_info("%s", note.c_str());
  }
  return arguments;
}

int run(const std::vector<std::string>& typed) {
  if (typed.size() == 4 && typed[0] == kCollectWord) {
    return run_collector(typed[1], typed[2], typed[3]);
  }
  if (!typed.empty() && typed[0] == kBeginWord) {
    return run_begin(typed);
  }
  // `python -m viztracer_native` says which interpreter it is before all else: commands have none.
  const bool says_python = typed.size() > 2 && typed[0] == "--python";
  const std::vector<std::string> words(typed.begin() + (says_python ? 2 : 0), typed.end());
  if (const CommandRow* command = find_command(words); command != nullptr) {
    return run_command(*command, words);
  }
  auto request = parse_request(typed);
  if (!request) {
    return report_error(request.error(), kUsageError);
  }
  auto arguments = with_options_of_file(typed, *request);
  if (!arguments) {
    return report_error(arguments.error(), kUsageError);
  }
  set_verbosity(*request);
  if (request->version) {
    return print("viztracer-native " VTN_VERSION "\n");
  }
  const bool attaches = request->attach.pid != 0 || request->attach.nothing;
  const bool report_only = request->source.work != Work::kRun;
  if (request->help || (request->launch.target.empty() && !report_only && !attaches)) {
    return print(help_text());
  }
  if (attaches) {
    return run_attached(std::move(*request), *arguments);
  }
  if (report_only) {
    if (!request->launch.target.empty() || request->source.contradicts) {
      log_error("--%s makes reports of what was recorded: it excludes %s",
                request->source.option.c_str(),
                request->source.contradicts ? "other options that do" : "a program to run");
      return kUsageError;
    }
    return run_report_only(*request, quoted(*arguments));
  }
  if (!outer_session().empty()) {
    return run_joined(*request);
  }
  return run_program(*request, *arguments);
}

}  // namespace

}  // namespace vtn::launcher

int main(int argc, char** argv) {
  vtn::init_log();
  std::vector<std::string> typed(argv + (argc > 0 ? 1 : 0), argv + argc);
  // A link of that name shows files, and does nothing else.
  if (argc > 0 && vtn::name_of(argv[0]) == vtn::launcher::kVizviewer) {
    typed.insert(typed.begin(), vtn::launcher::kViewCommand);
    return vtn::launcher::run_command(*vtn::launcher::command_named(vtn::launcher::kViewCommand),
                                      typed);
  }
  return vtn::launcher::run(typed);
}
