// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/source_lexer.h"

namespace vtn::runtime {

namespace {

constexpr uint32_t kTabColumns = 8;
constexpr size_t kLongestPrefix = 2;  // of a string: rb, fr, ...

}  // namespace

SourceLexer::Token SourceLexer::next() {
  while (at_ != end_) {
    begin_ = at_;
    first_line_ = line_;
    const char c = *at_;
    if (is_space(c)) {
      ++at_;
    } else if (is_line_end(c)) {
      take_line_end();
      return Token::kNewLine;
    } else if (c == '\\' && at_ + 1 != end_ && is_line_end(at_[1])) {
      ++at_;
      take_line_end();
      is_joined_ = true;
      return Token::kNewLine;
    } else if (c == '#') {
      while (at_ != end_ && !is_line_end(*at_)) {
        ++at_;
      }
      return Token::kComment;
    } else {
      is_joined_ = false;
      return take_token();
    }
  }
  begin_ = at_;
  return Token::kEnd;
}

uint32_t SourceLexer::take_indent() {
  uint32_t columns = 0;
  for (; at_ != end_ && is_space(*at_); ++at_) {
    columns = *at_ == '\f'   ? 0
              : *at_ == '\t' ? (columns / kTabColumns + 1) * kTabColumns
                             : columns + 1;
  }
  is_joined_ = false;
  return columns;
}

SourceLexer::Token SourceLexer::take_token() {
  const char c = *at_;
  if (c == '"' || c == '\'') {
    take_string({at_, 0});
    return Token::kString;
  }
  if (is_word(c)) {
    while (at_ != end_ && is_word(*at_)) {
      ++at_;
    }
    const tracer::Text word = {begin_, static_cast<size_t>(at_ - begin_)};
    if (at_ != end_ && (*at_ == '"' || *at_ == '\'') && is_prefix(word)) {
      take_string(word);
      return Token::kString;
    }
    return is_digit(c) ? Token::kOther : Token::kWord;
  }
  ++at_;
  if (open_ != 0 && depth_ == strings_[open_ - 1].depth && take_end_of_field(c)) {
    return Token::kOther;
  }
  if (c == '(' || c == '[' || c == '{') {
    ++depth_;
  } else if ((c == ')' || c == ']' || c == '}') && depth_ > least_depth()) {
    --depth_;
  }
  return Token::kOther;
}

bool SourceLexer::is_prefix(tracer::Text word) {
  for (size_t i = 0; i < word.bytes; ++i) {
    if (strchr("rRbBuUfFtT", word.data[i]) == nullptr) {
      return false;
    }
  }
  return word.bytes <= kLongestPrefix;
}

bool SourceLexer::has(tracer::Text prefix, const char* letters) {
  for (size_t i = 0; i < prefix.bytes; ++i) {
    if (strchr(letters, prefix.data[i]) != nullptr) {
      return true;
    }
  }
  return false;
}

void SourceLexer::take_string(tracer::Text prefix) {
  OpenString string = {};
  string.quote = *at_;
  string.is_long = is_long_quote(string.quote);
  string.is_raw = has(prefix, "rR");
  at_ += string.is_long ? 3 : 1;
  if (has(prefix, "fFtT") && open_ != kMostNested) {
    strings_[open_++] = string;
    take_literal();
    return;
  }
  while (at_ != end_ && !take_quote(string)) {
    if (*at_ == '\\') {
      ++at_;
      if (at_ == end_) {
        return;
      }
    } else if (is_line_end(*at_) && !string.is_long) {
      return;  // it has no end
    }
    take_character();
  }
}

bool SourceLexer::take_quote(const OpenString& string) {
  if (*at_ != string.quote || (string.is_long && !is_long_quote(string.quote))) {
    return false;
  }
  at_ += string.is_long ? 3 : 1;
  return true;
}

void SourceLexer::close_string() {
  while (open_ != 0 && strings_[open_ - 1].is_field) {
    --open_;
  }
  open_ -= open_ != 0 ? 1 : 0;
}

void SourceLexer::take_literal() {
  while (at_ != end_) {
    OpenString& string = strings_[open_ - 1];
    const char c = *at_;
    if (take_quote(string)) {
      close_string();
      return;
    }
    if (is_line_end(c) && !string.is_long) {
      close_string();  // it has no end
      return;
    }
    if (c == '\\') {
      take_escape(string.is_raw);
    } else if (c == '{' && !string.in_format && at_ + 1 != end_ && at_[1] == '{') {
      at_ += 2;
    } else if (c == '{') {
      ++at_;
      open_field();
      return;
    } else if (c == '}' && string.in_format) {
      ++at_;
      if (string.is_field) {
        --open_;
      } else {
        string.in_format = false;
      }
    } else {
      take_character();
    }
  }
}

void SourceLexer::take_escape(bool is_raw) {
  ++at_;
  if (at_ == end_ || *at_ == '{' || *at_ == '}') {
    return;
  }
  if (!is_raw && begins_with(at_, end_, "N{", 2)) {
    while (at_ != end_ && *at_ != '}' && !is_line_end(*at_)) {
      ++at_;
    }
    return;
  }
  take_character();
}

void SourceLexer::open_field() {
  const OpenString& string = strings_[open_ - 1];
  if (string.in_format && open_ != kMostNested) {
    OpenString field = string;
    field.is_field = true;
    field.in_format = false;
    strings_[open_++] = field;
  }
  ++depth_;
  strings_[open_ - 1].depth = depth_;
}

bool SourceLexer::take_end_of_field(char c) {
  OpenString& string = strings_[open_ - 1];
  if (c != '}' && c != ':') {
    return false;
  }
  --depth_;
  if (c == ':') {
    string.in_format = true;
  } else if (string.is_field) {
    --open_;  // it was in a format, which goes on
  } else {
    string.in_format = false;
  }
  take_literal();
  return true;
}

}  // namespace vtn::runtime
