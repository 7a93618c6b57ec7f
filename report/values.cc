// SPDX-License-Identifier: Apache-2.0
#include "report/values.h"

#include <charconv>
#include <cmath>
#include <vector>

#include <string.h>

#include <fmt/format.h>

#include "abi/value_abi.h"
#include "base/utf8.h"

namespace vtn::report {

namespace {

constexpr int kDeepest = 32;
constexpr char kCut[] = "...";

template <class T>
bool take(std::string_view& bytes, T& to) {
  if (bytes.size() < sizeof(T)) {
    return false;
  }
  memcpy(&to, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return true;
}

bool take_text(std::string_view& bytes, std::string_view& to) {
  uint16_t length = 0;
  if (!take(bytes, length) || bytes.size() < length) {
    return false;
  }
  to = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return true;
}

// "-0x1f" in base 10.
std::string decimal_text(std::string_view hex) {
  const bool negative = hex.starts_with('-');
  hex.remove_prefix(negative ? 1 : 0);
  if (!hex.starts_with("0x") || hex.size() > 1024) {
    return std::string(hex);
  }
  constexpr uint32_t kBillion = 1'000'000'000;
  std::vector<uint32_t> parts = {0};  // of nine digits each, lowest first
  for (const char digit : hex.substr(2)) {
    const bool letter = digit >= 'a' && digit <= 'f';
    if (!letter && (digit < '0' || digit > '9')) {
      return std::string(hex);
    }
    uint64_t carry = static_cast<uint64_t>(letter ? digit - 'a' + 10 : digit - '0');
    for (uint32_t& part : parts) {
      const uint64_t value = uint64_t{part} * 16 + carry;
      part = static_cast<uint32_t>(value % kBillion);
      carry = value / kBillion;
    }
    if (carry != 0) {
      parts.push_back(static_cast<uint32_t>(carry));
    }
  }
  std::string text = (negative ? "-" : "") + std::to_string(parts.back());
  for (size_t i = parts.size() - 1; i-- > 0;) {
    text += fmt::format("{:09}", parts[i]);
  }
  return text;
}

// As Python chooses it.
char quote_of(std::string_view text) {
  return text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
}

// What stands for a letter that needs it; else empty.
std::string escape_of(unsigned char letter, char quote) {
  switch (letter) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  if (letter == static_cast<unsigned char>(quote)) {
    return std::string("\\") + quote;
  }
  return letter < 0x20 || letter == 0x7f ? fmt::format("\\x{:02x}", letter) : "";
}

std::string bytes_text(std::string_view bytes, bool whole) {
  const char quote = quote_of(bytes);
  std::string text = std::string("b") + quote;
  for (const char letter : bytes) {
    const auto byte = static_cast<unsigned char>(letter);
    const std::string escape =
        byte >= 0x80 ? fmt::format("\\x{:02x}", byte) : escape_of(byte, quote);
    text += escape.empty() ? std::string(1, letter) : escape;
  }
  return text + quote + (whole ? "" : kCut);
}

std::string complex_text(double real, double imaginary) {
  const auto number = [](double value) {
    std::string text = float_text(value);
    if (text.ends_with(".0")) {
      text.resize(text.size() - 2);
    }
    return text;
  };
  if (real == 0 && !std::signbit(real)) {
    return number(imaginary) + "j";
  }
  const std::string second = number(imaginary);
  return "(" + number(real) + (second.starts_with('-') ? "" : "+") + second + "j)";
}

struct Brackets {
  const char* open;
  const char* close;
};

// One value after the other, into `text`; false: the bytes make no sense from here on.
class Reader {
 public:
  Reader(std::string_view& bytes, std::string& text) : bytes_(bytes), text_(text) {}

  bool value(int depth) {
    uint8_t tag = 0;
    if (depth > kDeepest || !take(bytes_, tag)) {
      return false;
    }
    switch (static_cast<ValueTag>(tag)) {
      case ValueTag::kNone:
        return put("None");
      case ValueTag::kTrue:
        return put("True");
      case ValueTag::kFalse:
        return put("False");
      case ValueTag::kEllipsis:
        return put("Ellipsis");
      case ValueTag::kNotImplemented:
        return put("NotImplemented");
      case ValueTag::kInt: {
        int64_t number = 0;
        return take(bytes_, number) && put(std::to_string(number));
      }
      case ValueTag::kBigInt: {
        std::string_view hex;
        return take_text(bytes_, hex) && put(decimal_text(hex));
      }
      case ValueTag::kHugeInt: {
        uint64_t bits = 0;
        return take(bytes_, bits) && put(fmt::format("<int of {} bits>", bits));
      }
      case ValueTag::kFloat: {
        double number = 0;
        return take(bytes_, number) && put(float_text(number));
      }
      case ValueTag::kComplex: {
        double real = 0;
        double imaginary = 0;
        return take(bytes_, real) && take(bytes_, imaginary) && put(complex_text(real, imaginary));
      }
      case ValueTag::kStr: {
        uint32_t characters = 0;
        std::string_view utf8;
        return take(bytes_, characters) && take_text(bytes_, utf8) &&
               put(str_text(utf8, characters_of(utf8) >= characters));
      }
      case ValueTag::kBytes:
      case ValueTag::kByteArray: {
        uint32_t length = 0;
        std::string_view kept;
        if (!take(bytes_, length) || !take_text(bytes_, kept)) {
          return false;
        }
        const std::string shown = bytes_text(kept, kept.size() >= length);
        return put(static_cast<ValueTag>(tag) == ValueTag::kBytes ? shown
                                                                  : "bytearray(" + shown + ")");
      }
      case ValueTag::kTuple:
        return values({"(", ")"}, depth, true);
      case ValueTag::kList:
        return values({"[", "]"}, depth, false);
      case ValueTag::kSet:
        return values({"{", "}"}, depth, false);
      case ValueTag::kFrozenSet:
        return values({"frozenset({", "})"}, depth, false);
      case ValueTag::kDict:
        return dict(depth);
      case ValueTag::kObject: {
        std::string_view type;
        return take_text(bytes_, type) && put("<" + valid_utf8(type) + ">");
      }
      case ValueTag::kFields:
        return fields(depth);
      case ValueTag::kEnum: {
        std::string_view name;
        if (!take_text(bytes_, name)) {
          return false;
        }
        text_ += "<" + valid_utf8(name) + ": ";
        return value(depth + 1) && put(">");
      }
      case ValueTag::kException: {
        std::string_view type;
        return take_text(bytes_, type) && put(valid_utf8(type)) && values({"(", ")"}, depth, false);
      }
      case ValueTag::kRepr: {
        uint32_t characters = 0;
        std::string_view utf8;
        return take(bytes_, characters) && take_text(bytes_, utf8) && put(valid_utf8(utf8)) &&
               put(characters_of(utf8) < characters ? kCut : "");
      }
      case ValueTag::kRedacted:
        return put("***");
      case ValueTag::kMore:
        return put(kCut);
      case ValueTag::kUnbound:
        return put("<unbound>");
    }
    return false;
  }

 private:
  bool put(std::string_view text) {
    text_ += text;
    return true;
  }

  static size_t characters_of(std::string_view utf8) {
    size_t count = 0;
    for (const char byte : utf8) {
      count += (static_cast<unsigned char>(byte) & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
  }

  bool counts(uint32_t& total, uint16_t& kept) { return take(bytes_, total) && take(bytes_, kept); }

  bool values(const Brackets& brackets, int depth, bool comma_of_one) {
    uint32_t total = 0;
    uint16_t kept = 0;
    if (!counts(total, kept)) {
      return false;
    }
    if (total == 0 && brackets.open[0] == '{') {
      return put("set()");
    }
    if (total == 0 && brackets.open[0] == 'f') {
      return put("frozenset()");
    }
    text_ += brackets.open;
    for (uint16_t i = 0; i < kept; ++i) {
      text_ += i == 0 ? "" : ", ";
      if (!value(depth + 1)) {
        return false;
      }
    }
    end_of(total, kept);
    text_ += comma_of_one && total == 1 ? "," : "";
    return put(brackets.close);
  }

  bool dict(int depth) {
    uint32_t total = 0;
    uint16_t kept = 0;
    if (!counts(total, kept)) {
      return false;
    }
    text_ += '{';
    for (uint16_t i = 0; i < kept; ++i) {
      text_ += i == 0 ? "" : ", ";
      if (!value(depth + 1)) {
        return false;
      }
      text_ += ": ";
      if (!value(depth + 1)) {
        return false;
      }
    }
    end_of(total, kept);
    return put("}");
  }

  bool fields(int depth) {
    std::string_view type;
    uint32_t total = 0;
    uint16_t kept = 0;
    if (!take_text(bytes_, type) || !counts(total, kept)) {
      return false;
    }
    text_ += valid_utf8(type) + "(";
    for (uint16_t i = 0; i < kept; ++i) {
      std::string_view name;
      if (!take_text(bytes_, name)) {
        return false;
      }
      text_ += (i == 0 ? "" : ", ") + valid_utf8(name) + "=";
      if (!value(depth + 1)) {
        return false;
      }
    }
    end_of(total, kept);
    return put(")");
  }

  void end_of(uint32_t total, uint16_t kept) {
    if (total > kept) {
      text_ += fmt::format("{}and {} more", kept == 0 ? "" : ", ", total - kept);
    }
  }

  std::string_view& bytes_;
  std::string& text_;
};

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  if (std::isinf(value)) {
    return value < 0 ? "-inf" : "inf";
  }
  char shortest[32];
  const auto made =
      std::to_chars(shortest, shortest + sizeof(shortest), value, std::chars_format::scientific);
  std::string_view text(shortest, static_cast<size_t>(made.ptr - shortest));
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  const size_t e = text.find('e');
  std::string digits(1, text[0]);
  digits += e > 2 ? text.substr(2, e - 2) : "";
  int exponent = 0;
  std::string_view number = text.substr(e + 1);
  number.remove_prefix(number.starts_with('+') ? 1 : 0);
  (void)std::from_chars(number.data(), number.data() + number.size(), exponent);
  std::string shown = negative ? "-" : "";
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    shown += digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "");
    return shown + fmt::format("e{}{:02}", exponent < 0 ? "-" : "+", std::abs(exponent));
  }
  if (exponent < 0) {
    return shown + "0." + std::string(static_cast<size_t>(-exponent) - 1, '0') + digits;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    return shown + digits + std::string(whole - digits.size(), '0') + ".0";
  }
  return shown + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string str_text(std::string_view utf8, bool whole) {
  const std::string valid = valid_utf8(utf8);
  const char quote = quote_of(valid);
  std::string text(1, quote);
  for (size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const auto second = static_cast<unsigned char>(i + 1 < valid.size() ? valid[i + 1] : 0);
    if (byte == 0xc2 && (second <= 0xa0 || second == 0xad)) {
      text += fmt::format("\\x{:02x}", second);  // control characters, and spaces that show nothing
      ++i;
      continue;
    }
    const std::string escape = escape_of(byte, quote);
    text += escape.empty() ? std::string(1, valid[i]) : escape;
  }
  return text + quote + (whole ? "" : kCut);
}

bool take_value(std::string_view& bytes, size_t most_bytes, std::string& text) {
  text.clear();
  const bool sound = Reader(bytes, text).value(0);
  if (!sound) {
    text += '?';
    bytes = {};
  }
  if (text.size() > most_bytes) {
    text.resize(most_bytes);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) {
      text.pop_back();
    }
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) {
      text.pop_back();
    }
    text += kCut;
  }
  return sound;
}

bool take_value_name(std::string_view& bytes, std::string_view& name) {
  uint16_t length = 0;
  if (bytes.size() < sizeof(length)) {
    return false;
  }
  memcpy(&length, bytes.data(), sizeof(length));
  bytes.remove_prefix(sizeof(length));
  name = bytes.substr(0, length);
  bytes.remove_prefix(name.size());
  return name.size() == length && !bytes.empty();
}

}  // namespace vtn::report
