// SPDX-License-Identifier: Apache-2.0
#include "debugger/source_text.h"

#include <algorithm>

#include <sys/stat.h>

#include "base/utf8.h"
#include "report/source_files.h"

namespace vtn::debugger {

namespace {

constexpr size_t kMostFiles = 64;
constexpr size_t kTab = 8;

// A terminal must not be told anything by it.
std::string shown(std::string_view line) {
  std::string text;
  for (const char letter : valid_utf8(line)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '\t') {
      text.append(kTab - text.size() % kTab, ' ');
    } else {
      text += byte < 0x20 || byte == 0x7f ? '?' : letter;
    }
  }
  return text;
}

}  // namespace

const SourceText::File* SourceText::file_of(const spool::ImageInfo& image,
                                            const spool::FunctionInfo& function) {
  const std::string path = report::source_path(image, function.file);
  if (function.kind != FunctionKind::kPython || path.empty()) {
    return nullptr;
  }
  if (const auto known = files_.find(path); known != files_.end()) {
    return &known->second;
  }
  if (files_.size() >= kMostFiles) {
    files_.clear();
  }
  File& file = files_[path];
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0) {
    const uint64_t written_ns = static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
                                static_cast<uint64_t>(info.st_mtim.tv_nsec);
    file.changed = recorded_ns_ != 0 && written_ns > recorded_ns_;
  }
  if (const auto text = report::read_source(path)) {
    for (size_t at = 0; at < text->size();) {
      const size_t end = std::min(text->find('\n', at), text->size());
      file.lines.push_back(shown(std::string_view(*text).substr(at, end - at)));
      at = end + 1;
    }
  }
  return &file;
}

std::string SourceText::line_of(const spool::ImageInfo& image,
                                const spool::FunctionInfo& function,
                                uint32_t line) {
  const File* const file = file_of(image, function);
  if (file == nullptr || line == 0 || line > file->lines.size()) {
    return "";
  }
  const std::string& text = file->lines[line - 1];
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

}  // namespace vtn::debugger
