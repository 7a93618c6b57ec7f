// SPDX-License-Identifier: Apache-2.0
//
// Other formats as recordings: everything that works on .vtn works on them. What a file is, its
// first bytes say, not its name. Thread-bound.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "spool/reader.h"

namespace vtn::importer {

// Whether the file begins as something does that can be imported. A recording does not.
bool can_import(int fd);

struct ImportRequest {
  std::string path;      // for messages
  std::string folder;    // where temporary files may lie; they have no names
  std::string version;   // ours
  bool partial = false;  // of a damaged file what is there
  // Asked now and then. False: give up, with ECANCELED. May be empty.
  std::function<bool()> go_on;
};

struct Imported {
  std::unique_ptr<spool::Reader> recording;  // in a file without a name
  std::string what;                          // "VizTracer 1.1.1", "viztracer-native 0.1.0"
  // What was changed or left out, each without a full stop. Reports say it as well.
  std::vector<std::string> remarks;
};

// An error is one line: what is wrong, at which offset, what to try.
Result<Imported> import_file(UniqueFd fd, const ImportRequest& request);

}  // namespace vtn::importer
