// SPDX-License-Identifier: Apache-2.0
#include "spool/newest_calls.h"

#include <algorithm>
#include <utility>

namespace vtn::spool {

namespace {

// Less is not worth a frame that tells of it; nor is what that frame itself takes.
constexpr uint64_t kLeastBytes = uint64_t{1} << 18;
constexpr uint64_t kLeastOfToldBytes = 4;

}  // namespace

bool NewestCalls::add(uint32_t process, const FrameInfo& frame) {
  Process& of = processes_[process];
  of.frames.push_back(
      Frame{{frame.offset, frame.offset + sizeof(FrameHead) + frame.body_bytes}, frame.calls});
  of.newest_calls += frame.calls;
  while (of.newest_calls - of.frames[of.surplus].calls >= least_calls_) {
    const Frame& oldest = of.frames[of.surplus++];
    of.newest_calls -= oldest.calls;
    of.surplus_bytes += oldest.part.end - oldest.part.begin;
  }
  return of.surplus_bytes >=
         std::max(kLeastBytes, kLeastOfToldBytes * (of.told.end - of.told.begin));
}

std::vector<FilePart> NewestCalls::take(uint32_t process) {
  Process& of = processes_[process];
  std::vector<FilePart> parts;
  for (; of.surplus != 0; --of.surplus) {
    parts.push_back(of.frames.front().part);
    of.frames.pop_front();
  }
  of.surplus_bytes = 0;
  return parts;
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
