// SPDX-License-Identifier: Apache-2.0
//
// How a value of the program's is told of: a tag, what belongs to it, for containers the values in
// it. Made in the traced process without running any of its code, made readable by reports. Numbers
// are little-endian and lie at any address. Text is UTF-8 as the program gave it.
//
//   text     2 bytes of length, the bytes
//   count    4 bytes: how many there are in all; 2 bytes: how many follow
#pragma once

#include <stdint.h>

namespace vtn {

enum class ValueTag : uint8_t {
  kNone = 'N',
  kTrue = 'T',
  kFalse = 'F',
  kEllipsis = 'E',
  kNotImplemented = 'U',
  kInt = 'i',        // 8 bytes, signed
  kBigInt = 'I',     // text: in base 16, "-0x1f"
  kHugeInt = 'h',    // 8 bytes: so many bits
  kFloat = 'd',      // 8 bytes
  kComplex = 'c',    // 16 bytes
  kStr = 's',        // 4 bytes: characters there are; text: of the first ones
  kBytes = 'b',      // 4 bytes: bytes there are; text: the first ones
  kByteArray = 'a',  // likewise
  kTuple = 't',      // count, values
  kList = 'l',       // count, values
  kSet = 'e',        // count, values
  kFrozenSet = 'z',  // count, values
  kDict = 'm',       // count, pairs of key and value
  kObject = 'o',     // text: its type; shown as <type>
  kFields = 'D',     // text: its type; count, pairs of name (text, without a tag) and value
  kEnum = 'n',       // text: its class and name; its value
  kException = 'x',  // text: its type; count, values: its arguments
  kRepr = 'r',       // 4 bytes: characters there are; text: the first ones of what its repr is
  kRedacted = '*',   // it was not to be told
  kMore = '.',       // there was no room for it
  kUnbound = '-',    // there is none
};

}  // namespace vtn
