// SPDX-License-Identifier: Apache-2.0
//
// Shows a file, or a folder of files, in a browser: a server (viewer/server/), its address, a
// browser where one can be started. What `view` does, and a run with --open.
#pragma once

#include <functional>
#include <string>

#include <stdint.h>

#include "base/result.h"

namespace vtn::launcher {

// How long --once waits for a browser.
inline constexpr uint64_t kOnceTimeoutS = 10;

struct ShowRequest {
  std::string path;         // as it was named
  bool perfetto = false;    // in Perfetto's UI
  std::string ui_folder;    // a copy of that UI; empty: the one in the internet
  uint16_t port = 0;        // 0: any that is free
  bool has_browser = true;  // one is started; false: the address is enough
  bool once = false;        // until it has been fetched
  int idle_ms = -1;         // until nobody has asked for so long; -1: for ever
  std::function<void(const std::string& line)> say;  // the address, and what to do with it
  // Ctrl-C and the like, on a thread of its own: ends this process. Nothing of ours is left by
  // then.
  std::function<void(int signal)> end;
};

// Returns when the server has ended by itself: an exit status. Errors are said. No other threads
// run when it is called.
int show(const ShowRequest& request);

// The file or folder, absolute, without slashes at its end. An error: it cannot be shown.
Result<std::string> viewable_path(const std::string& named);

// Whether a file of that name is shown: a recording, or a report with calls in it.
bool is_shown_format(const std::string& path);

// Whether a word is such a file, whatever its name, or a folder.
bool can_be_viewed(const std::string& word);

}  // namespace vtn::launcher
