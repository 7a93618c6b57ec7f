// SPDX-License-Identifier: Apache-2.0
#include "launcher/commands/show.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "launcher/commands/browser.h"
#include "launcher/commands/scratch_folder.h"
#include "launcher/parent/end_watch.h"
#include "launcher/progress_bar.h"
#include "launcher/recordings.h"
#include "report/formats.h"
#include "session/session.h"
#include "viewer/server/viewer.h"

namespace vtn::launcher {

namespace {

constexpr int kOtherError = 1;

int report_error(const Error& error) {
  log_error("%s", error.message.c_str());
  return kOtherError;
}

std::string cache_folder() {
  const char* const cache = getenv("XDG_CACHE_HOME");
  const char* const home = getenv("HOME");
  return cache != nullptr && cache[0] == '/' ? std::string(cache) + "/viztracer-native"
         : home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/viztracer-native"
                                             : std::string();
}

// A report that is not there yet: what its run has recorded until now.
std::string recorded_so_far(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) {
    return path;
  }
  const std::string spool = session::spool_of_running(path);
  return spool.empty() ? path : spool;
}

// For as long as it lives.
report::Progress progress_on_terminal(const std::string& path) {
  return [bar = std::make_shared<ProgressBar>("making a page of " + name_of(path))](
             uint64_t done, uint64_t total) {
    bar->show(done, total);
    return true;
  };
}

}  // namespace

bool is_shown_format(const std::string& path) {
  if (path.ends_with(".html")) {
    return true;  // as it is, whoever made it
  }
  bool gzip = false;
  const report::Format* const format = report::format_of_name(path, gzip);
  return format != nullptr && format->has_each_call;
}

bool can_be_viewed(const std::string& word) {
  struct stat info = {};
  if (stat(word.c_str(), &info) != 0) {
    return is_shown_format(word);  // it says so itself that it is missing
  }
  return S_ISDIR(info.st_mode) || (S_ISREG(info.st_mode) && is_shown_format(word)) ||
         names_recording(word);
}

Result<std::string> viewable_path(const std::string& named) {
  VTN_ASSIGN(std::string path, absolute_path(named));
  while (path.size() > 1 && path.ends_with('/')) {
    path.pop_back();
  }
  const std::string file = recorded_so_far(path);
  if (access(file.c_str(), R_OK) != 0) {
    return fail_errno("cannot read " + named);
  }
  if (!can_be_viewed(path) && !names_recording(file)) {
    return fail(
        fmt::format("cannot show {}: it is no recording and no report with calls in it ({})",
                    named,
                    ".vtn, .html, .json, .pftrace"));
  }
  return path;
}

int show(const ShowRequest& request) {
  auto path = viewable_path(request.path);
  if (!path) {
    return report_error(path.error());
  }
  if (const std::string spool = session::spool_of_running(*path);
      !spool.empty() && recorded_so_far(*path) != spool) {
    log_info("a run that goes on will replace %s; view %s shows what it has recorded so far",
             path->c_str(),
             spool.c_str());
  }
  // Whoever reads what is said may go.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  auto scratch = ScratchFolder::make();
  if (!scratch) {
    return report_error(scratch.error());
  }
  const auto watch = EndWatch::start([&](int signal) {
    scratch->remove();
    request.end(signal);
  });
  if (!watch) {
    return report_error(watch.error());
  }
  const auto key = viewer::make_key();
  if (!key) {
    return report_error(key.error());
  }
  viewer::ViewSettings settings;
  settings.path = std::move(*path);
  settings.perfetto = request.perfetto || !request.ui_folder.empty();
  settings.ui_folder = request.ui_folder;
  settings.shows = is_shown_format;
  settings.pages.cache_folder = cache_folder();
  settings.pages.scratch_folder = scratch->path();
  settings.pages.stays = !request.once;
  settings.pages.find = recorded_so_far;
  settings.pages.making = progress_on_terminal;
  settings.pages.open = [&](const std::string& file) {
    return open_recording(file, scratch->path(), true);
  };
  viewer::Viewer viewer(std::move(settings), *key);
  viewer::HttpServer* running = nullptr;
  auto server =
      viewer::HttpServer::listen(request.port, [&](const viewer::HttpRequest& of_browser) {
        viewer::HttpAnswer answer = viewer.answer(of_browser);
        if (request.once && viewer.is_served()) {
          running->stop();
        }
        return answer;
      });
  if (!server) {
    return report_error(server.error());
  }
  running = &*server;
  if (const Status prepared = viewer.prepare(); !prepared) {
    return report_error(prepared.error());
  }
  lead_to(fmt::format("http://127.0.0.1:{}{}", server->port(), viewer.first_path()),
          {server->port()},
          request.has_browser,
          request.say);
  request.say(request.once
                  ? fmt::format("ends once it has been fetched, or when nobody asks for {} s",
                                request.idle_ms / 1000)
                  : "Ctrl-C ends it");
  // Without a terminal of its own ssh sends no signal when it ends.
  const bool ends_with_ssh = came_by_ssh() && isatty(STDOUT_FILENO) == 0;
  const Status status = server->serve(request.idle_ms, ends_with_ssh ? STDOUT_FILENO : -1);
  return status ? 0 : report_error(status.error());
}

}  // namespace vtn::launcher
