// SPDX-License-Identifier: Apache-2.0
//
// A JSON value as a tree, for what is small: metadata, not events.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stdint.h>

namespace vtn::importer {

class JsonValue {
 public:
  // None: it is no JSON, or deeper than 64.
  static std::optional<JsonValue> parse(std::string_view text);

  bool is_string() const { return kind_ == Kind::kString; }
  bool is_null() const { return kind_ == Kind::kScalar && text_ == "null"; }
  // Of anything that is something else: empty, 0, false.
  std::string text() const { return is_string() ? text_ : std::string(); }
  // A number, true, false or null as it stands; of anything else "null".
  std::string_view scalar() const {
    return kind_ == Kind::kScalar ? std::string_view(text_) : std::string_view("null");
  }
  int64_t integer() const;
  bool boolean() const { return kind_ == Kind::kScalar && text_ == "true"; }
  // Null for what is not there.
  const JsonValue& operator[](std::string_view key) const;
  const std::vector<JsonValue>& elements() const { return elements_; }
  const std::vector<std::pair<std::string, JsonValue>>& members() const { return members_; }
  std::vector<std::string> texts() const;  // of its elements

 private:
  friend class JsonParser;
  enum class Kind { kScalar, kString, kArray, kObject };
  Kind kind_ = Kind::kScalar;
  std::string text_ = "null";
  std::vector<JsonValue> elements_;
  std::vector<std::pair<std::string, JsonValue>> members_;
};

}  // namespace vtn::importer
