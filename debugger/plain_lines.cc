// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "debugger/lines.h"

namespace vtn::debugger {

namespace {

class PlainLines final : public Lines {
 public:
  PlainLines(int in_fd, int out_fd, std::string prompt, Interrupts* interrupts)
      : in_fd_(in_fd), out_fd_(out_fd), prompt_(std::move(prompt)), interrupts_(interrupts) {}

  std::optional<std::string> next() override {
    if (!prompt_.empty()) {
      (void)write_all(out_fd_, prompt_);
    }
    interrupted_ = false;
    std::string line;
    bool any = false;
    while (true) {
      while (at_ < got_) {
        const char letter = buffer_[at_++];
        if (letter == '\n') {
          return line;
        }
        any = true;
        if (line.size() < kMostLineBytes) {
          line += letter;
        }
      }
      if (interrupts_ != nullptr && !interrupts_->wait_for_input(in_fd_)) {
        (void)write_all(out_fd_, "\n");
        interrupted_ = true;
        return std::string();  // what was typed so far is dropped
      }
      const ssize_t got = read(in_fd_, buffer_, sizeof(buffer_));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        return any ? std::optional<std::string>(std::move(line)) : std::nullopt;
      }
      at_ = 0;
      got_ = static_cast<size_t>(got);
    }
  }

 private:
  const int in_fd_;
  const int out_fd_;
  const std::string prompt_;
  Interrupts* const interrupts_;
  char buffer_[4096];
  size_t at_ = 0;
  size_t got_ = 0;
};

}  // namespace

std::unique_ptr<Lines> plain_lines(int in_fd,
                                   int out_fd,
                                   std::string prompt,
                                   Interrupts* interrupts) {
  return std::make_unique<PlainLines>(in_fd, out_fd, std::move(prompt), interrupts);
}

#ifndef VTN_LIBEDIT
std::unique_ptr<Lines> edited_lines(std::string /*prompt*/,
                                    Completions /*completions*/,
                                    Interrupts& /*interrupts*/) {
  return nullptr;
}
#endif

}  // namespace vtn::debugger
