// SPDX-License-Identifier: Apache-2.0
#include "debugger/recording.h"

#include <algorithm>

#include <errno.h>

#include "report/text.h"

namespace vtn::debugger {

Result<std::unique_ptr<Recording>> Recording::of(std::unique_ptr<spool::Reader> spool) {
  auto recording = std::make_unique<Recording>(std::move(spool));
  if (recording->threads().empty()) {
    return fail(recording->spool().path() + " holds no calls: there is nothing to step through");
  }
  return recording;
}

Recording::Recording(std::unique_ptr<spool::Reader> spool)
    : spool_(std::move(spool)),
      clock_(static_cast<ClockKind>(spool_->model().header.clock_kind), spool_->model().clock),
      picture_(spool_->model(), clock_, false),
      numbers_(spool_->model().threads.size()),
      frames_(spool_->model().threads.size()),
      zero_ns_(picture_.start_ns) {
  const spool::Model& all = model();
  for (const uint32_t process : picture_.order) {
    for (const uint32_t thread : picture_.processes[process].threads) {
      threads_.push_back(thread);
      numbers_[thread] = static_cast<uint32_t>(threads_.size());
    }
  }
  for (uint32_t thread = 0; thread < all.threads.size(); ++thread) {
    if (numbers_[thread] == 0) {
      threads_.push_back(thread);
      numbers_[thread] = static_cast<uint32_t>(threads_.size());
    }
    zero_ns_ = std::min(zero_ns_, clock_.to_ns(all.threads[thread].first_ticks));
    for (const spool::OpenCall& call : all.threads[thread].open_at_first) {
      zero_ns_ = std::min(zero_ns_, clock_.to_ns(call.start_ticks));
    }
    length_ns_ = std::max(length_ns_, picture_.thread_end_ns(thread));
  }
  for (const uint32_t process : picture_.order) {
    length_ns_ = std::max(length_ns_, picture_.processes[process].end_ns);
  }
  if (zero_ns_ == UINT64_MAX) {
    zero_ns_ = 0;
  }
  length_ns_ = since_zero(length_ns_);
  for (uint32_t i = 0; i < all.frames.size(); ++i) {
    frames_[all.frames[i].thread].push_back(i);
  }
}

std::string Recording::name_of(uint32_t thread) const {
  return report::thread_name(image_of(thread), model().threads[thread]);
}

Status Recording::go_on() const {
  return given_up && given_up() ? Status(fail("interrupted", EINTR)) : Status();
}

std::string function_text(const spool::ImageInfo& image, uint32_t id) {
  const spool::FunctionInfo* const function = image.function(id);
  const std::string name = report::display_name(function, id);
  return function != nullptr && function->resumed() ? name + " (resumed)" : name;
}

}  // namespace vtn::debugger
