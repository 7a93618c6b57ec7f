// SPDX-License-Identifier: Apache-2.0
//
// The Python package (python/), which the runtime carries along: a traced program can import it
// with nothing installed, wherever its files are out of reach. Made by embed_package.py.
#pragma once

#include <stddef.h>

namespace vtn::runtime {

struct PackageModule {
  const char* name;  // as it is imported: "viztracer_native.spans"
  bool is_package;
  const char* source;  // UTF-8
  size_t source_bytes;
};

extern const PackageModule kPackageModules[];
extern const size_t kPackageModuleCount;

// How a module of it is loaded (loader.py): what the frozen code runs.
extern const char kPackageLoader[];
extern const size_t kPackageLoaderBytes;

}  // namespace vtn::runtime
