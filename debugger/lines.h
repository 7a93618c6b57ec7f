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

namespace vtn::debugger {

class Lines {
 public:
  virtual ~Lines() = default;
  // Without its end. Nothing: there are no more. An interrupt at a terminal gives an empty line.
  virtual std::optional<std::string> next() = 0;
};

// Longer ones are cut: what follows is skipped.
inline constexpr size_t kMostLineBytes = size_t{1} << 16;

// `prompt` is written first, each time; it may be empty.
std::unique_ptr<Lines> plain_lines(int in_fd, int out_fd, std::string prompt);

using Completions = std::function<std::vector<std::string>(const std::string& line)>;
// From stdin, onto stdout, which are terminals. Null: that cannot be had, take plain ones.
std::unique_ptr<Lines> edited_lines(std::string prompt, Completions completions);

}  // namespace vtn::debugger
