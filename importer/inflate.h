// SPDX-License-Identifier: Apache-2.0
//
// Small decoders of whole pieces. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include <stddef.h>

namespace vtn::importer {

// One gzip member, or a zlib stream, appended to `to`. False: it is damaged, or becomes larger.
bool inflate_piece(std::string_view compressed, size_t most_bytes, std::string& to);

// Base64 without spaces, appended to `to`. False: it is none.
bool decode_base64(std::string_view text, std::string& to);

}  // namespace vtn::importer
