// SPDX-License-Identifier: Apache-2.0
//
// Which functions are in a fold: few different sets, in thousands of folds. Thread-safe.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <stdint.h>
#include <string.h>

#include "base/mutex.h"
#include "report/fold/row.h"

namespace vtn::report {

class FunctionSets {
 public:
  // The number of the set of these functions, which are in order.
  uint32_t number_of(std::span<const FunctionCount> functions) {
    std::string key(functions.size() * sizeof(uint32_t), '\0');
    for (size_t i = 0; i < functions.size(); ++i) {
      memcpy(key.data() + i * sizeof(uint32_t), &functions[i].function, sizeof(uint32_t));
    }
    MutexLock lock(mutex_);
    return numbers_.try_emplace(std::move(key), static_cast<uint32_t>(numbers_.size()))
        .first->second;
  }

  // "[[0,3],[1]]", by number.
  std::string json() const {
    MutexLock lock(mutex_);
    std::vector<const std::string*> sets(numbers_.size());
    for (const auto& [key, number] : numbers_) {
      sets[number] = &key;
    }
    std::string text = "[";
    for (const std::string* set : sets) {
      text += text.size() == 1 ? "[" : ",[";
      for (size_t at = 0; at < set->size(); at += sizeof(uint32_t)) {
        uint32_t function = 0;
        memcpy(&function, set->data() + at, sizeof(function));
        text += (at == 0 ? "" : ",") + std::to_string(function);
      }
      text += ']';
    }
    return text + "]";
  }

 private:
  mutable Mutex mutex_;
  std::unordered_map<std::string, uint32_t> numbers_ VTN_GUARDED_BY(mutex_);
};

}  // namespace vtn::report
