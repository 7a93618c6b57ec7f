// SPDX-License-Identifier: Apache-2.0
//
// What a browser is shown of a file, or of a folder of such files. Below an address that nobody can
// guess:
//
//   /KEY/                 the file's page, or a list of the folder's files
//   /KEY/FILE/            the page of one of them
//   /KEY/FILE/rows        every call of a thread in a stretch of time
//   /KEY/FILE/state       whether the file has changed since
//   /KEY/FILE/perfetto    hands it to Perfetto's UI
//   /KEY/FILE/trace       what that is handed
//   /KEY/ui/...           a copy of that UI
//
// Thread-safe once made.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "viewer/server/http_server.h"
#include "viewer/server/shown_file.h"

namespace vtn::viewer {

struct ViewSettings {
  std::string path;       // absolute: a file or a folder
  bool perfetto = false;  // show Perfetto's UI in place of the page
  std::string ui_folder;  // a copy of that UI; empty: https://ui.perfetto.dev
  PageSettings pages;
  std::function<bool(const std::string& path)> shows;  // of a file in a folder: can be shown
};

class Viewer {
 public:
  Viewer(ViewSettings settings, std::string key);

  HttpAnswer answer(const HttpRequest& request);
  // "/KEY/" and what is to be shown first.
  std::string first_path() const;
  // Of a file: reads it, and makes its page. An error is why it cannot be shown.
  Status prepare();
  // All of a file that can be shown without asking again is on its way.
  bool is_served() const;

 private:
  HttpAnswer of_file(const std::string& name, const std::string& what, const HttpRequest& request);
  HttpAnswer listing();
  HttpAnswer perfetto_page(const std::string& name) const;
  HttpAnswer ui_file(const std::string& name) const;
  std::shared_ptr<ShownFile> shown(const std::string& name);

  const ViewSettings settings_;
  const std::string key_;
  const bool folder_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<ShownFile>> files_ VTN_GUARDED_BY(mutex_);
  bool served_ VTN_GUARDED_BY(mutex_) = false;
};

// 128 bits of chance, as letters.
Result<std::string> make_key();

}  // namespace vtn::viewer
