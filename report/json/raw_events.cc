// SPDX-License-Identifier: Apache-2.0
#include "report/json/raw_events.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <stdlib.h>

#include <fmt/format.h>

#include "report/marks.h"

namespace vtn::report {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kFraction = 3;  // digits of a microsecond that are whole nanoseconds

// What the reads of two clocks, one after the other, and the lines between their pairs may differ
// by. Beyond it the recording has been laid on another clock (--combine).
constexpr int64_t kSameClockNs = 1'000'000;

// The members of an object that is valid JSON.
class Members {
 public:
  explicit Members(std::string_view object) : text_(object), at_(1) {}

  bool next(std::string_view& name, size_t& value, size_t& value_end) {
    at_ = text_.find_first_not_of(kSpace, at_);
    if (at_ < text_.size() && text_[at_] == ',') {
      at_ = text_.find_first_not_of(kSpace, at_ + 1);
    }
    if (at_ >= text_.size() || text_[at_] != '"') {
      return false;
    }
    const size_t name_at = at_;
    skip_string();
    name = text_.substr(name_at + 1, at_ - name_at - 2);
    at_ = text_.find_first_not_of(kSpace, text_.find(':', at_) + 1);
    value = at_;
    skip_value();
    value_end = at_;
    return true;
  }

 private:
  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      at_ += text_[at_] == '\\' ? 1 : 0;
    }
    ++at_;
  }

  void skip_value() {
    size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      depth += c == '{' || c == '[' ? 1 : 0;
      depth -= c == '}' || c == ']' ? 1 : 0;
      ++at_;
    } while (depth != 0 || (text_[at_] != ',' && text_[at_] != '}' &&
                            kSpace.find(text_[at_]) == std::string_view::npos));
  }

  const std::string_view text_;
  size_t at_;
};

}  // namespace

std::string moved_time(std::string_view us, int64_t shift_ns) {
  if (shift_ns == 0) {
    return std::string(us);
  }
  const size_t point = std::min(us.find('.'), us.size());
  const std::string_view fraction = us.substr(std::min(point + 1, us.size()));
  std::string digits(us.substr(0, point));
  digits += fraction.substr(0, kFraction);
  digits.append(kFraction - std::min(fraction.size(), kFraction), '0');
  int64_t ns = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), ns);
  const bool plain = read.ec == std::errc() && read.ptr == digits.data() + digits.size() &&
                     fraction.find_first_not_of("0123456789") == std::string_view::npos;
  if (plain && ns >= 0 && (shift_ns > 0 ? ns <= INT64_MAX - shift_ns : ns + shift_ns >= 0)) {
    ns += shift_ns;
    return fmt::format(
        "{}.{:03}{}", ns / 1000, ns % 1000, fraction.substr(std::min(fraction.size(), kFraction)));
  }
  const std::string text(us);
  char* end = nullptr;
  const double real = strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && !text.empty() && std::isfinite(real)
             ? fmt::format("{:.3f}", real + static_cast<double>(shift_ns) / 1000)
             : text;
}

std::optional<std::string> json_raw_event(const spool::Note& note,
                                          const JsonTrack& track,
                                          uint64_t own_ns,
                                          uint64_t offset_ns) {
  std::string event = raw_event(note);
  if (event.empty()) {
    return std::nullopt;
  }
  int64_t shift_ns = -static_cast<int64_t>(offset_ns);
  if (const std::optional<uint64_t> told_ns = raw_event_ns(note)) {
    const auto apart_ns = static_cast<int64_t>(own_ns - *told_ns);
    shift_ns += std::abs(apart_ns) < kSameClockNs ? 0 : apart_ns;
  }
  bool has_pid = false;
  bool has_tid = false;
  std::string_view name;
  size_t value = 0;
  size_t value_end = 0;
  std::optional<std::pair<size_t, size_t>> time;
  for (Members members(event); members.next(name, value, value_end);) {
    has_pid = has_pid || name == "pid";
    has_tid = has_tid || name == "tid";
    if (name == "ts") {
      time = {value, value_end - value};
    }
  }
  if (time) {
    event.replace(time->first,
                  time->second,
                  moved_time(std::string_view(event).substr(time->first, time->second), shift_ns));
  }
  std::string whose;
  if (!has_pid) {
    whose += fmt::format("\"pid\":{},", track.pid);
  }
  if (!has_tid) {
    whose += fmt::format("\"tid\":{},", track.tid);
  }
  if (!whose.empty() && event.find_first_not_of(kSpace, 1) == event.size() - 1) {
    whose.pop_back();  // it has no members
  }
  return event.insert(1, whose);
}

}  // namespace vtn::report
