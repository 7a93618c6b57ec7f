// SPDX-License-Identifier: Apache-2.0
#include "attach/memory_map.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"

namespace vtn::attach {

namespace {

// The next word of a line, taken off it.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

bool read_hex(std::string_view digits, uint64_t& value) {
  const auto [end, fault] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return fault == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

std::vector<MappedArea> parse_memory_map(std::string_view text) {
  std::vector<MappedArea> areas;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // begin-end rwxp offset device inode   path
    const std::string_view range = take_word(line);
    const std::string_view rights = take_word(line);
    const std::string_view offset = take_word(line);
    (void)take_word(line);
    (void)take_word(line);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const size_t dash = range.find('-');
    MappedArea area;
    if (dash == range.npos || rights.size() < 4 || !read_hex(range.substr(0, dash), area.begin) ||
        !read_hex(range.substr(dash + 1), area.end) || !read_hex(offset, area.file_offset)) {
      continue;
    }
    area.readable = rights[0] == 'r';
    area.writable = rights[1] == 'w';
    area.executable = rights[2] == 'x';
    area.path = line;
    areas.push_back(std::move(area));
  }
  return areas;
}

Result<std::vector<MappedArea>> read_memory_map(pid_t pid) {
  VTN_ASSIGN(const std::string text, read_file("/proc/" + std::to_string(pid) + "/maps"));
  return parse_memory_map(text);
}

const MappedArea* area_at(const std::vector<MappedArea>& areas, uint64_t address) {
  const auto after = std::upper_bound(
      areas.begin(), areas.end(), address, [](uint64_t at, const MappedArea& area) {
        return at < area.end;
      });
  return after != areas.end() && after->begin <= address ? &*after : nullptr;
}

}  // namespace vtn::attach
