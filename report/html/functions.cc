// SPDX-License-Identifier: Apache-2.0
#include "report/html/functions.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace vtn::report {

PageFunctions::PageFunctions(const Picture& picture, const CallTotals& totals) {
  const spool::Model& model = picture.model;
  std::map<FunctionKey, uint32_t> met;  // index into rows_, until these are sorted
  std::vector<FunctionKey> identities;
  of_image_.resize(model.images.size());
  constexpr uint32_t kNever = 0xffff'ffff;
  for (const uint32_t process : picture.order) {
    for (const uint32_t thread : picture.processes[process].threads) {
      const uint32_t image_number = model.threads[thread].image;
      const spool::ImageInfo& image = model.images[image_number];
      std::vector<uint32_t>& numbers = of_image_[image_number];
      if (numbers.empty()) {  // the image is met for the first time
        for (const spool::FunctionInfo& function : image.functions) {
          if (function.kind == FunctionKind::kSpan) {
            spans_.push_back(function.name);
          }
        }
      }
      numbers.resize(image.functions.size() + 1, kNever);
      for (const auto& [index, sums] : totals.threads[thread].functions) {
        const spool::FunctionInfo* function = function_at(image, index);
        const FunctionKey identity = key_of(function);
        const auto [found, is_new] = met.try_emplace(identity, static_cast<uint32_t>(rows_.size()));
        if (is_new) {
          rows_.push_back({function, {}});
          identities.push_back(identity);
        }
        rows_[found->second].totals.add(sums);
        numbers[index] = found->second;
      }
    }
  }
  std::vector<uint32_t> order(rows_.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::make_tuple(~rows_[a].totals.own_ns, identities[a]) <
           std::make_tuple(~rows_[b].totals.own_ns, identities[b]);
  });
  std::vector<Row> sorted;
  std::vector<uint32_t> place(order.size());
  for (const uint32_t old : order) {
    place[old] = static_cast<uint32_t>(sorted.size());
    sorted.push_back(rows_[old]);
  }
  rows_ = std::move(sorted);
  std::sort(spans_.begin(), spans_.end());
  spans_.erase(std::unique(spans_.begin(), spans_.end()), spans_.end());
  for (std::vector<uint32_t>& numbers : of_image_) {
    for (uint32_t& number : numbers) {
      number = number == kNever ? hole() : place[number];
    }
  }
}

uint32_t PageFunctions::number_of_span(const spool::FunctionInfo* name) const {
  if (name == nullptr) {
    return hole();
  }
  const auto found = std::lower_bound(spans_.begin(), spans_.end(), name->name);
  return found == spans_.end() || *found != name->name
             ? hole()
             : static_cast<uint32_t>(rows_.size() + static_cast<size_t>(found - spans_.begin()));
}

}  // namespace vtn::report
