// SPDX-License-Identifier: Apache-2.0
//
// Records of a names stream (names_abi.h) as files are made that no tracer told of.
#pragma once

#include <string>
#include <string_view>

#include <stdint.h>

#include "abi/names_abi.h"
#include "base/result.h"
#include "spool/writer.h"

namespace vtn::spool {

// Head, struct, text, padded to words.
template <class T>
std::string name_record(NameRecord type, const T& body, std::string_view text) {
  const size_t words = 1 + (sizeof(body) + text.size() + 7) / 8;
  const uint64_t head = name_record_head(type, static_cast<uint32_t>(words));
  std::string record(reinterpret_cast<const char*>(&head), sizeof(head));
  record.append(reinterpret_cast<const char*>(&body), sizeof(body));
  record += text;
  record.resize(words * 8);
  return record;
}

inline std::string text_record(NameRecord type, uint32_t key, std::string_view text) {
  return name_record(type, TextRecord{key, static_cast<uint32_t>(text.size())}, text);
}

inline std::string function_record(FunctionRecord record,
                                   std::string_view name,
                                   std::string_view file) {
  record.name_bytes = static_cast<uint32_t>(name.size());
  record.file_bytes = static_cast<uint32_t>(file.size());
  return name_record(NameRecord::kFunction, record, std::string(name) + std::string(file));
}

// A frame of such records.
inline Status append_names(Writer& writer, uint32_t image, std::string_view records) {
  return writer.append_struct(FrameKind::kNames, NamesFrame{image, 0}, records);
}

}  // namespace vtn::spool
