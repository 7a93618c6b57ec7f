// SPDX-License-Identifier: Apache-2.0
//
// Where the files that belong to the launcher lie. Everything is found from the launcher's own
// place, so an installed tree can be moved, copied or mounted elsewhere.
//
//   bin/viztracer-native
//   <libdir>/viztracer-native/{libvtn_shim.so, libvtn_runtime.so, vtn-embed-host}
//
// In a build directory all of them lie beside the launcher.
#pragma once

#include <string>

#include "base/result.h"

namespace vtn::launcher {

struct InstalledFiles {
  std::string shim;   // absolute; the runtime lies beside it
  std::string entry;  // absolute; what a process loads that is attached to; empty if it is missing
  std::string embed_host;  // absolute; empty if it is missing
};

// An error names what is missing.
Result<InstalledFiles> find_installed_files();

}  // namespace vtn::launcher
