// SPDX-License-Identifier: Apache-2.0
//
// What tests see of a Perfetto trace: perfetto_model.h makes it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <stddef.h>
#include <stdint.h>

namespace vtn::test {

struct Slice {
  std::string name;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;  // 0: still open
  size_t depth = 0;
  std::string category;
  std::string inside;                            // what is open around it on its track
  std::map<std::string, std::string> args = {};  // arrays joined by spaces
};

struct PerfettoTrackInfo {
  uint64_t parent = 0;
  uint64_t pid = 0;
  uint64_t tid = 0;
  std::string name;
  std::vector<Slice> slices;    // in order of their beginnings
  std::vector<Slice> instants;  // start_ns is when
  std::vector<size_t> open;
  uint64_t last_ns = 0;  // of a begin or an end
  bool counts = false;
  std::vector<std::pair<uint64_t, double>> values;  // of a counter: when, what
};

struct PerfettoProcess {
  uint64_t uuid = 0;
  std::string name;
  std::vector<std::string> cmdline;
  uint64_t start_ns = 0;
  uint64_t order = 0;
};

// An arrow: names and times of its two ends.
struct Flow {
  std::string from;
  uint64_t from_ns = 0;
  std::string from_inside;
  std::string to;
  uint64_t to_ns = 0;
};

}  // namespace vtn::test
