// SPDX-License-Identifier: Apache-2.0
//
// What is to be recorded, and the settings file that says so to every process of the session
// (abi/settings_abi.h). A setting that processes of the tree have to know is a field here and a
// record or an option bit that write() makes of it; they read it wherever it is needed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <limits.h>
#include <stdint.h>

#include "abi/settings_abi.h"
#include "base/result.h"

namespace vtn::session {

inline constexpr char kSettingsFileName[] = VTN_SETTINGS_FILE;
inline constexpr int kDoNotWait = -1;
inline constexpr int kWaitForever = INT_MAX;

// Which functions are recorded (runtime/filters/).
struct FunctionFilters {
  bool mine = false;  // nothing of the standard library and of installed packages
  bool no_standard_library = false;
  bool no_import = false;
  bool ignore_frozen = false;
  // VTN_SETTING_INCLUDE_FILE to VTN_SETTING_EXCLUDE_SUBTREE, and a pattern. None is empty.
  std::vector<std::pair<uint32_t, std::string>> patterns;
};

// Which calls of them are (collector/call_filter.h).
struct CallLimits {
  uint64_t min_duration_ns = 0;
  uint32_t max_stack_depth = UINT32_MAX;  // calls open at a time in a thread
  bool excludes_subtrees = false;         // some function is marked so
  uint64_t newest_calls = 0;              // so many are kept of each process; 0: all

  uint64_t most_spool_bytes = 0;  // collector/size_limit.h; 0: any number
  uint64_t most_calls = 0;        // of a function in a second (collector/call_budget.h); 0: any

  // Whether calls are looked at one by one.
  bool filter() const {
    return min_duration_ns != 0 || max_stack_depth != UINT32_MAX || excludes_subtrees;
  }
  bool any() const {
    return filter() || newest_calls != 0 || most_spool_bytes != 0 || most_calls != 0;
  }
};

// Which values are told with the calls (runtime/values/); beside patterns among the filters'.
struct ValueWishes {
  bool arguments = false;      // of every call
  bool return_values = false;  // likewise
  bool types_only = false;
  bool own_repr = false;       // by the program's own repr
  bool object_fields = false;  // objects by what is in their __dict__
  bool redact = true;
  uint32_t most_bytes = 256;  // of one value
  // Globs (base/freestanding/pattern.h) for names of what is secret, beside the known words.
  std::vector<std::string> secrets;
};

struct RecordSettings {
  FunctionFilters functions;
  ValueWishes values;
  // VTN_SETTING_LOG_AUDIT to VTN_SETTING_LAST_LOG, and a regular expression that is known to be one
  // (base/freestanding/regex.h).
  std::vector<std::pair<uint32_t, std::string>> logs;
  CallLimits calls;
  // What was asked for, as the report tells it: "--mine", "--hide json".
  std::vector<std::string> told;
  bool c_functions = true;
  bool children = true;         // else they run untraced
  bool caller_lines = false;    // with each Python call, the line that it is made from
  bool collections = false;     // runs of the cyclic garbage collector
  bool exceptions = false;      // where they are raised and caught
  bool prints = false;          // what the program prints by print()
  bool audits = false;          // audit events, all of them
  bool sparse = false;          // no calls, only what is logged
  bool alias = true;            // `import viztracer` gives the program our package
  bool magic_comments = false;  // what comments in the source ask for
  bool library_spans = true;    // spans that the program makes by libraries are told
  bool rows = true;             // tests are
  // Processes that run untraced: globs (base/freestanding/pattern.h) for the base name of the
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

// Those that the file was written with; none where it cannot be read.
CallLimits limits_in(std::string_view file);

}  // namespace vtn::session
