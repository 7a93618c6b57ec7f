// SPDX-License-Identifier: Apache-2.0
#include "viewer/server/viewer.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <dirent.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include <fmt/format.h>

#include "base/file.h"
#include "base/utf8.h"
#include "report/text.h"
#include "viewer/server/perfetto_page.h"

namespace vtn::viewer {

namespace {

constexpr char kPerfettoAddress[] = "https://ui.perfetto.dev";
constexpr char kUiPrefix[] = "ui";
constexpr char kApart[] =
    "sandbox allow-scripts allow-downloads allow-modals allow-popups "
    "allow-popups-to-escape-sandbox";

bool is_folder(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Of a file in its address.
std::string encoded(const std::string& name) {
  std::string text;
  for (const char letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' ||
                       letter == '.' || letter == '~';
    text += plain ? std::string(1, letter) : fmt::format("%{:02X}", byte);
  }
  return text;
}

HttpAnswer elsewhere(const std::string& path) {
  HttpAnswer answer = plain_answer(302, path);
  answer.headers.emplace_back("Location", path);
  return answer;
}

std::string size_text(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes < 1000            ? fmt::format("{} B", bytes)
         : bytes < 1'000'000     ? fmt::format("{:.1f} kB", value / 1e3)
         : bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", value / 1e6)
                                 : fmt::format("{:.2f} GB", value / 1e9);
}

}  // namespace

Viewer::Viewer(ViewSettings settings, std::string key)
    : settings_(std::move(settings)), key_(std::move(key)), folder_(is_folder(settings_.path)) {}

std::string Viewer::first_path() const {
  const std::string root = "/" + key_ + "/";
  return folder_
             ? root
             : root + encoded(name_of(settings_.path)) + (settings_.perfetto ? "/perfetto" : "/");
}

Status Viewer::prepare() { return folder_ ? Status() : shown(name_of(settings_.path))->prepare(); }

bool Viewer::is_served() const {
  MutexLock lock(mutex_);
  return served_;
}

HttpAnswer Viewer::answer(const HttpRequest& request) {
  const std::string root = "/" + key_;
  std::string path = request.path;
  if (path == root) {
    return elsewhere(root + "/");
  }
  if (!path.starts_with(root + "/")) {
    return plain_answer(404, "There is nothing here.");
  }
  path.erase(0, root.size() + 1);
  if (path.empty()) {
    return folder_ ? listing() : elsewhere(first_path());
  }
  const size_t slash = path.find('/');
  if (slash == path.npos) {
    return elsewhere(root + "/" + encoded(path) + "/");
  }
  const std::string name = path.substr(0, slash);
  const std::string what = path.substr(slash + 1);
  return name == kUiPrefix && !settings_.ui_folder.empty() ? ui_file(what)
                                                           : of_file(name, what, request);
}

std::shared_ptr<ShownFile> Viewer::shown(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos) {
    return nullptr;
  }
  std::string path = settings_.path;
  if (folder_) {
    path += "/" + name;
    if (!settings_.shows(path)) {
      return nullptr;
    }
  } else if (name != name_of(settings_.path)) {
    return nullptr;
  }
  MutexLock lock(mutex_);
  std::shared_ptr<ShownFile>& file = files_[name];
  if (file == nullptr) {
    file = std::make_shared<ShownFile>(path, settings_.pages);
  }
  return file;
}

HttpAnswer Viewer::of_file(const std::string& name,
                           const std::string& what,
                           const HttpRequest& request) {
  const std::shared_ptr<ShownFile> file = shown(name);
  if (file == nullptr) {
    return plain_answer(404, "There is no such file, or it is none that can be shown.");
  }
  const bool last = what == (settings_.perfetto ? "trace" : "");
  HttpAnswer answer = what.empty()         ? file->page()
                      : what == "rows"     ? file->rows(request)
                      : what == "state"    ? file->state(request)
                      : what == "trace"    ? file->trace()
                      : what == "perfetto" ? perfetto_page(name)
                                           : plain_answer(404, "There is nothing here.");
  if (folder_ && what.empty() && name.ends_with(".html")) {
    // Its scripts are whoever's: they are not to read what else lies in the folder.
    answer.headers.emplace_back("Content-Security-Policy", kApart);
  }
  if (last && answer.status == 200 && !request.head) {
    MutexLock lock(mutex_);
    served_ = true;
  }
  return answer;
}

HttpAnswer Viewer::perfetto_page(const std::string& name) const {
  HttpAnswer answer;
  answer.body = viewer::perfetto_page(settings_.ui_folder.empty()
                                          ? kPerfettoAddress
                                          : "../" + std::string(kUiPrefix) + "/index.html",
                                      !settings_.ui_folder.empty(),
                                      valid_utf8(name));
  return answer;
}

HttpAnswer Viewer::ui_file(const std::string& name) const {
  if (("/" + name + "/").find("/../") != std::string::npos) {
    return plain_answer(404, "There is nothing here.");
  }
  return file_answer(settings_.ui_folder + "/" + (name.empty() ? "index.html" : name));
}

HttpAnswer Viewer::listing() {
  struct Row {
    std::string name;
    int64_t changed_s;
    uint64_t bytes;
  };
  std::vector<Row> rows;
  DIR* const folder = opendir(settings_.path.c_str());
  if (folder == nullptr) {
    return plain_answer(500, fail_errno("cannot list " + settings_.path).value().message);
  }
  while (const dirent* const entry = readdir(folder)) {
    struct stat info = {};
    const std::string path = settings_.path + "/" + entry->d_name;
    if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && settings_.shows(path)) {
      rows.push_back({entry->d_name, info.st_mtim.tv_sec, static_cast<uint64_t>(info.st_size)});
    }
  }
  (void)closedir(folder);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(b.changed_s, a.name) < std::tie(a.changed_s, b.name);
  });
  const std::string title = report::html_text(valid_utf8(settings_.path));
  HttpAnswer answer;
  answer.body = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n"
      "<style>:root{{color-scheme:dark light}}body{{font:15px system-ui,sans-serif;margin:2rem}}"
      "td{{padding:.2rem 1.5rem .2rem 0}}td+td{{text-align:right}}</style></head><body>\n"
      "<h1>{0}</h1>\n<table>\n",
      title);
  for (const Row& row : rows) {
    char when[32] = "";
    tm parts = {};
    const time_t changed_s = row.changed_s;
    if (localtime_r(&changed_s, &parts) != nullptr) {
      (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &parts);
    }
    answer.body += fmt::format("<tr><td><a href=\"{}/{}\">{}</a></td><td>{}</td><td>{}</td></tr>\n",
                               encoded(row.name),
                               settings_.perfetto ? "perfetto" : "",
                               report::html_text(valid_utf8(row.name)),
                               when,
                               size_text(row.bytes));
  }
  answer.body += rows.empty() ? "</table><p>No file that can be shown.</p></body></html>\n"
                              : "</table></body></html>\n";
  return answer;
}

Result<std::string> make_key() {
  unsigned char chance[16];
  if (getrandom(chance, sizeof(chance), 0) != sizeof(chance)) {
    return fail_errno("cannot make an address that nobody guesses");
  }
  std::string key;
  for (const unsigned char byte : chance) {
    key += fmt::format("{:02x}", byte);
  }
  return key;
}

}  // namespace vtn::viewer
