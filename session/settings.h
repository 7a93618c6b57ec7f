// SPDX-License-Identifier: Apache-2.0
//
// What is to be recorded, and the settings file that says so to every process of the session
// (abi/settings_abi.h). A setting that processes of the tree have to know is a field here and a
// record or an option bit that write() makes of it; they read it wherever it is needed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <limits.h>
#include <stdint.h>

#include "abi/settings_abi.h"
#include "base/result.h"

namespace vtn::session {

inline constexpr char kSettingsFileName[] = VTN_SETTINGS_FILE;
inline constexpr int kDoNotWait = -1;
inline constexpr int kWaitForever = INT_MAX;

struct RecordSettings {
  bool c_functions = true;
  bool children = true;       // else they run untraced
  bool caller_lines = false;  // with each Python call, the line that it is made from
  // Processes that run untraced: globs (subprocess_shim/pattern.h) for the base name of the
  // executable or the script, or for the whole command line. None is empty.
  std::vector<std::string> excluded_processes;
  // How long to go on after the program's end while processes of the session live, in ms.
  int wait_children_ms = kDoNotWait;

  // The bits of vtn_control_page.options.
  uint32_t option_bits() const;
};

// Builds the file's bytes.
class SettingsWriter {
 public:
  SettingsWriter();
  void add(uint32_t key, std::string_view bytes);
  // Everything of these that a process of the tree has to know.
  void add(const RecordSettings& settings);
  // The whole file.
  const std::string& bytes();
  // Whether a record is for processes of the tree.
  bool for_tree() const { return for_tree_; }

 private:
  std::string bytes_;
  bool for_tree_ = false;
};

// The bytes of every record with that key, in order. An error: the file is not one of settings.
// Records that do not fit the file end it.
Result<std::vector<std::string>> settings_with(std::string_view file, uint32_t key);

}  // namespace vtn::session
