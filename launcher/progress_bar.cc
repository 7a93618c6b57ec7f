// SPDX-License-Identifier: Apache-2.0
#include "launcher/progress_bar.h"

#include <utility>

#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "tracer/clock.h"

namespace vtn::launcher {

namespace {

constexpr uint64_t kShownAfterNs = 1'000'000'000;

}  // namespace

ProgressBar::ProgressBar(std::string name, bool shown)
    : name_(std::move(name)),
      shown_(shown && isatty(STDERR_FILENO) != 0),
      start_ns_(tracer::monotonic_ns()) {}

ProgressBar::~ProgressBar() {
  if (drawn_) {
    (void)write_all(STDERR_FILENO, "\r\x1b[K");
  }
}

void ProgressBar::show(uint64_t done, uint64_t total) {
  if (!shown_ || tracer::monotonic_ns() - start_ns_ < kShownAfterNs) {
    return;
  }
  constexpr uint64_t kWidth = 40;
  const uint64_t parts = total == 0 ? 0 : done * kWidth / total;
  (void)write_all(STDERR_FILENO,
                  fmt::format("\rviztracer-native: {} [{}{}] {:3}%",
                              name_,
                              std::string(parts, '#'),
                              std::string(kWidth - parts, '.'),
                              total == 0 ? 0 : done * 100 / total));
  drawn_ = true;
}

}  // namespace vtn::launcher
