// SPDX-License-Identifier: Apache-2.0
#include "importer/json/text.h"

#include <charconv>
#include <cmath>

#include <string.h>

namespace vtn::importer {

namespace {

constexpr uint64_t kMostNs = uint64_t{1} << 62;

// Bit 7 of each byte that is zero; of higher bytes than the lowest such one it may be wrong.
constexpr uint64_t zero_bytes(uint64_t word) {
  return (word - 0x0101'0101'0101'0101) & ~word & 0x8080'8080'8080'8080;
}
constexpr uint64_t every_byte(char byte) {
  return 0x0101'0101'0101'0101 * static_cast<unsigned char>(byte);
}

// The first quote, backslash or zero from there on.
const char* end_of_plain(const char* at) {
  for (;;) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    const uint64_t found =
        zero_bytes(word ^ every_byte('"')) | zero_bytes(word ^ every_byte('\\')) | zero_bytes(word);
    if (found != 0) {
      return at + (__builtin_ctzll(found) >> 3);
    }
    at += sizeof(word);
  }
}

bool is_scalar_byte(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '+' || byte == '.';
}

void append_utf8(std::string& to, uint32_t code) {
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xc0 | (code >> 6));
    to += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x1'0000) {
    to += static_cast<char>(0xe0 | (code >> 12));
    to += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    to += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    to += static_cast<char>(0xf0 | (code >> 18));
    to += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    to += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    to += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// Four digits in base 16 at `at`.
bool hex4(std::string_view raw, size_t at, uint32_t& code) {
  if (at + 4 > raw.size()) {
    return false;
  }
  const char* begin = raw.data() + at;
  const auto read = std::from_chars(begin, begin + 4, code, 16);
  return read.ec == std::errc() && read.ptr == begin + 4;
}

}  // namespace

bool JsonCursor::string(std::string_view& raw) {
  if (!expect('"')) {
    return false;
  }
  const char* const begin = at;
  const char* stop = at;
  for (;;) {
    stop = end_of_plain(stop);
    if (*stop == '"') {
      break;
    }
    if (stop >= end || (*stop == '\\' && stop + 1 >= end)) {
      at = end;
      return fail();
    }
    stop += *stop == '\\' ? 2 : 1;  // a zero in the text is one of its bytes
  }
  raw = {begin, static_cast<size_t>(stop - begin)};
  at = stop + 1;
  return true;
}

bool JsonCursor::value(std::string_view& raw) {
  skip_space();
  const char* const begin = at;
  std::string_view inside;
  if (*at == '"') {
    if (!string(inside)) {
      return false;
    }
  } else if (*at == '{' || *at == '[') {
    size_t depth = 0;
    do {
      switch (*at) {
        case '"':
          if (!string(inside)) {
            return false;
          }
          continue;
        case '{':
        case '[':
          ++depth;
          break;
        case '}':
        case ']':
          --depth;
          break;
        case '\0':
          return fail();
        default:
          break;
      }
      ++at;
    } while (depth != 0);
  } else {
    static constexpr std::string_view kFirst = "-0123456789tfnNI";
    if (kFirst.find(*at) == kFirst.npos) {
      return fail();
    }
    while (is_scalar_byte(*at)) {
      ++at;
    }
    if (at == begin || at >= end) {
      return fail();  // at the end of the text more of it may follow
    }
  }
  raw = {begin, static_cast<size_t>(at - begin)};
  return true;
}

bool JsonCursor::member(bool& first, std::string_view& key) {
  if (take('}')) {
    return false;
  }
  if (!first && !expect(',')) {
    return false;
  }
  first = false;
  return string(key) && expect(':');
}

bool JsonCursor::element(bool& first) {
  if (take(']')) {
    return false;
  }
  if (!first && !expect(',')) {
    return false;
  }
  first = false;
  return true;
}

std::string unescaped(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (size_t at = 0; at < raw.size(); ++at) {
    if (raw[at] != '\\' || at + 1 == raw.size()) {
      text += raw[at];
      continue;
    }
    switch (const char letter = raw[++at]; letter) {
      case 'n':
        text += '\n';
        break;
      case 't':
        text += '\t';
        break;
      case 'r':
        text += '\r';
        break;
      case 'b':
        text += '\b';
        break;
      case 'f':
        text += '\f';
        break;
      case 'u': {
        uint32_t code = 0;
        uint32_t low = 0;
        if (!hex4(raw, at + 1, code)) {
          text += "\\u";
          break;
        }
        at += 4;
        if (code >= 0xd800 && code < 0xdc00 && raw.substr(at + 1, 2) == "\\u" &&
            hex4(raw, at + 3, low) && low >= 0xdc00 && low < 0xe000) {
          code = 0x1'0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          at += 6;
        }
        append_utf8(text, code);
        break;
      }
      default:
        text += letter;
        break;
    }
  }
  return text;
}

std::optional<uint64_t> nanoseconds_of(std::string_view text) {
  uint64_t whole = 0;
  size_t at = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    if (whole > kMostNs / 1000) {
      return std::nullopt;
    }
    whole = whole * 10 + static_cast<uint64_t>(text[at++] - '0');
  }
  const bool digits = at != 0;
  uint64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    size_t places = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++places) {
      if (places < 3) {
        fraction = fraction * 10 + static_cast<uint64_t>(text[at] - '0');
      } else if (places == 3) {
        fraction += text[at] >= '5' ? 1 : 0;
      }
    }
    for (; places < 3; ++places) {
      fraction *= 10;
    }
  }
  if (at == text.size() && digits) {
    const uint64_t ns = whole * 1000 + fraction;
    return ns <= kMostNs ? std::optional(ns) : std::nullopt;
  }
  const auto number = float_of(text);  // "1.5e3", "-0.0"
  if (!number || !(*number >= 0) || *number > static_cast<double>(kMostNs) / 1000) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(std::llround(*number * 1000));
}

std::optional<int64_t> integer_of(std::string_view text) {
  int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? std::optional(number)
                                                                         : std::nullopt;
}

std::optional<double> float_of(std::string_view text) {
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? std::optional(number)
                                                                         : std::nullopt;
}

}  // namespace vtn::importer
