// SPDX-License-Identifier: Apache-2.0
#include "debugger/function_pattern.h"

#include <algorithm>
#include <charconv>

#include <fnmatch.h>

#include "report/process_names.h"

namespace vtn::debugger {

namespace {

constexpr size_t kShownWord = 80;

bool is_function(const spool::FunctionInfo& function) {
  return function.kind != FunctionKind::kInstant && function.kind != FunctionKind::kCounter;
}

// "/a/b/app.py" has the tails "b/app.py" and "app.py".
bool has_tail(std::string_view path, std::string_view tail) {
  return path == tail || (path.size() > tail.size() && path.ends_with(tail) &&
                          path[path.size() - tail.size() - 1] == '/');
}

}  // namespace

Result<FunctionPattern> FunctionPattern::parse(std::string_view text) {
  FunctionPattern pattern;
  pattern.text_ = std::string(text);
  const size_t colon = text.rfind(':');
  if (colon != text.npos && colon > 0) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, pattern.line_);
    if (error == std::errc() && stop == end) {
      pattern.file_ = std::string(text.substr(0, colon));
      return pattern;
    }
    return fail("'" + report::one_line(text, kShownWord) +
                "' has no number behind its colon: FILE:LINE");
  }
  if (text.empty()) {
    return fail("a function is needed: a name, a pattern such as 'Tree.*', or FILE:LINE");
  }
  pattern.glob_ = text.find_first_of("*?[") != text.npos;
  return pattern;
}

bool FunctionPattern::names(const spool::FunctionInfo& function) const {
  if (!glob_) {
    const std::string& name = function.name;
    return name == text_ || (name.size() > text_.size() && name.ends_with(text_) &&
                             name[name.size() - text_.size() - 1] == '.');
  }
  // fnmatch() takes texts that end with a NUL: a name with one in it is cut there.
  const char* tail = function.name.c_str();
  while (fnmatch(text_.c_str(), tail, FNM_NOESCAPE) != 0) {
    const char* const dot = std::find(tail, function.name.c_str() + function.name.size(), '.');
    if (*dot == '\0') {
      return false;
    }
    tail = dot + 1;
  }
  return true;
}

std::vector<bool> FunctionPattern::ids_of(const spool::ImageInfo& image) const {
  std::vector<bool> ids(image.function_of_id.size());
  uint32_t nearest = 0;  // a line at or above the wanted one
  for (uint32_t id = 0; id < ids.size(); ++id) {
    const spool::FunctionInfo* const function = image.function(id);
    if (function == nullptr || function->resumed() || !is_function(*function)) {
      continue;
    }
    if (file_.empty()) {
      ids[id] = names(*function);
    } else if (function->kind == FunctionKind::kPython && function->line <= line_ &&
               function->line >= nearest && has_tail(function->file, file_)) {
      if (function->line > nearest) {
        ids.assign(ids.size(), false);
        nearest = function->line;
      }
      ids[id] = true;
    }
  }
  const auto last = std::find(ids.rbegin(), ids.rend(), true);
  ids.resize(static_cast<size_t>(ids.rend() - last));
  return ids;
}

bool FunctionPattern::means_any(const spool::Model& model) const {
  return std::any_of(model.images.begin(), model.images.end(), [&](const spool::ImageInfo& image) {
    return !ids_of(image).empty();
  });
}

}  // namespace vtn::debugger
