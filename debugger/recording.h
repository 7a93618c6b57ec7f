// SPDX-License-Identifier: Apache-2.0
//
// A recording as the debugger speaks of it: its threads have numbers from 1, in the order of their
// processes, and times count from the first thing that is drawn of it. Immutable once opened, but
// for what it is asked to give up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <stdint.h>

#include "base/result.h"
#include "report/picture.h"
#include "spool/clock_map.h"
#include "spool/reader.h"

namespace vtn::debugger {

class Recording {
 public:
  // An error: it holds no calls.
  static Result<std::unique_ptr<Recording>> of(std::unique_ptr<spool::Reader> spool);
  explicit Recording(std::unique_ptr<spool::Reader> spool);

  const spool::Reader& spool() const { return *spool_; }
  const spool::Model& model() const { return spool_->model(); }
  const spool::ClockMap& clock() const { return clock_; }
  const report::Picture& picture() const { return picture_; }

  // Indices into the model's, by number less 1.
  const std::vector<uint32_t>& threads() const { return threads_; }
  uint32_t number_of(uint32_t thread) const { return numbers_[thread]; }
  const spool::ThreadInfo& thread(uint32_t thread) const { return model().threads[thread]; }
  const spool::ImageInfo& image_of(uint32_t thread) const {
    return model().images[model().threads[thread].image];
  }
  const report::ProcessInfo& process_of(uint32_t thread) const {
    return picture_.of_thread(thread);
  }
  // "MainThread"
  std::string name_of(uint32_t thread) const;
  // Of the model's frames of events, in their order.
  const std::vector<uint32_t>& frames_of(uint32_t thread) const { return frames_[thread]; }

  uint64_t zero_ns() const { return zero_ns_; }
  // Since then; what was before it is at 0.
  uint64_t since_zero(uint64_t ns) const { return ns > zero_ns_ ? ns - zero_ns_ : 0; }
  // The last thing that is known of any process, since zero.
  uint64_t length_ns() const { return length_ns_; }

  // Asked now and then by whatever takes long, on any thread; that ends with an error where the
  // answer is true.
  std::function<bool()> given_up;
  Status go_on() const;

 private:
  std::unique_ptr<spool::Reader> spool_;
  spool::ClockMap clock_;
  report::Picture picture_;
  std::vector<uint32_t> threads_;
  std::vector<uint32_t> numbers_;
  std::vector<std::vector<uint32_t>> frames_;  // by thread
  uint64_t zero_ns_ = 0;
  uint64_t length_ns_ = 0;
};

// The name of the function of an id, as reports show it; what no function is known of, too.
std::string function_text(const spool::ImageInfo& image, uint32_t id);

}  // namespace vtn::debugger
