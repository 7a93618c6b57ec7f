// SPDX-License-Identifier: Apache-2.0
#include "spool/newest_calls.h"

#include <algorithm>
#include <utility>

namespace vtn::spool {

namespace {

// What is as small as the frame that tells of it is not worth that.
constexpr uint64_t kLeastOfToldBytes = 4;

uint64_t entries_of(const NewestCalls::Frame& frame) { return uint64_t{frame.calls} + frame.marks; }

}  // namespace

bool NewestCalls::add(uint32_t process, const Frame& frame) {
  Process& of = processes_[process];
  of.frames.push_back(frame);
  of.newest_entries += entries_of(frame);
  while (of.newest_entries - entries_of(of.frames[of.surplus]) >= least_entries_) {
    const Frame& oldest = of.frames[of.surplus++];
    of.newest_entries -= entries_of(oldest);
    of.surplus_bytes += oldest.part.end - oldest.part.begin;
  }
  return of.surplus_bytes >=
         std::max(worth_bytes_, kLeastOfToldBytes * (of.told.end - of.told.begin));
}

std::vector<NewestCalls::Frame> NewestCalls::take(uint32_t process) {
  Process& of = processes_[process];
  std::vector<Frame> frames(of.frames.begin(),
                            of.frames.begin() + static_cast<std::ptrdiff_t>(of.surplus));
  of.frames.erase(of.frames.begin(), of.frames.begin() + static_cast<std::ptrdiff_t>(of.surplus));
  of.surplus = 0;
  of.surplus_bytes = 0;
  return frames;
}

FilePart NewestCalls::told(uint32_t process, const FilePart& where) {
  return std::exchange(processes_[process].told, where);
}

std::vector<uint32_t> NewestCalls::with_surplus() const {
  std::vector<uint32_t> numbers;
  for (const auto& [number, process] : processes_) {
    if (process.surplus != 0) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

}  // namespace vtn::spool
