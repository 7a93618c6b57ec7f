// SPDX-License-Identifier: Apache-2.0
//
// Several recordings become one: processes and images are numbered on, all that was told of them
// stays. Frame by frame, in bounded memory. Recordings of one boot keep their stamps, and their
// frames are copied as they are; others get those of a common clock, in nanoseconds.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/fd.h"
#include "base/result.h"
#include "spool/reader.h"

namespace vtn::spool {

struct CombineRequest {
  std::vector<const Reader*> inputs;  // one at least
  // Each begins at the same time. Else each lies where its wall clock says; where one has none, all
  // lie where their monotonic clocks say.
  bool align = false;
  // Frames that were stored as they were are compressed.
  bool compress = false;
  std::string version;  // ours
  // Bytes; on the calling thread, now and then. False: give up (ECANCELED). May be empty.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

// Writes into `fd`, which is empty, open for reading and writing; `path` is its name. The whole
// recording, closed.
Result<std::unique_ptr<Reader>> combine(const CombineRequest& request,
                                        UniqueFd fd,
                                        const std::string& path);

// Whether the ticks of all mean the same: one clock, of one boot.
bool same_boot(const std::vector<const Reader*>& inputs);

}  // namespace vtn::spool
