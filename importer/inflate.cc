// SPDX-License-Identifier: Apache-2.0
#include "importer/inflate.h"

#include <algorithm>
#include <array>

#include <stdint.h>
#include <string.h>
#include <zlib.h>

namespace vtn::importer {

namespace {

constexpr int kGzipOrZlib = 32 + MAX_WBITS;
constexpr size_t kStepBytes = size_t{1} << 18;
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> make_digits() {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<uint8_t, 256> digits = {};
  for (uint8_t& digit : digits) {
    digit = kNoDigit;
  }
  for (uint8_t i = 0; i < 64; ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = i;
  }
  return digits;
}
constexpr std::array<uint8_t, 256> kDigits = make_digits();

}  // namespace

bool inflate_piece(std::string_view compressed, size_t most_bytes, std::string& to) {
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOrZlib) != Z_OK) {
    return false;
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  const size_t before = to.size();
  int how = Z_OK;
  while (how == Z_OK) {
    const size_t had = to.size();
    if (had - before > most_bytes) {
      break;
    }
    to.resize(had + std::max(kStepBytes, (had - before) / 2));
    stream.next_out = reinterpret_cast<Bytef*>(to.data() + had);
    stream.avail_out = static_cast<uInt>(to.size() - had);
    how = inflate(&stream, Z_NO_FLUSH);
    to.resize(to.size() - stream.avail_out);
  }
  (void)inflateEnd(&stream);
  return how == Z_STREAM_END && to.size() - before <= most_bytes;
}

bool decode_base64(std::string_view text, std::string& to) {
  while (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) {
    return false;
  }
  const size_t had = to.size();
  to.resize(had + text.size() / 4 * 3 + text.size() % 4);
  char* out = to.data() + had;
  uint32_t bits = 0;
  uint32_t bad = 0;
  size_t at = 0;
  for (; at + 4 <= text.size(); at += 4) {
    for (size_t i = 0; i < 4; ++i) {
      const uint8_t digit = kDigits[static_cast<unsigned char>(text[at + i])];
      bad |= digit;
      bits = (bits << 6) | (digit & 0x3f);
    }
    *out++ = static_cast<char>(bits >> 16);
    *out++ = static_cast<char>(bits >> 8);
    *out++ = static_cast<char>(bits);
  }
  bits = 0;
  unsigned count = 0;
  for (; at < text.size(); ++at) {
    const uint8_t digit = kDigits[static_cast<unsigned char>(text[at])];
    bad |= digit;
    bits = (bits << 6) | (digit & 0x3f);
    count += 6;
  }
  while (count >= 8) {
    count -= 8;
    *out++ = static_cast<char>(bits >> count);
  }
  to.resize(static_cast<size_t>(out - to.data()));
  return (bad & 0x80) == 0;  // of kNoDigit alone
}

}  // namespace vtn::importer
