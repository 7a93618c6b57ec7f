// SPDX-License-Identifier: Apache-2.0
#include "report/source_files.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/fd.h"
#include "base/file.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{8} << 20;
constexpr uint64_t kMaxTotalBytes = uint64_t{256} << 20;

std::optional<std::string> read_source(const std::string& path) {
  struct stat info = {};
  // Looked at before it is opened: opening a device or a FIFO can do things.
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      static_cast<uint64_t>(info.st_size) > kMaxFileBytes) {
    return std::nullopt;
  }
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd || fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  std::string text(std::min(static_cast<uint64_t>(info.st_size), kMaxFileBytes), '\0');
  auto got = read_all(fd->get(), text.data(), text.size());
  if (!got) {
    return std::nullopt;
  }
  text.resize(*got);
  return text;
}

std::optional<std::string> source_of(const spool::Reader& spool,
                                     const spool::ImageInfo& image,
                                     const std::string& file) {
  const std::map<std::string, spool::SourceInfo>& recorded = spool.model().sources;
  if (!recorded.empty()) {  // what lies on this machine may be anything
    const auto found = recorded.find(file);
    const auto text = found != recorded.end() ? spool.read_source(found->second)
                                              : Result<std::string>(fail("there is none"));
    return text ? std::optional(*text) : std::nullopt;
  }
  // "<string>", "<frozen ...>" are not files.
  if (file.front() == '<' || file.find('\0') != std::string::npos ||
      (file.front() != '/' && image.cwd.empty())) {
    return std::nullopt;
  }
  return read_source(file.front() == '/' ? file : image.cwd + "/" + file);
}

}  // namespace

Status emit_file_info(const spool::Reader& spool, const TextSink& sink) {
  const spool::Model& model = spool.model();
  std::unordered_set<std::string> seen;
  uint64_t total = 0;
  std::string piece = "{\"files\":{";
  bool first = true;
  for (const spool::ImageInfo& image : model.images) {
    for (const spool::FunctionInfo& function : image.functions) {
      if (function.kind != FunctionKind::kPython || function.file.empty() ||
          !seen.insert(function.file).second) {
        continue;
      }
      const std::optional<std::string> text = source_of(spool, image, function.file);
      if (!text || total + text->size() > kMaxTotalBytes) {
        continue;
      }
      total += text->size();
      piece += first ? "\n" : ",\n";
      first = false;
      piece += json_quoted(function.file);
      piece += ":[";
      piece += json_quoted(*text);
      piece += fmt::format(",{}]", std::count(text->begin(), text->end(), '\n'));
      if (piece.size() > (1u << 20)) {
        VTN_TRY(sink(piece));
        piece.clear();
      }
    }
  }
  piece += "},\n\"functions\":{";
  seen.clear();
  first = true;
  for (const spool::ImageInfo& image : model.images) {
    for (const spool::FunctionInfo& function : image.functions) {
      if (function.kind != FunctionKind::kPython) {
        continue;
      }
      std::string name = display_name(&function, 0);
      if (!seen.insert(name).second) {
        continue;
      }
      piece += first ? "\n" : ",\n";
      first = false;
      piece += json_quoted(name);
      piece += fmt::format(":[{},{}]", json_quoted(function.file), function.line);
      if (piece.size() > (1u << 20)) {
        VTN_TRY(sink(piece));
        piece.clear();
      }
    }
  }
  piece += "}}";
  return sink(piece);
}

}  // namespace vtn::report
