// SPDX-License-Identifier: Apache-2.0
//
// What lies where in another process: /proc/PID/maps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>
#include <sys/types.h>

#include "base/result.h"

namespace vtn::attach {

struct MappedArea {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  std::string path;  // as the process sees it, with " (deleted)" where it is; "[stack]"; empty
};

// In the order of addresses. Empty for a process that has no memory any more.
Result<std::vector<MappedArea>> read_memory_map(pid_t pid);

// The text of such a file; lines that make no sense are left out.
std::vector<MappedArea> parse_memory_map(std::string_view text);

// Null: nothing is mapped there.
const MappedArea* area_at(const std::vector<MappedArea>& areas, uint64_t address);

}  // namespace vtn::attach
