// SPDX-License-Identifier: Apache-2.0
//
// Texts that libraries register with NVTX: names of domains and categories, messages. Each is kept
// for the life of the process, as a library may use it for ever; a forked child has its parent's.
// Any thread, with or without the GIL.
#pragma once

#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

enum class NvtxTextKind : uint32_t { kDomain, kMessage, kCategory };

// What stands for the text; the same for the same. Null: no memory. `domain` and `category`: of the
// text of a category.
const void* keep_nvtx_text(NvtxTextKind kind,
                           tracer::Text text,
                           const void* domain = nullptr,
                           uint32_t category = 0);

// Empty: nothing stands behind it.
tracer::Text nvtx_text(NvtxTextKind kind, const void* kept);
tracer::Text nvtx_category(const void* domain, uint32_t category);

}  // namespace vtn::runtime
