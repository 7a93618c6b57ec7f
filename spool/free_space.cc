// SPDX-License-Identifier: Apache-2.0
#include "spool/free_space.h"

#include <algorithm>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

#include "spool/format.h"

namespace vtn::spool {

namespace {

// File systems give back whole blocks. Where theirs are larger, less is given back than counted.
constexpr uint64_t kBlockBytes = 4096;
constexpr uint64_t kMostBytes = kMaxBodyBytes + sizeof(FrameHead);

// Of a free part, whole blocks behind its head.
uint64_t hole_begin(uint64_t begin) {
  return (begin + sizeof(FrameHead) + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

uint64_t hole_end(uint64_t end) { return end / kBlockBytes * kBlockBytes; }

}  // namespace

void FreeSpace::add(const FilePart& part) {
  if (part.end - part.begin < sizeof(FrameHead)) {
    return;
  }
  FilePart whole = part;
  // Where holes lie already.
  uint64_t before_end = 0;
  uint64_t behind_begin = UINT64_MAX;
  const auto behind = parts_.lower_bound(part.begin);
  if (behind != parts_.begin()) {
    const auto before = std::prev(behind);
    if (before->second == part.begin && part.end - before->first <= kMostBytes) {
      whole.begin = before->first;
      before_end = hole_end(before->second);
      parts_.erase(before);
    }
  }
  if (behind != parts_.end() && behind->first == part.end &&
      behind->second - whole.begin <= kMostBytes) {
    whole.end = behind->second;
    behind_begin = hole_begin(behind->first);
    parts_.erase(behind);
  }
  const FrameHead head = {kFrameMagic,
                          static_cast<uint32_t>(FrameKind::kFree),
                          whole.end - whole.begin - sizeof(FrameHead)};
  if (pwrite(fd_, &head, sizeof(head), static_cast<off_t>(whole.begin)) != sizeof(head)) {
    return;
  }
  parts_[whole.begin] = whole.end;
  punch(std::max(hole_begin(whole.begin), before_end), std::min(hole_end(whole.end), behind_begin));
}

void FreeSpace::punch(uint64_t begin, uint64_t end) {
  if (begin < end && fallocate(fd_,
                               FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               static_cast<off_t>(begin),
                               static_cast<off_t>(end - begin)) == 0) {
    bytes_ += end - begin;
  }
}

}  // namespace vtn::spool
