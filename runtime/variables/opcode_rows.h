// SPDX-License-Identifier: Apache-2.0
//
// The instructions of CPython 3.12 to 3.15, as far as is needed to follow values on a frame's
// stack: what each does there, and how many words of cache come behind it. Printed by
// tools/opcode_rows.py on each of the releases named, whose `opcode` modules say so.
#pragma once

#include <stdint.h>

namespace vtn::runtime {

// What an instruction does, as far as it matters.
enum class Step : uint8_t {
  kOther,       // whatever it pops, it pushes no more than two values, or what its effect says
  kPushesNone,  // pops some, or none
  kPushesOne,
  kEndsLoop,       // pops what it went over; a loop that is through jumps behind it
  kPopsException,  // which is handled then; no value
  kExtends,
  kSwaps,
  kCopies,
  kLoadsFast,
  kLoadsTwoFast,
  kLoadsAndClears,  // what a comprehension's variable hides, until it is stored again
  kLoadsName,
  kLoadsGlobal,
  kLoadsDeref,
  kLoadsConstant,
  kLoadsAttribute,
  kStoresFast,
  kStoresTwoFast,
  kStoresAndLoadsFast,
  kStoresName,
  kStoresGlobal,
  kStoresDeref,
  kStoresAttribute,
  kStoresItem,
  kStoresSlice,
  kDeletes,
  kJumpsOn,
  kJumpsBack,
  kMayJump,        // on; pops what it decides by
  kPushesOrJumps,  // on
  kReturns,
  kRaises,  // what a `raise` or `assert` does
  kEnds,
};

struct OpcodeRow {
  uint8_t opcode;
  Step step;
  uint8_t caches;
};

// clang-format off
// 3.12.1
inline constexpr OpcodeRow kRows312[] = {
    {0, Step::kPushesNone, 0}, {1, Step::kPushesNone, 0}, {2, Step::kPushesOne, 0},
    {3, Step::kEnds, 0}, {4, Step::kEndsLoop, 0}, {5, Step::kPushesOne, 0},
    {9, Step::kPushesNone, 0}, {11, Step::kPushesOne, 0}, {12, Step::kPushesOne, 0},
    {15, Step::kPushesOne, 0}, {25, Step::kPushesOne, 1}, {26, Step::kPushesOne, 0},
    {27, Step::kStoresSlice, 0}, {30, Step::kPushesOne, 0}, {31, Step::kPushesOne, 0},
    {32, Step::kPushesOne, 0}, {33, Step::kPushesOne, 0}, {36, Step::kPushesOne, 0},
    {49, Step::kPushesOne, 0}, {50, Step::kPushesOne, 0}, {51, Step::kPushesOne, 0},
    {54, Step::kPushesNone, 0}, {60, Step::kStoresItem, 1}, {61, Step::kPushesNone, 0},
    {69, Step::kPushesOne, 0}, {71, Step::kPushesOne, 0}, {74, Step::kPushesOne, 0},
    {83, Step::kReturns, 0}, {85, Step::kPushesNone, 0}, {87, Step::kPushesOne, 0},
    {89, Step::kPopsException, 0}, {90, Step::kStoresName, 0}, {91, Step::kDeletes, 0},
    {92, Step::kOther, 1}, {93, Step::kPushesOrJumps, 1}, {95, Step::kStoresAttribute, 4},
    {96, Step::kPushesNone, 0}, {97, Step::kStoresGlobal, 0}, {98, Step::kDeletes, 0},
    {99, Step::kSwaps, 0}, {100, Step::kLoadsConstant, 0}, {101, Step::kLoadsName, 0},
    {102, Step::kPushesOne, 0}, {103, Step::kPushesOne, 0}, {104, Step::kPushesOne, 0},
    {105, Step::kPushesOne, 0}, {106, Step::kLoadsAttribute, 9}, {107, Step::kPushesOne, 1},
    {108, Step::kPushesOne, 0}, {109, Step::kPushesOne, 0}, {110, Step::kJumpsOn, 0},
    {114, Step::kMayJump, 0}, {115, Step::kMayJump, 0}, {116, Step::kLoadsGlobal, 4},
    {117, Step::kPushesOne, 0}, {118, Step::kPushesOne, 0}, {119, Step::kEnds, 0},
    {120, Step::kCopies, 0}, {121, Step::kReturns, 0}, {122, Step::kPushesOne, 1},
    {123, Step::kPushesOrJumps, 1}, {124, Step::kLoadsFast, 0}, {125, Step::kStoresFast, 0},
    {126, Step::kDeletes, 0}, {127, Step::kLoadsFast, 0}, {128, Step::kMayJump, 0},
    {129, Step::kMayJump, 0}, {130, Step::kRaises, 0}, {131, Step::kPushesOne, 0},
    {132, Step::kPushesOne, 0}, {133, Step::kPushesOne, 0}, {134, Step::kJumpsBack, 0},
    {135, Step::kPushesNone, 0}, {136, Step::kPushesOne, 0}, {137, Step::kLoadsDeref, 0},
    {138, Step::kStoresDeref, 0}, {139, Step::kDeletes, 0}, {140, Step::kJumpsBack, 0},
    {141, Step::kOther, 1}, {142, Step::kPushesOne, 0}, {143, Step::kLoadsAndClears, 0},
    {144, Step::kExtends, 0}, {145, Step::kPushesNone, 0}, {146, Step::kPushesNone, 0},
    {147, Step::kPushesNone, 0}, {149, Step::kPushesNone, 0}, {150, Step::kPushesOne, 0},
    {151, Step::kPushesNone, 0}, {152, Step::kPushesOne, 0}, {155, Step::kPushesOne, 0},
    {156, Step::kPushesOne, 0}, {157, Step::kPushesOne, 0}, {162, Step::kPushesNone, 0},
    {163, Step::kPushesNone, 0}, {164, Step::kPushesNone, 0}, {165, Step::kPushesNone, 0},
    {171, Step::kPushesOne, 3}, {172, Step::kPushesNone, 0}, {173, Step::kPushesOne, 0},
    {174, Step::kPushesOne, 0}, {175, Step::kPushesOne, 0}, {176, Step::kPushesOne, 0},
};
// 3.13.0
inline constexpr OpcodeRow kRows313[] = {
    {0, Step::kPushesNone, 0}, {4, Step::kPushesOne, 0}, {5, Step::kPushesOne, 1},
    {7, Step::kPushesOne, 0}, {9, Step::kPushesNone, 0}, {10, Step::kPushesNone, 0},
    {11, Step::kEndsLoop, 0}, {12, Step::kPushesOne, 0}, {14, Step::kPushesOne, 0},
    {15, Step::kPushesOne, 0}, {16, Step::kPushesOne, 0}, {18, Step::kPushesOne, 0},
    {20, Step::kPushesOne, 0}, {21, Step::kPushesOne, 0}, {22, Step::kEnds, 0},
    {23, Step::kPushesOne, 0}, {24, Step::kPushesOne, 0}, {25, Step::kPushesOne, 0},
    {26, Step::kPushesOne, 0}, {27, Step::kPushesOne, 0}, {28, Step::kPushesOne, 0},
    {29, Step::kPushesOne, 0}, {30, Step::kPushesNone, 0}, {31, Step::kPopsException, 0},
    {32, Step::kPushesNone, 0}, {34, Step::kPushesOne, 0}, {36, Step::kReturns, 0},
    {37, Step::kPushesNone, 0}, {38, Step::kStoresSlice, 0}, {39, Step::kStoresItem, 1},
    {40, Step::kPushesOne, 3}, {41, Step::kPushesOne, 0}, {42, Step::kPushesOne, 0},
    {43, Step::kPushesOne, 0}, {44, Step::kPushesOne, 0}, {45, Step::kPushesOne, 1},
    {46, Step::kPushesOne, 0}, {47, Step::kPushesOne, 0}, {48, Step::kPushesOne, 0},
    {49, Step::kPushesOne, 0}, {50, Step::kPushesOne, 0}, {51, Step::kPushesOne, 0},
    {52, Step::kPushesOne, 0}, {53, Step::kPushesOne, 3}, {54, Step::kPushesOne, 0},
    {55, Step::kPushesOne, 0}, {56, Step::kPushesOne, 0}, {57, Step::kPushesOne, 0},
    {58, Step::kPushesOne, 1}, {59, Step::kPushesOne, 1}, {60, Step::kPushesOne, 0},
    {61, Step::kCopies, 0}, {62, Step::kPushesNone, 0}, {63, Step::kPushesNone, 0},
    {64, Step::kDeletes, 0}, {65, Step::kDeletes, 0}, {66, Step::kDeletes, 0},
    {67, Step::kDeletes, 0}, {68, Step::kPushesNone, 0}, {69, Step::kPushesNone, 0},
    {71, Step::kExtends, 0}, {72, Step::kPushesOrJumps, 1}, {73, Step::kPushesOne, 0},
    {74, Step::kPushesOne, 0}, {75, Step::kPushesOne, 0}, {76, Step::kPushesOne, 0},
    {77, Step::kJumpsBack, 1}, {78, Step::kJumpsBack, 0}, {79, Step::kJumpsOn, 0},
    {80, Step::kPushesNone, 0}, {81, Step::kPushesNone, 0}, {82, Step::kLoadsAttribute, 9},
    {83, Step::kLoadsConstant, 0}, {84, Step::kLoadsDeref, 0}, {85, Step::kLoadsFast, 0},
    {86, Step::kLoadsAndClears, 0}, {87, Step::kLoadsFast, 0}, {88, Step::kLoadsTwoFast, 0},
    {89, Step::kPushesOne, 0}, {90, Step::kPushesOne, 0}, {91, Step::kLoadsGlobal, 4},
    {92, Step::kLoadsName, 0}, {93, Step::kOther, 1}, {94, Step::kPushesNone, 0},
    {95, Step::kPushesNone, 0}, {96, Step::kPushesOne, 0}, {97, Step::kMayJump, 1},
    {98, Step::kMayJump, 1}, {99, Step::kMayJump, 1}, {100, Step::kMayJump, 1},
    {101, Step::kRaises, 0}, {102, Step::kEnds, 0}, {103, Step::kReturns, 0},
    {104, Step::kPushesOrJumps, 1}, {105, Step::kPushesNone, 0}, {106, Step::kPushesOne, 0},
    {107, Step::kPushesNone, 0}, {108, Step::kStoresAttribute, 4}, {109, Step::kStoresDeref, 0},
    {110, Step::kStoresFast, 0}, {111, Step::kStoresAndLoadsFast, 0},
    {112, Step::kStoresTwoFast, 0}, {113, Step::kStoresGlobal, 0}, {114, Step::kStoresName, 0},
    {115, Step::kSwaps, 0}, {117, Step::kOther, 1}, {118, Step::kPushesOne, 0},
    {149, Step::kPushesNone, 0},
};
// 3.14.8
inline constexpr OpcodeRow kRows314[] = {
    {0, Step::kPushesNone, 0}, {1, Step::kPushesOne, 0}, {2, Step::kPushesOne, 0},
    {4, Step::kPushesOne, 0}, {6, Step::kPushesOne, 0}, {8, Step::kPushesNone, 0},
    {9, Step::kEndsLoop, 0}, {10, Step::kPushesOne, 0}, {12, Step::kPushesOne, 0},
    {13, Step::kPushesOne, 0}, {14, Step::kPushesOne, 0}, {15, Step::kPushesOne, 0},
    {18, Step::kPushesOne, 0}, {19, Step::kPushesOne, 0}, {20, Step::kEnds, 0},
    {21, Step::kPushesOne, 0}, {22, Step::kPushesOne, 0}, {23, Step::kPushesOne, 0},
    {24, Step::kPushesOne, 0}, {25, Step::kPushesOne, 0}, {26, Step::kPushesOne, 0},
    {27, Step::kPushesNone, 0}, {28, Step::kPushesNone, 0}, {29, Step::kPopsException, 0},
    {30, Step::kPushesNone, 0}, {31, Step::kPushesNone, 0}, {33, Step::kPushesOne, 0},
    {35, Step::kReturns, 0}, {36, Step::kPushesNone, 0}, {37, Step::kStoresSlice, 0},
    {38, Step::kStoresItem, 1}, {39, Step::kPushesOne, 3}, {40, Step::kPushesOne, 0},
    {41, Step::kPushesOne, 0}, {42, Step::kPushesOne, 0}, {43, Step::kPushesOne, 0},
    {44, Step::kPushesOne, 5}, {45, Step::kPushesOne, 0}, {46, Step::kPushesOne, 0},
    {47, Step::kPushesOne, 0}, {48, Step::kPushesOne, 0}, {49, Step::kPushesOne, 0},
    {50, Step::kPushesOne, 0}, {51, Step::kPushesOne, 0}, {52, Step::kPushesOne, 3},
    {53, Step::kPushesOne, 0}, {54, Step::kPushesOne, 0}, {55, Step::kPushesOne, 3},
    {56, Step::kPushesOne, 1}, {57, Step::kPushesOne, 1}, {58, Step::kPushesOne, 0},
    {59, Step::kCopies, 0}, {60, Step::kPushesNone, 0}, {61, Step::kPushesNone, 0},
    {62, Step::kDeletes, 0}, {63, Step::kDeletes, 0}, {64, Step::kDeletes, 0},
    {65, Step::kDeletes, 0}, {66, Step::kPushesNone, 0}, {67, Step::kPushesNone, 0},
    {68, Step::kPushesNone, 0}, {69, Step::kExtends, 0}, {70, Step::kPushesOrJumps, 1},
    {71, Step::kPushesOne, 0}, {72, Step::kPushesOne, 0}, {73, Step::kPushesOne, 0},
    {74, Step::kPushesOne, 0}, {75, Step::kJumpsBack, 1}, {76, Step::kJumpsBack, 0},
    {77, Step::kJumpsOn, 0}, {78, Step::kPushesNone, 0}, {79, Step::kPushesNone, 0},
    {80, Step::kLoadsAttribute, 9}, {81, Step::kLoadsConstant, 0}, {82, Step::kLoadsConstant, 0},
    {83, Step::kLoadsDeref, 0}, {84, Step::kLoadsFast, 0}, {85, Step::kLoadsAndClears, 0},
    {86, Step::kLoadsFast, 0}, {87, Step::kLoadsTwoFast, 0}, {88, Step::kLoadsFast, 0},
    {89, Step::kLoadsTwoFast, 0}, {90, Step::kPushesOne, 0}, {91, Step::kPushesOne, 0},
    {92, Step::kLoadsGlobal, 4}, {93, Step::kLoadsName, 0}, {94, Step::kPushesOne, 0},
    {96, Step::kOther, 1}, {97, Step::kPushesNone, 0}, {98, Step::kPushesNone, 0},
    {99, Step::kPushesOne, 0}, {100, Step::kMayJump, 1}, {101, Step::kMayJump, 1},
    {102, Step::kMayJump, 1}, {103, Step::kMayJump, 1}, {104, Step::kRaises, 0},
    {105, Step::kEnds, 0}, {106, Step::kPushesOrJumps, 1}, {107, Step::kPushesNone, 0},
    {108, Step::kPushesOne, 0}, {109, Step::kPushesNone, 0}, {110, Step::kStoresAttribute, 4},
    {111, Step::kStoresDeref, 0}, {112, Step::kStoresFast, 0}, {113, Step::kStoresAndLoadsFast, 0},
    {114, Step::kStoresTwoFast, 0}, {115, Step::kStoresGlobal, 0}, {116, Step::kStoresName, 0},
    {117, Step::kSwaps, 0}, {119, Step::kOther, 1}, {120, Step::kPushesOne, 0},
    {128, Step::kPushesNone, 0},
};
// 3.15.0
inline constexpr OpcodeRow kRows315[] = {
    {0, Step::kPushesNone, 0}, {1, Step::kPushesOne, 0}, {2, Step::kPushesOne, 0},
    {4, Step::kPushesOne, 1}, {6, Step::kPushesOne, 0}, {8, Step::kPushesNone, 0},
    {9, Step::kEndsLoop, 0}, {10, Step::kPushesOne, 0}, {12, Step::kPushesOne, 0},
    {13, Step::kPushesOne, 0}, {14, Step::kPushesOne, 0}, {15, Step::kPushesOne, 0},
    {16, Step::kPushesOne, 0}, {18, Step::kEnds, 0}, {19, Step::kPushesOne, 0},
    {20, Step::kPushesOne, 0}, {21, Step::kPushesOne, 0}, {22, Step::kPushesOne, 0},
    {23, Step::kPushesOne, 0}, {24, Step::kPushesOne, 0}, {25, Step::kPushesNone, 0},
    {26, Step::kPushesNone, 0}, {27, Step::kPopsException, 0}, {28, Step::kPushesNone, 0},
    {29, Step::kPushesNone, 0}, {31, Step::kPushesOne, 0}, {33, Step::kReturns, 0},
    {34, Step::kPushesNone, 0}, {35, Step::kStoresSlice, 0}, {36, Step::kStoresItem, 1},
    {37, Step::kPushesOne, 3}, {38, Step::kPushesOne, 0}, {39, Step::kPushesOne, 0},
    {40, Step::kPushesOne, 0}, {41, Step::kPushesOne, 0}, {42, Step::kPushesOne, 5},
    {43, Step::kPushesOne, 0}, {44, Step::kPushesOne, 0}, {45, Step::kPushesOne, 0},
    {46, Step::kPushesOne, 0}, {47, Step::kPushesOne, 0}, {48, Step::kPushesOne, 0},
    {49, Step::kPushesOne, 0}, {50, Step::kPushesOne, 3}, {51, Step::kPushesOne, 0},
    {52, Step::kPushesOne, 0}, {53, Step::kPushesOne, 3}, {54, Step::kPushesOne, 1},
    {55, Step::kPushesOne, 1}, {56, Step::kPushesOne, 0}, {57, Step::kCopies, 0},
    {58, Step::kPushesNone, 0}, {59, Step::kPushesNone, 0}, {60, Step::kDeletes, 0},
    {61, Step::kDeletes, 0}, {62, Step::kDeletes, 0}, {63, Step::kDeletes, 0},
    {64, Step::kPushesNone, 0}, {65, Step::kPushesNone, 0}, {66, Step::kPushesNone, 0},
    {67, Step::kExtends, 0}, {68, Step::kPushesOrJumps, 1}, {69, Step::kPushesOne, 0},
    {70, Step::kOther, 1}, {71, Step::kPushesOne, 0}, {72, Step::kPushesOne, 0},
    {73, Step::kPushesOne, 0}, {74, Step::kJumpsBack, 1}, {75, Step::kJumpsBack, 0},
    {76, Step::kJumpsOn, 0}, {77, Step::kPushesNone, 0}, {78, Step::kPushesNone, 0},
    {79, Step::kLoadsAttribute, 9}, {80, Step::kLoadsConstant, 0}, {81, Step::kLoadsConstant, 0},
    {82, Step::kLoadsDeref, 0}, {83, Step::kLoadsFast, 0}, {84, Step::kLoadsAndClears, 0},
    {85, Step::kLoadsFast, 0}, {86, Step::kLoadsTwoFast, 0}, {87, Step::kLoadsFast, 0},
    {88, Step::kLoadsTwoFast, 0}, {89, Step::kPushesOne, 0}, {90, Step::kPushesOne, 0},
    {91, Step::kLoadsGlobal, 4}, {92, Step::kLoadsName, 0}, {93, Step::kPushesOne, 0},
    {95, Step::kOther, 1}, {96, Step::kPushesNone, 0}, {97, Step::kPushesNone, 0},
    {98, Step::kPushesOne, 0}, {99, Step::kMayJump, 1}, {100, Step::kMayJump, 1},
    {101, Step::kMayJump, 1}, {102, Step::kMayJump, 1}, {103, Step::kRaises, 0},
    {104, Step::kEnds, 0}, {105, Step::kPushesOrJumps, 1}, {106, Step::kPushesNone, 0},
    {107, Step::kPushesOne, 0}, {108, Step::kPushesNone, 0}, {109, Step::kStoresAttribute, 4},
    {110, Step::kStoresDeref, 0}, {111, Step::kStoresFast, 0}, {112, Step::kStoresAndLoadsFast, 0},
    {113, Step::kStoresTwoFast, 0}, {114, Step::kStoresGlobal, 0}, {115, Step::kStoresName, 0},
    {116, Step::kSwaps, 0}, {118, Step::kOther, 1}, {119, Step::kPushesOne, 0},
    {128, Step::kPushesNone, 1},
};
// clang-format on

}  // namespace vtn::runtime
