// SPDX-License-Identifier: Apache-2.0
#include "spool/gaps.h"

#include <charconv>

#include <fmt/format.h>

namespace vtn::spool {

namespace {

struct Reason {
  GapReason reason;
  const char* why;
};
constexpr Reason kReasons[] = {
    {GapReason::kArenaFull, "the recorder did not keep up"},
    {GapReason::kOtherProfiler, "the program's own profiler had this thread"},
    {GapReason::kStackGuard, "too little C stack was left"},
    {GapReason::kOtherEvaluator, "an extension's evaluation function had the interpreter"},
    {GapReason::kPaused, "recording was paused"},
};
constexpr std::string_view kLost = " events lost: ";
constexpr std::string_view kNotRecorded = "not recorded: ";

}  // namespace

std::string gap_name(const Special& gap) {
  const char* why = "unknown reason";
  for (const Reason& one : kReasons) {
    why = static_cast<uint64_t>(one.reason) == gap.reason ? one.why : why;
  }
  return gap.lost_events != 0 ? fmt::format("{}{}{}", gap.lost_events, kLost, why)
                              : fmt::format("{}{}", kNotRecorded, why);
}

bool read_gap_name(std::string_view name, uint64_t& lost_events, GapReason& reason) {
  lost_events = 0;
  if (name.starts_with(kNotRecorded)) {
    name.remove_prefix(kNotRecorded.size());
  } else {
    const auto read = std::from_chars(name.data(), name.data() + name.size(), lost_events);
    name.remove_prefix(static_cast<size_t>(read.ptr - name.data()));
    if (read.ec != std::errc() || lost_events == 0 || !name.starts_with(kLost)) {
      return false;
    }
    name.remove_prefix(kLost.size());
  }
  for (const Reason& one : kReasons) {
    if (name == one.why) {
      reason = one.reason;
      return true;
    }
  }
  return false;
}

}  // namespace vtn::spool
