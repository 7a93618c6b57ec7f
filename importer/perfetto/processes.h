// SPDX-License-Identifier: Apache-2.0
//
// The processes of a trace of ours: what its process tracks, and the slices and instants of
// category "process", say of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "importer/facts.h"
#include "importer/perfetto/state.h"

namespace vtn::importer {

class TraceProcesses {
 public:
  // A ProcessDescriptor.
  void describe(std::string_view message);
  // A slice of a program begins; `traced`: its calls are in the trace.
  void program(int64_t pid,
               uint64_t ns,
               bool traced,
               const std::vector<PacketAnnotation>& annotations);
  void program_ends(int64_t pid, uint64_t ns);
  // Somebody starts a process.
  void start(int64_t parent_pid, int64_t tid, const std::vector<PacketAnnotation>& annotations);

  // In the order of the tree.
  void finish(Facts& facts);

 private:
  struct Known {
    ImportedProcess process;
    uint64_t order = 0;
    int64_t parent_pid = 0;
    bool has_parent = false;
  };
  std::map<int64_t, Known> processes_;
};

}  // namespace vtn::importer
