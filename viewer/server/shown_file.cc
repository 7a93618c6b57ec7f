// SPDX-License-Identifier: Apache-2.0
#include "viewer/server/shown_file.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "report/formats.h"
#include "report/html/writer.h"
#include "report/write_report.h"

namespace vtn::viewer {

namespace {

// Pages of smaller recordings are made in a second or two.
constexpr uint64_t kCachedFromCalls = 20'000'000;
constexpr size_t kMostCachedPages = 4;
// So many calls a browser is sent in one answer.
constexpr uint64_t kMostCallsOfWindow = 2'000'000;
constexpr char kPageEnding[] = ".html";
// What base/file.h calls a page that is being written, and how long that may take.
constexpr char kHalfPage[] = ".html.part-";
constexpr int64_t kHalfPageS = 24 * 60 * 60;

bool is_page(std::string_view path) { return path.ends_with(kPageEnding); }

HttpAnswer failure(const Error& error) { return plain_answer(500, error.message); }

// A name for a file that is taken away as soon as it is open.
Result<std::string> temporary_name(const std::string& folder, const std::string& ending) {
  std::string name = folder + "/XXXXXX" + ending;
  UniqueFd fd(mkostemps(name.data(), static_cast<int>(ending.size()), O_CLOEXEC));
  if (!fd) {
    return fail_errno("cannot make a file in " + folder_of(name));
  }
  return name;
}

Result<UniqueFd> open_whole(const std::string& path, uint64_t& bytes) {
  VTN_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) {
    return fail_errno("cannot look at " + path);
  }
  bytes = static_cast<uint64_t>(info.st_size);
  return fd;
}

int64_t ms_between(const timespec& from, const timespec& to) {
  return (int64_t{to.tv_sec} - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1'000'000;
}

// The newest pages stay. Those that were never finished, as somebody did not want to wait, go.
void thin_out(const std::string& folder) {
  std::vector<std::pair<int64_t, std::string>> pages;
  DIR* const listing = opendir(folder.c_str());
  if (listing == nullptr) {
    return;
  }
  while (const dirent* const entry = readdir(listing)) {
    const std::string path = folder + "/" + entry->d_name;
    struct stat info = {};
    if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      continue;
    }
    if (is_page(path)) {
      pages.emplace_back(-int64_t{info.st_mtim.tv_sec}, path);
    } else if (path.find(kHalfPage) != path.npos &&
               info.st_mtim.tv_sec + kHalfPageS < time(nullptr)) {
      (void)unlink(path.c_str());
    }
  }
  (void)closedir(listing);
  std::sort(pages.begin(), pages.end());
  for (size_t i = kMostCachedPages; i < pages.size(); ++i) {
    (void)unlink(pages[i].second.c_str());
  }
}

}  // namespace

bool ShownFile::Seen::operator==(const Seen& other) const {
  return std::tie(changed.tv_sec, changed.tv_nsec, bytes, number) ==
         std::tie(other.changed.tv_sec, other.changed.tv_nsec, other.bytes, other.number);
}

ShownFile::Recording::Recording(std::unique_ptr<spool::Reader> spool)
    : reader(std::move(spool)),
      clock(static_cast<ClockKind>(reader->model().header.clock_kind), reader->model().clock),
      picture(reader->model(), clock, false),
      windows(*reader, picture),
      name(report::page_name(*reader)) {}

ShownFile::ShownFile(std::string path, const PageSettings& settings)
    : path_(std::move(path)), settings_(settings) {}

std::string ShownFile::file() const { return settings_.find ? settings_.find(path_) : path_; }

Status ShownFile::prepare() {
  if (is_page(file())) {
    VTN_TRY(open_file(path_, O_RDONLY));
    return {};
  }
  VTN_TRY(recording());
  return {};
}

std::optional<ShownFile::Seen> ShownFile::look() const {
  struct stat info = {};
  if (stat(file().c_str(), &info) != 0) {
    return std::nullopt;
  }
  return Seen{info.st_mtim, info.st_size, info.st_ino};
}

Result<std::shared_ptr<ShownFile::Recording>> ShownFile::recording() {
  MutexLock lock(mutex_);
  const std::optional<Seen> now = look();
  if (!now) {
    return fail_errno("cannot look at " + path_);
  }
  if (recording_ == nullptr || seen_ != now) {
    VTN_ASSIGN(auto reader, settings_.open(file()));
    auto made = std::make_shared<Recording>(std::move(reader));
    VTN_TRY(make_page(*made));
    recording_ = std::move(made);
    seen_ = now;
  }
  return recording_;
}

std::string ShownFile::cached_name(const spool::Reader& reader) const {
  uint64_t calls = 0;
  for (const spool::FrameInfo& frame : reader.model().frames) {
    calls += frame.calls;
  }
  // What was imported is another recording each time.
  const bool itself = is_same_file(reader.fd(), file());
  if (settings_.cache_folder.empty() || calls < kCachedFromCalls || !reader.closed() || !itself) {
    return {};
  }
  return fmt::format("{}/{:016x}-{}-{}{}{}",
                     settings_.cache_folder,
                     reader.model().header.trace_id,
                     reader.end_offset(),
                     VTN_VERSION,
                     settings_.stays ? "" : "-alone",
                     kPageEnding);
}

Status ShownFile::make_page(Recording& recording) const {
  const std::string cached = cached_name(*recording.reader);
  if (!cached.empty()) {
    if (auto page = open_whole(cached, recording.page_bytes)) {
      recording.page = std::move(*page);
      return {};
    }
  }
  const bool keep = !cached.empty() && make_folders(settings_.cache_folder, 0700).has_value() &&
                    access(settings_.cache_folder.c_str(), W_OK) == 0;
  report::WriteRequest request;
  if (keep) {
    request.path = cached;
  } else {
    VTN_ASSIGN(request.path, temporary_name(settings_.scratch_folder, kPageEnding));
  }
  request.settings.workers = settings_.workers;
  request.settings.served = settings_.stays;
  request.progress = settings_.making ? settings_.making(path_) : nullptr;
  const Status written = report::write_html(*recording.reader, request);
  request.progress = nullptr;
  auto page = open_whole(request.path, recording.page_bytes);
  if (!keep) {
    (void)unlink(request.path.c_str());
  } else {
    thin_out(settings_.cache_folder);
  }
  VTN_TRY(written);
  if (!page) {
    return tl::unexpected<Error>(std::move(page).error());
  }
  recording.page = std::move(*page);
  return {};
}

HttpAnswer ShownFile::page() {
  if (is_page(file())) {
    return file_answer(path_);
  }
  const auto recording = this->recording();
  if (!recording) {
    return failure(recording.error());
  }
  HttpAnswer answer;
  answer.file = UniqueFd(fcntl((*recording)->page.get(), F_DUPFD_CLOEXEC, 3));
  answer.file_bytes = (*recording)->page_bytes;
  return answer.file ? std::move(answer) : plain_answer(500, "too many files are open");
}

HttpAnswer ShownFile::rows(const HttpRequest& request) {
  // As the page has numbered it, whatever the file is by now.
  const std::shared_ptr<Recording> recording = [&] {
    MutexLock lock(mutex_);
    return recording_;
  }();
  if (recording == nullptr || recording->name != request.value("of")) {
    return plain_answer(409, "That page is not kept any more.");
  }
  constexpr uint64_t kWrong = UINT64_MAX;
  const uint64_t thread = number_or(request.value("thread"), kWrong);
  const uint64_t from_ns = number_or(request.value("from_ns"), kWrong);
  const uint64_t to_ns = number_or(request.value("to_ns"), kWrong);
  if (thread >= recording->windows.threads() || from_ns > to_ns || to_ns == kWrong) {
    return plain_answer(400, "rows?of=PAGE&thread=N&from_ns=N&to_ns=N");
  }
  auto rows =
      recording->windows.rows(static_cast<uint32_t>(thread), from_ns, to_ns, kMostCallsOfWindow);
  if (!rows) {
    return failure(rows.error());
  }
  HttpAnswer answer;
  answer.type = "application/octet-stream";
  answer.body = std::move(*rows);
  return answer;
}

HttpAnswer ShownFile::state(const HttpRequest& request) {
  HttpAnswer answer;
  answer.type = "application/json";
  MutexLock lock(mutex_);
  const std::optional<Seen> now = look();
  const bool kept = recording_ != nullptr && recording_->name == request.value("of");
  const bool grown = kept && now && now->number == seen_->number && now->bytes > seen_->bytes;
  answer.body = fmt::format("{{\"changed\":{},\"grown_ms\":{},\"running\":{}}}\n",
                            !kept || now != seen_,
                            grown ? ms_between(seen_->changed, now->changed) : 0,
                            spool::is_being_recorded(file()));
  return answer;
}

HttpAnswer ShownFile::trace() {
  const std::string file = this->file();
  if (is_trace(file)) {
    return file_answer(file);
  }
  if (is_page(file)) {
    return plain_answer(404, "A page is shown as it is; its own menu saves it for Perfetto.");
  }
  const auto recording = this->recording();
  if (!recording) {
    return failure(recording.error());
  }
  const auto path = temporary_name(settings_.scratch_folder, ".pftrace.gz");
  if (!path) {
    return failure(path.error());
  }
  report::WriteRequest request;
  request.path = *path;
  request.settings.workers = settings_.workers;
  const report::Format& perfetto = *report::format_of_name(*path, request.gzip);
  const Status written = report::write_report(*(*recording)->reader, perfetto, request);
  HttpAnswer answer = written ? file_answer(*path) : failure(written.error());
  (void)unlink(path->c_str());
  return answer;
}

bool is_trace(const std::string& path) {
  bool gzip = false;
  const report::Format* const format = report::format_of_name(path, gzip);
  const std::string_view extension = format == nullptr ? "" : format->extension;
  return extension == ".json" || extension == ".pftrace" || extension == ".perfetto-trace";
}

std::string type_of_file(std::string_view name) {
  constexpr std::pair<std::string_view, const char*> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".wasm", "application/wasm"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".woff2", "font/woff2"},
      {".txt", "text/plain; charset=utf-8"},
  };
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) {
      return type;
    }
  }
  return "application/octet-stream";
}

HttpAnswer file_answer(const std::string& path) {
  HttpAnswer answer;
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return plain_answer(404, "There is no such file.");
  }
  auto file = open_whole(path, answer.file_bytes);
  if (!file) {
    return failure(file.error());
  }
  answer.file = std::move(*file);
  answer.type = type_of_file(path);
  return answer;
}

}  // namespace vtn::viewer
