// SPDX-License-Identifier: Apache-2.0
#include "collector/size_limit.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

namespace vtn::collector {

namespace {

// A decision counts functions until they had so many of the calls, as long as each had enough to
// matter.
constexpr uint64_t kMostOf = 4;  // of 5
constexpr uint64_t kMostOfAll = 5;
constexpr uint64_t kLeastPart = 1000;  // of all calls: one in so many
// Where all are counted and this part of the room comes back, single calls are recorded again.
constexpr uint64_t kRoomBack = 4;

std::shared_ptr<const CountedFunctions> all_functions() {
  auto all = std::make_shared<CountedFunctions>();
  all->add_all();
  return all;
}

}  // namespace

SizeLimit::SizeLimit(uint64_t most_bytes, const spool::Model& model)
    : most_bytes_(most_bytes), next_decision_bytes_(most_bytes / 2), everything_(all_functions()) {
  MutexLock lock(mutex_);
  for (const spool::ImageInfo& info : model.images) {
    std::vector<uint32_t> ids;
    for (const auto& [id, ticks] : info.counted_from_ticks) {
      ids.push_back(id);
    }
    if (!ids.empty()) {
      count(images_[info.image], ids);
    }
  }
}

void SizeLimit::count(Image& image, const std::vector<uint32_t>& ids) {
  auto counted = image.counted != nullptr ? std::make_shared<CountedFunctions>(*image.counted)
                                          : std::make_shared<CountedFunctions>();
  for (const uint32_t id : ids) {
    counted->add(id);
  }
  image.counted = std::move(counted);
}

std::shared_ptr<const CountedFunctions> SizeLimit::of(uint32_t image,
                                                      uint64_t reserved_bytes,
                                                      uint64_t taken_bytes) {
  MutexLock lock(mutex_);
  if (taken_bytes + reserved_bytes > most_bytes_) {
    all_from_bytes_ = all_ ? all_from_bytes_ : taken_bytes;
    all_ = true;
  } else if (all_ && taken_bytes + most_bytes_ / kRoomBack <= all_from_bytes_) {
    all_ = false;
    next_decision_bytes_ = half_way(taken_bytes);
  }
  if (all_) {
    return everything_;
  }
  const auto found = images_.find(image);
  return found == images_.end() ? nullptr : found->second.counted;
}

void SizeLimit::stored(const spool::FrameColumns& frame, uint64_t taken_bytes) {
  std::vector<uint32_t> calls(frame.functions.size());
  for (uint32_t i = 0; i < frame.head.ops; ++i) {
    if (const uint32_t code = frame.codes[i]; code >= spool::kOpFirstCall) {
      ++calls[code - spool::kOpFirstCall];
    }
  }
  MutexLock lock(mutex_);
  std::map<uint32_t, uint64_t>& sums = images_[frame.head.image].calls;
  for (size_t i = 0; i < calls.size(); ++i) {
    sums[frame.functions[i]] += calls[i];
  }
  if (taken_bytes >= next_decision_bytes_) {
    decide();
    next_decision_bytes_ = half_way(taken_bytes);
  }
}

uint64_t SizeLimit::half_way(uint64_t taken_bytes) const {
  return taken_bytes + (most_bytes_ - std::min(most_bytes_, taken_bytes)) / 2;
}

void SizeLimit::ended(uint32_t image) {
  MutexLock lock(mutex_);
  images_.erase(image);
}

void SizeLimit::decide() {
  std::vector<std::tuple<uint64_t, uint32_t, uint32_t>> most;  // calls, image, id
  uint64_t all = 0;
  for (auto& [number, image] : images_) {
    for (const auto& [id, calls] : std::exchange(image.calls, {})) {
      if (image.counted == nullptr || !image.counted->has(id)) {
        most.emplace_back(calls, number, id);
        all += calls;
      }
    }
  }
  std::sort(most.begin(), most.end(), std::greater<>());
  std::map<uint32_t, std::vector<uint32_t>> chosen;
  uint64_t sum = 0;
  for (const auto& [calls, number, id] : most) {
    if (sum * kMostOfAll >= all * kMostOf || calls * kLeastPart < all) {
      break;
    }
    sum += calls;
    chosen[number].push_back(id);
  }
  for (const auto& [number, ids] : chosen) {
    count(images_[number], ids);
  }
}

}  // namespace vtn::collector
