// SPDX-License-Identifier: Apache-2.0
//
// What NVTX, version 3, and a tool that listens to it agree on, as far as we listen. NVTX lives in
// headers: each library that uses it asks the environment for the path of a tool at its first
// range, loads that, and calls its InitializeInjectionNvtx2(). The tool then puts functions of its
// own into the library's tables. Format: nvToolsExt.h and nvtxDetail/nvtxTypes.h of
// github.com/NVIDIA/NVTX, whose numbers and layouts never change.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace vtn::runtime {

// Tables of functions, and the functions in each, by number.
enum class NvtxModule : int { kCore = 1, kCore2 = 5 };
enum NvtxCoreFunction {
  kNvtxMarkEx = 1,
  kNvtxMarkA = 2,
  kNvtxMarkW = 3,
  kNvtxRangeStartEx = 4,
  kNvtxRangeStartA = 5,
  kNvtxRangeStartW = 6,
  kNvtxRangeEnd = 7,
  kNvtxRangePushEx = 8,
  kNvtxRangePushA = 9,
  kNvtxRangePushW = 10,
  kNvtxRangePop = 11,
  kNvtxNameCategoryA = 12,
  kNvtxNameCategoryW = 13,
};
enum NvtxCore2Function {
  kNvtxDomainMarkEx = 1,
  kNvtxDomainRangeStartEx = 2,
  kNvtxDomainRangeEnd = 3,
  kNvtxDomainRangePushEx = 4,
  kNvtxDomainRangePop = 5,
  kNvtxDomainNameCategoryA = 8,
  kNvtxDomainNameCategoryW = 9,
  kNvtxDomainRegisterStringA = 10,
  kNvtxDomainRegisterStringW = 11,
  kNvtxDomainCreateA = 12,
  kNvtxDomainCreateW = 13,
};

enum class NvtxText : int32_t { kAscii = 1, kUnicode = 2, kRegistered = 3 };
enum class NvtxPayload : int32_t {
  kUnsigned64 = 1,
  kSigned64 = 2,
  kDouble = 3,
  kUnsigned32 = 4,
  kSigned32 = 5,
  kFloat = 6,
};

// What is said of a mark or a range.
struct NvtxEvent {
  uint16_t version;
  uint16_t size_bytes;
  uint32_t category;
  int32_t color_type;
  uint32_t color;
  NvtxPayload payload_type;
  int32_t reserved;
  union {
    uint64_t unsigned64;
    int64_t signed64;
    double real64;
    uint32_t unsigned32;
    int32_t signed32;
    float real32;
  } payload;
  NvtxText text_type;
  union {
    const char* ascii;
    const wchar_t* unicode;
    const void* registered;  // as the tool gave it
  } text;
};
static_assert(sizeof(NvtxEvent) == 48);

// What a push or pop answers where nobody keeps count.
inline constexpr int kNvtxNotCounted = -2;

using NvtxFunction = void (*)();
struct NvtxCallbacks {
  size_t size_bytes;
  // The table has pointers to where the library keeps each function. 0: there is none.
  int (*functions_of)(NvtxModule module, NvtxFunction*** table, unsigned* count);
};
inline constexpr uint32_t kNvtxCallbacksTable = 1;
using NvtxFindTable = const void* (*)(uint32_t table);

}  // namespace vtn::runtime
