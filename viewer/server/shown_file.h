// SPDX-License-Identifier: Apache-2.0
//
// A file that is being looked at: its page, made when it is first asked for, and again when it is
// asked for once the file has changed (it was replaced, or its run goes on); and every call of it
// where the page is too coarse. One page of a file is kept at a time, the last that was made.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <stdint.h>
#include <sys/stat.h>

#include "base/mutex.h"
#include "base/result.h"
#include "report/formats.h"
#include "report/html/window.h"
#include "report/picture.h"
#include "spool/clock_map.h"
#include "spool/reader.h"
#include "viewer/server/http_server.h"

namespace vtn::viewer {

// A file as a recording; what is none becomes one, and whoever reads the terminal is told.
using OpenRecording =
    std::function<Result<std::unique_ptr<spool::Reader>>(const std::string& path)>;

// Of a file that is not there yet, since its run goes on: what that records into. Else the file.
using FindFile = std::function<std::string(const std::string& path)>;

// Of a page that is made from now on; empty: nobody waits before a terminal.
using MakingPage = std::function<report::Progress(const std::string& path)>;

// How pages are made.
struct PageSettings {
  OpenRecording open;
  FindFile find;               // empty: files are where they are
  MakingPage making;           // may be empty
  unsigned workers = 0;        // 0: as many as the machine has
  std::string cache_folder;    // where pages that took long to make are kept; empty: nowhere
  std::string scratch_folder;  // for files that are taken away as soon as they are open
  bool stays = true;           // the server will be there as long as the page
};

class ShownFile {
 public:
  ShownFile(std::string path, const PageSettings& settings);

  // Makes the page, if it is not there already.
  Status prepare();

  const std::string& path() const { return path_; }

  // The page, or one line that says why there is none.
  HttpAnswer page();
  // `rows?of=&thread=&from_ns=&to_ns=`: report/html/window.h. Status 409: the page of that name is
  // not kept any more.
  HttpAnswer rows(const HttpRequest& request);
  // `state?of=`: {"changed":true} once the page of that name is not of the file as it is now;
  // "grown_ms": for how long it has grown since, 0 where it is another file; "running": its run
  // goes on.
  HttpAnswer state(const HttpRequest& request);
  // For Perfetto's UI: the file itself if it can read that, else a .pftrace of it.
  HttpAnswer trace();

 private:
  // A recording as it is when its page is made.
  struct Recording {
    explicit Recording(std::unique_ptr<spool::Reader> spool);

    const std::unique_ptr<spool::Reader> reader;
    const spool::ClockMap clock;
    const report::Picture picture;
    const report::PageWindows windows;
    const std::string name;  // as its page is told it
    UniqueFd page;
    uint64_t page_bytes = 0;
  };
  struct Seen {
    timespec changed;
    off_t bytes;
    ino_t number;
    bool operator==(const Seen& other) const;
  };

  std::string file() const;
  std::optional<Seen> look() const;
  Result<std::shared_ptr<Recording>> recording();
  Status make_page(Recording& recording) const;
  std::string cached_name(const spool::Reader& reader) const;

  const std::string path_;
  const PageSettings& settings_;
  Mutex mutex_;
  std::shared_ptr<Recording> recording_ VTN_GUARDED_BY(mutex_);
  std::optional<Seen> seen_ VTN_GUARDED_BY(mutex_);  // when that was made
};

// By its name, what Perfetto reads as it is.
bool is_trace(const std::string& path);

// "application/json"
std::string type_of_file(std::string_view name);

// The whole of a file as an answer.
HttpAnswer file_answer(const std::string& path);

}  // namespace vtn::viewer
