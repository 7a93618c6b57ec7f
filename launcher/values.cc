// SPDX-License-Identifier: Apache-2.0
#include "launcher/values.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include <ctype.h>

namespace vtn::launcher {

namespace {

struct Unit {
  std::string_view name;  // lower case
  double factor;
};

constexpr Unit kTimes[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
constexpr Unit kSizes[] = {{"b", 1},
                           {"k", 1e3},
                           {"m", 1e6},
                           {"g", 1e9},
                           {"t", 1e12},
                           {"kb", 1e3},
                           {"mb", 1e6},
                           {"gb", 1e9},
                           {"tb", 1e12},
                           {"kib", 1024.0},
                           {"mib", 1024.0 * 1024},
                           {"gib", 1024.0 * 1024 * 1024},
                           {"tib", 1024.0 * 1024 * 1024 * 1024}};
constexpr double kMostNs = 1e15;
constexpr double kMostBytes = 1e18;

// A number of at least 0 and a unit, with or without blanks between them.
std::optional<double> read_quantity(std::string_view text,
                                    std::span<const Unit> units,
                                    double bare,
                                    double most) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !(number >= 0)) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) {
    return static_cast<char>(tolower(letter));
  });
  double factor = bare;
  if (!name.empty()) {
    const auto unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& one) { return one.name == name; });
    if (unit == units.end()) {
      return std::nullopt;
    }
    factor = unit->factor;
  }
  const double value = number * factor;
  return value <= most ? std::optional<double>(value) : std::nullopt;
}

}  // namespace

Result<uint64_t> read_number(const std::string& text, uint64_t least, uint64_t most) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return fail("must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

Result<uint64_t> read_duration_ns(const std::string& text, uint64_t unit_ns) {
  const auto ns = read_quantity(text, kTimes, static_cast<double>(unit_ns), kMostNs);
  if (!ns) {
    const char* unit = unit_ns == 1'000'000'000 ? "seconds" : "microseconds";
    return fail(std::string("must be a time, such as 0.3ms, 13us or 5 (") + unit +
                "), up to a million seconds");
  }
  return static_cast<uint64_t>(*ns);
}

Result<uint64_t> read_size_bytes(const std::string& text) {
  const auto bytes = read_quantity(text, kSizes, 1, kMostBytes);
  if (!bytes) {
    return fail("must be a size, such as 500MB, 2GB or 4096 (bytes)");
  }
  return static_cast<uint64_t>(*bytes);
}

}  // namespace vtn::launcher
