// SPDX-License-Identifier: Apache-2.0
//
// Where a conversation's lines come from: a file or pipe, as they are, or a terminal, with history
// and completion where libedit was there when this was built.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <signal.h>

#include "base/fd.h"

namespace vtn::debugger {

// Ctrl-C at a terminal is not the end: while this is there, SIGINT waits until somebody takes it.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  bool pending() const;
  void take();
  // Waits until there is something to be read. False: an interrupt came first, and is taken.
  bool wait_for_input(int fd);

 private:
  sigset_t before_;
  UniqueFd fd_;
};

class Lines {
 public:
  virtual ~Lines() = default;
  // Without its end. Nothing: there are no more. An interrupt gives an empty line.
  virtual std::optional<std::string> next() = 0;
  // The line that came last was given up.
  bool interrupted() const { return interrupted_; }

 protected:
  bool interrupted_ = false;
};

// Longer ones are cut: what follows is skipped.
inline constexpr size_t kMostLineBytes = size_t{1} << 16;

// `prompt` is written first, each time; it may be empty. `interrupts` may be null.
std::unique_ptr<Lines> plain_lines(int in_fd,
                                   int out_fd,
                                   std::string prompt,
                                   Interrupts* interrupts);

using Completions = std::function<std::vector<std::string>(const std::string& line)>;
// From stdin, onto stdout, which are terminals. Null: that cannot be had, take plain ones.
std::unique_ptr<Lines> edited_lines(std::string prompt,
                                    Completions completions,
                                    Interrupts& interrupts);

}  // namespace vtn::debugger
