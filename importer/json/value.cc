// SPDX-License-Identifier: Apache-2.0
#include "importer/json/value.h"

#include "importer/json/text.h"

namespace vtn::importer {

namespace {

constexpr int kDeepest = 64;

}  // namespace

class JsonParser {
 public:
  static bool parse(JsonCursor& from, JsonValue& to, int depth) {
    from.skip_space();
    if (depth > kDeepest) {
      return from.fail();
    }
    bool first = true;
    std::string_view raw;
    if (*from.at == '"') {
      to.kind_ = JsonValue::Kind::kString;
      if (!from.string(raw)) {
        return false;
      }
      to.text_ = unescaped(raw);
      return true;
    }
    if (from.take('{')) {
      to.kind_ = JsonValue::Kind::kObject;
      while (from.member(first, raw)) {
        auto& [key, value] = to.members_.emplace_back();
        key = unescaped(raw);
        if (!parse(from, value, depth + 1)) {
          return false;
        }
      }
      return !from.failed;
    }
    if (from.take('[')) {
      to.kind_ = JsonValue::Kind::kArray;
      while (from.element(first)) {
        if (!parse(from, to.elements_.emplace_back(), depth + 1)) {
          return false;
        }
      }
      return !from.failed;
    }
    if (!from.value(raw)) {
      return false;
    }
    to.text_ = raw;
    return true;
  }
};

std::optional<JsonValue> JsonValue::parse(std::string_view text) {
  std::string padded(text);
  padded += ' ';  // behind a number that ends the text
  JsonCursor from = {padded.data(), padded.data() + padded.size()};
  padded.append(kPadding, '\0');
  from.at = padded.data();
  from.end = padded.data() + text.size() + 1;
  JsonValue value;
  if (!JsonParser::parse(from, value, 0)) {
    return std::nullopt;
  }
  return value;
}

int64_t JsonValue::integer() const {
  return kind_ == Kind::kScalar ? integer_of(text_).value_or(0) : 0;
}

const JsonValue& JsonValue::operator[](std::string_view key) const {
  static const JsonValue none;
  for (const auto& [name, value] : members_) {
    if (name == key) {
      return value;
    }
  }
  return none;
}

std::vector<std::string> JsonValue::texts() const {
  std::vector<std::string> all;
  for (const JsonValue& element : elements_) {
    all.push_back(element.text());
  }
  return all;
}

}  // namespace vtn::importer
