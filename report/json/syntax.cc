// SPDX-License-Identifier: Apache-2.0
#include "report/json/syntax.h"

#include "base/utf8.h"

namespace vtn::report {

namespace {

constexpr int kDeepest = 64;

// Reads from the front; each answers whether it was there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool whole() {
    if (!value(0)) {
      return false;
    }
    space();
    return text_.empty();
  }

 private:
  void space() {
    while (!text_.empty() && std::string_view(" \t\r\n").find(text_.front()) != text_.npos) {
      text_.remove_prefix(1);
    }
  }
  bool take(char wanted) {
    if (text_.empty() || text_.front() != wanted) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) {
      return false;
    }
    text_.remove_prefix(word.size());
    return true;
  }
  bool digits() {
    const size_t before = text_.size();
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      text_.remove_prefix(1);
    }
    return text_.size() != before;
  }

  bool number() {
    (void)take('-');
    if (!take('0') && !digits()) {
      return false;
    }
    if (take('.') && !digits()) {
      return false;
    }
    if (take('e') || take('E')) {
      (void)(take('+') || take('-'));
      return digits();
    }
    return true;
  }

  bool string() {
    if (!take('"')) {
      return false;
    }
    while (!text_.empty()) {
      const char next = text_.front();
      text_.remove_prefix(1);
      if (next == '"') {
        return true;
      }
      if (static_cast<unsigned char>(next) < 0x20) {
        return false;
      }
      if (next == '\\' && !escape()) {
        return false;
      }
    }
    return false;
  }
  bool escape() {
    if (text_.empty()) {
      return false;
    }
    const char next = text_.front();
    text_.remove_prefix(1);
    if (next != 'u') {
      return std::string_view("\"\\/bfnrt").find(next) != std::string_view::npos;
    }
    for (int i = 0; i < 4; ++i) {
      if (text_.empty() || std::string_view("0123456789abcdefABCDEF").find(text_.front()) ==
                               std::string_view::npos) {
        return false;
      }
      text_.remove_prefix(1);
    }
    return true;
  }

  // What stands between brackets; `member` reads one.
  template <class Member>
  bool list(char end, const Member& member) {
    space();
    if (take(end)) {
      return true;
    }
    do {
      if (!member()) {
        return false;
      }
      space();
    } while (take(','));
    return take(end);
  }

  bool value(int depth) {
    space();
    if (text_.empty() || depth > kDeepest) {
      return false;
    }
    switch (text_.front()) {
      case '{':
        text_.remove_prefix(1);
        return list('}', [&] {
          space();
          if (!string()) {
            return false;
          }
          space();
          return take(':') && value(depth + 1);
        });
      case '[':
        text_.remove_prefix(1);
        return list(']', [&] { return value(depth + 1); });
      case '"':
        return string();
      case 't':
        return take("true");
      case 'f':
        return take("false");
      case 'n':
        return take("null");
      default:
        return number();
    }
  }

  std::string_view text_;
};

}  // namespace

bool is_json(std::string_view text) { return valid_utf8(text) == text && Scanner(text).whole(); }

}  // namespace vtn::report
