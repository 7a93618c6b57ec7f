// SPDX-License-Identifier: Apache-2.0
//
// Tokens of Python source, of 3.12 and later, as far as comments, lines, brackets and some words
// matter: strings are what CPython's own lexer takes for such, with the fields of f- and t-strings,
// which have tokens of their own; lines end as there. Needs no interpreter and no memory. What is
// no Python is gone through as well, to its end.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\f'; }
inline bool is_line_end(char c) { return c == '\n' || c == '\r'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

inline bool begins_with(const char* at, const char* end, const char* text, size_t bytes) {
  return static_cast<size_t>(end - at) >= bytes && memcmp(at, text, bytes) == 0;
}

// Without the blanks and line ends around it.
inline tracer::Text trimmed(const char* begin, const char* end) {
  const auto blank = [](char c) { return is_space(c) || is_line_end(c); };
  while (begin != end && blank(*begin)) {
    ++begin;
  }
  while (begin != end && blank(end[-1])) {
    --end;
  }
  return {begin, static_cast<size_t>(end - begin)};
}

inline bool equals(tracer::Text text, const char* word) {
  return text.bytes == strlen(word) && memcmp(text.data, word, text.bytes) == 0;
}

// Goes through source token by token, as far as comments, lines, brackets and some words matter.
class SourceLexer {
 public:
  SourceLexer(const char* begin, const char* end) : at_(begin), end_(end) {}

  enum class Token { kEnd, kNewLine, kComment, kWord, kString, kOther };

  // What comes next, blanks left out; it lies from begin() to at(). kNewLine: a line has ended, and
  // may go on (is_inside()).
  Token next();

  const char* begin() const { return begin_; }
  const char* at() const { return at_; }
  uint32_t line() const { return line_; }              // of at()
  uint32_t first_line() const { return first_line_; }  // of begin()
  uint32_t depth() const { return depth_; }

  // Whether the next line belongs to the same logical one.
  bool is_inside() const { return depth_ != 0 || open_ != 0 || is_joined_; }

  // Takes the blanks that a line begins with; how many columns they have.
  uint32_t take_indent();

 private:
  static constexpr uint32_t kMostNested = 160;  // strings in strings: CPython allows 150

  // A string with fields in it that the lexer is in, or a field in the format of a field.
  struct OpenString {
    char quote;
    bool is_long;  // has three quotes
    bool is_raw;
    bool is_field;   // no string of its own: ends with the field
    bool in_format;  // behind the colon of a field
    uint32_t depth;  // of brackets, within its field
  };

  void take_line_end() {
    at_ += *at_ == '\r' && at_ + 1 != end_ && at_[1] == '\n' ? 2 : 1;
    ++line_;
  }

  // One character of a string.
  void take_character() {
    if (is_line_end(*at_)) {
      take_line_end();
    } else {
      ++at_;
    }
  }

  Token take_token();

  uint32_t least_depth() const { return open_ == 0 ? 0 : strings_[open_ - 1].depth; }

  static bool is_prefix(tracer::Text word);

  static bool has(tracer::Text prefix, const char* letters);

  bool is_long_quote(char quote) const {
    return end_ - at_ >= 3 && at_[0] == quote && at_[1] == quote && at_[2] == quote;
  }

  // At its quote.
  void take_string(tracer::Text prefix);

  bool take_quote(const OpenString& string);

  // The innermost string ends, with the fields in formats of its own.
  void close_string();

  // The text of a string with fields, or of a field's format, up to the next field or its end.
  void take_literal();

  void take_escape(bool is_raw);

  void open_field();

  // Whether the character ends the expression of a field.
  bool take_end_of_field(char c);

  const char* at_;
  const char* const end_;
  const char* begin_ = nullptr;
  uint32_t line_ = 1;
  uint32_t first_line_ = 1;
  uint32_t depth_ = 0;
  uint32_t open_ = 0;
  bool is_joined_ = false;
  OpenString strings_[kMostNested];
};

}  // namespace vtn::runtime
