// SPDX-License-Identifier: Apache-2.0
#include "debugger/times.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/process_names.h"

namespace vtn::debugger {

namespace {

struct Unit {
  std::string_view name;
  uint64_t ns;
  int decimals;  // of a nanosecond
};
constexpr Unit kUnits[] = {
    {"s", 1'000'000'000, 9}, {"ms", 1'000'000, 6}, {"us", 1'000, 3}, {"ns", 1, 0}};

constexpr size_t kShownWord = 80;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

}  // namespace

std::string time_text(uint64_t ns) {
  for (const Unit& unit : kUnits) {
    if (ns >= unit.ns && unit.decimals != 0) {
      return fmt::format("{}.{:0{}} {}", ns / unit.ns, ns % unit.ns, unit.decimals, unit.name);
    }
  }
  return fmt::format("{} ns", ns);
}

Result<AskedTime> parse_time(std::string_view text) {
  const auto no_time = [whole = text] {
    return fail("'" + report::one_line(whole, kShownWord) +
                "' is no time: 1.5s, 200ms, 12us, 950ns, +5ms, -5ms");
  };
  AskedTime asked;
  if (text.starts_with('+') || text.starts_with('-')) {
    asked.sign = text.front() == '+' ? 1 : -1;
    text.remove_prefix(1);
  }
  const size_t behind = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, behind);
  std::string_view name = text.substr(behind);
  while (name.starts_with(' ')) {
    name.remove_prefix(1);
  }
  const Unit* unit = nullptr;
  for (const Unit& one : kUnits) {
    if (name == one.name || (name.empty() && one.name == "us")) {
      unit = &one;
    }
  }
  const size_t point = std::min(number.find('.'), number.size());
  const std::string_view whole = number.substr(0, point);
  const std::string_view rest = number.substr(std::min(point + 1, number.size()));
  if (unit == nullptr || (whole.empty() && rest.empty()) || rest.find('.') != rest.npos) {
    return no_time();
  }
  for (const char digit : whole) {
    if (!is_digit(digit) || __builtin_mul_overflow(asked.ns, uint64_t{10}, &asked.ns) ||
        __builtin_add_overflow(asked.ns, static_cast<uint64_t>(digit - '0'), &asked.ns)) {
      return no_time();
    }
  }
  if (__builtin_mul_overflow(asked.ns, unit->ns, &asked.ns)) {
    return no_time();
  }
  uint64_t part = unit->ns;  // of a digit behind the point; what is less than 1 ns is dropped
  for (const char digit : rest) {
    part /= 10;
    if (__builtin_add_overflow(asked.ns, part * static_cast<uint64_t>(digit - '0'), &asked.ns)) {
      return no_time();
    }
  }
  return asked;
}

}  // namespace vtn::debugger
