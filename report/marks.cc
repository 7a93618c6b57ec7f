// SPDX-License-Identifier: Apache-2.0
#include "report/marks.h"

#include <cmath>

#include <string.h>

#include <fmt/format.h>

#include "abi/value_abi.h"
#include "base/utf8.h"
#include "report/call_values.h"
#include "report/json/syntax.h"
#include "report/values.h"

namespace vtn::report {

namespace {

constexpr std::string_view kTicks = "ticks";  // a span's first value
constexpr std::string_view kNow = "now_ns";   // behind a raw event
constexpr size_t kMostNameBytes = 120;        // of a value within a mark's name

std::string name_of(const spool::Note& note, const spool::FunctionInfo* name) {
  return name != nullptr ? valid_utf8(name->name) : fmt::format("mark {}", note.key);
}

template <class T>
T number_at(std::string_view bytes) {
  T number = 0;
  memcpy(&number, bytes.data() + 1, sizeof(number));
  return number;
}

Number number_of(std::string_view value) {
  const auto tag = static_cast<ValueTag>(value.front());
  if (tag == ValueTag::kTrue || tag == ValueTag::kFalse) {
    return int64_t{tag == ValueTag::kTrue};
  }
  if (value.size() > sizeof(int64_t) && tag == ValueTag::kInt) {
    return number_at<int64_t>(value);
  }
  if (value.size() > sizeof(double) && tag == ValueTag::kFloat) {
    return number_at<double>(value);
  }
  return {};
}

}  // namespace

Instant instant_of(const spool::Note& note, const spool::FunctionInfo* name) {
  Instant instant;
  instant.name = name_of(note, name);
  const bool lasts = is_span(note) || is_span_begin(note);
  instant.category = name != nullptr && !name->file.empty() ? valid_utf8(name->file)
                     : lasts                                ? kSpanCategory
                                                            : "";
  const bool is_raw = name != nullptr && (name->flags & kFunctionIsRaw) != 0;
  std::string_view bytes = note.bytes;
  std::string_view value_name;
  while (take_value_name(bytes, value_name)) {
    std::string text;
    const bool sound = take_value(bytes, kMostValueBytes, text);
    if ((is_span(note) && value_name == kTicks) || (is_raw && value_name == kNow)) {
      continue;
    }
    if (value_name.empty()) {
      std::string_view front = std::string_view(text).substr(0, kMostNameBytes);
      instant.name += " = " + valid_utf8(front) + (front.size() < text.size() ? "..." : "");
    }
    instant.values.emplace_back(value_name.empty() ? kOwnValueKey : valid_utf8(value_name),
                                std::move(text));
    if (!sound) {
      break;
    }
  }
  return instant;
}

uint64_t span_ticks(const spool::Note& note) {
  std::string_view bytes = note.bytes;
  std::string_view value_name;
  if (!take_value_name(bytes, value_name) || value_name != kTicks) {
    return 0;
  }
  const Number ticks = number_of(bytes);
  const auto* const whole = std::get_if<int64_t>(&ticks);
  return whole != nullptr && *whole > 0 ? static_cast<uint64_t>(*whole) : 0;
}

std::string raw_event(const spool::Note& note) {
  std::string_view bytes = note.bytes;
  std::string_view value_name;
  uint32_t characters = 0;
  uint16_t length = 0;
  constexpr size_t kHeadBytes = 1 + sizeof(characters) + sizeof(length);
  if (!take_value_name(bytes, value_name) || bytes.size() < kHeadBytes ||
      static_cast<ValueTag>(bytes.front()) != ValueTag::kStr) {
    return {};
  }
  memcpy(&length, bytes.data() + 1 + sizeof(characters), sizeof(length));
  const std::string_view text = bytes.substr(kHeadBytes);
  // It has been valid JSON when it was recorded; a file may have come to harm since.
  return text.size() >= length && length > 2 && text.front() == '{' && text[length - 1] == '}' &&
                 is_json(text.substr(0, length))
             ? std::string(text.substr(0, length))
             : std::string();
}

std::optional<uint64_t> raw_event_ns(const spool::Note& note) {
  std::string_view bytes = note.bytes;
  std::string_view value_name;
  std::string event;
  if (!take_value_name(bytes, value_name) || !take_value(bytes, kMostValueBytes, event) ||
      !take_value_name(bytes, value_name) || value_name != kNow) {
    return std::nullopt;
  }
  const Number now = number_of(bytes);
  const auto* const whole = std::get_if<int64_t>(&now);
  return whole != nullptr ? std::optional(static_cast<uint64_t>(*whole)) : std::nullopt;
}

CounterSeries series_of(const spool::Note& note, const spool::FunctionInfo* name) {
  if (name == nullptr || name->line == 0 || name->line >= name->name.size()) {
    return {name_of(note, name), kOwnValueKey};
  }
  const std::string_view text = name->name;
  return {valid_utf8(text.substr(0, name->line)), valid_utf8(text.substr(name->line + 1))};
}

CounterValue counter_of(const spool::Note& note, const spool::FunctionInfo* name) {
  CounterValue counter = {name_of(note, name), {}};
  std::string_view bytes = note.bytes;
  std::string_view value_name;
  if (take_value_name(bytes, value_name)) {
    counter.number = number_of(bytes);
  }
  return counter;
}

std::string json_number(const Number& number) {
  if (const auto* whole = std::get_if<int64_t>(&number)) {
    return std::to_string(*whole);
  }
  const auto* real = std::get_if<double>(&number);
  return real != nullptr && std::isfinite(*real) ? float_text(*real) : "null";
}

}  // namespace vtn::report
