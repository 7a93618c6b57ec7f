// SPDX-License-Identifier: Apache-2.0
//
// What is known of a file by its name: where it lies, and which patterns of files it meets. Found
// out once for each file (the answer is remembered by the name's hash). Needs the GIL.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

enum PathFact : uint32_t {
  kFrozen = 1u << 0,           // `<frozen ...>`
  kStandardLibrary = 1u << 1,  // in its folder, but for installed packages
  kPackage = 1u << 2,          // below a site-packages or dist-packages
  kImportSystem = 1u << 3,     // importlib's own files, frozen or not
  // Of patterns of files:
  kMeetsInclude = 1u << 4,
  kMeetsExclude = 1u << 5,
  kMeetsOnly = 1u << 6,
  kMeetsHide = 1u << 7,
  kMeetsSubtree = 1u << 8,
  kMeetsArguments = 1u << 9,
  kMeetsValues = 1u << 10,
};

// The fact that a pattern of that kind (its key in the settings file) makes; 0: none.
uint32_t fact_of_setting(uint32_t key);

// A folder of the standard library; as many as kMostLibraryFolders are kept.
void add_library_folder(tracer::Text folder);

// Bits of PathFact. A relative name is taken from where the process is now.
uint32_t path_facts(tracer::Text file);

// Library folders and what is remembered of files: before the settings of another session.
void forget_paths();

}  // namespace vtn::runtime
