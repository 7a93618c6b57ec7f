// SPDX-License-Identifier: Apache-2.0
#include "report/source_files.h"

#include <algorithm>
#include <map>
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

}  // namespace

std::string source_path(const spool::ImageInfo& image, const std::string& file) {
  // "<string>", "<frozen ...>" are not files.
  if (file.empty() || file.front() == '<' || file.find('\0') != file.npos) {
    return "";
  }
  if (file.front() == '/') {
    return file;
  }
  return image.cwd.empty() ? "" : image.cwd + "/" + file;
}

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

namespace {

// Nothing: there is none. What lies on this machine may be anything where the recording has texts.
std::optional<std::string> source_of(const spool::Reader& spool,
                                     const spool::ImageInfo& image,
                                     const std::string& file) {
  const std::map<std::string, spool::SourceInfo>& recorded = spool.model().sources;
  if (!recorded.empty()) {
    const auto found = recorded.find(file);
    const auto text = found != recorded.end() ? spool.read_source(found->second)
                                              : Result<std::string>(fail("there is none"));
    return text ? std::optional(*text) : std::nullopt;
  }
  const std::string path = source_path(image, file);
  return path.empty() ? std::nullopt : read_source(path);
}

}  // namespace

Status visit_source_files(
    const spool::Reader& spool,
    const std::function<Status(const std::string& file, const std::string& text)>& visit) {
  std::unordered_set<std::string> seen;
  uint64_t total = 0;
  for (const spool::ImageInfo& image : spool.model().images) {
    for (const spool::FunctionInfo& function : image.functions) {
      if (function.kind != FunctionKind::kPython || !seen.insert(function.file).second) {
        continue;
      }
      const std::optional<std::string> text = source_of(spool, image, function.file);
      if (text && total + text->size() <= kMaxTotalBytes) {
        total += text->size();
        VTN_TRY(visit(function.file, *text));
      }
    }
  }
  return {};
}

Status emit_file_info(const spool::Reader& spool, const TextSink& sink) {
  const spool::Model& model = spool.model();
  std::string piece = "{\"files\":{";
  bool first = true;
  VTN_TRY(visit_source_files(spool, [&](const std::string& file, const std::string& text) {
    piece += first ? "\n" : ",\n";
    first = false;
    piece += json_quoted(file);
    piece += ":[";
    piece += json_quoted(text);
    piece += fmt::format(",{}]", std::count(text.begin(), text.end(), '\n'));
    Status status;
    if (piece.size() > (1u << 20)) {
      status = sink(piece);
      piece.clear();
    }
    return status;
  }));
  std::unordered_set<std::string> seen;
  piece += "},\n\"functions\":{";
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
