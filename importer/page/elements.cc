// SPDX-License-Identifier: Apache-2.0
#include "importer/page/elements.h"

#include <algorithm>

#include <fmt/format.h>

#include "importer/inflate.h"

namespace vtn::importer {

namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kMostElementBytes = size_t{1} << 30;
constexpr std::string_view kScript = "<script";
constexpr std::string_view kScriptEnd = "</script>";
constexpr std::string_view kId = " id=\"vtn-";
constexpr std::string_view kData = "application/x-vtn";

}  // namespace

// False: the file ends. What is in front of at_ is gone.
Result<bool> PageElements::more() {
  window_.erase(0, at_);
  offset_ += at_;
  at_ = 0;
  const size_t had = window_.size();
  if (had > kMostElementBytes) {
    return fail(fmt::format("{} is damaged at offset {}: an element of more than {} MB",
                            source_.path(),
                            offset_,
                            kMostElementBytes >> 20));
  }
  window_.resize(had + std::max(kReadBytes, had));
  VTN_ASSIGN(const size_t got, source_.read(window_.data() + had, window_.size() - had));
  window_.resize(had + got);
  return got != 0;
}

// Where the text is, counted from at_; npos: nowhere.
Result<size_t> PageElements::find_text(std::string_view text, size_t from) {
  for (;;) {
    const size_t found = window_.find(text, at_ + from);
    if (found != window_.npos) {
      return found - at_;
    }
    from = std::max(from, window_.size() - at_ - std::min(text.size(), window_.size() - at_));
    VTN_ASSIGN(const bool more_text, more());
    if (!more_text) {
      return std::string::npos;
    }
  }
}

Result<bool> PageElements::find(PageElement& element) {
  for (;;) {
    VTN_ASSIGN(const size_t script, find_text(kScript, 0));
    if (script == std::string::npos) {
      return false;
    }
    at_ += script;
    VTN_ASSIGN(const size_t head_end, find_text(">", 0));
    VTN_ASSIGN(const size_t end, find_text(kScriptEnd, 0));
    if (head_end == std::string::npos || end == std::string::npos || end < head_end) {
      return false;
    }
    const std::string_view head(window_.data() + at_, head_end);
    element.offset = offset_ + at_ + head_end + 1;
    packed_ = {window_.data() + at_ + head_end + 1, end - head_end - 1};
    plain_ = head.find(kData) == head.npos;
    const size_t id = head.find(kId);
    at_ += end + kScriptEnd.size();  // the window stays as it is until more is read
    if (id == head.npos) {
      continue;
    }
    const size_t name = id + kId.size();
    element.name = head.substr(name, head.find_first_of("-\"", name) - name);
    if (element.name == "end") {
      whole_ = true;
      return false;
    }
    return true;
  }
}

void PageElements::unpack(PageElement& element) {
  element.content.clear();
  element.sound = true;
  if (plain_) {
    element.content = packed_;
    return;
  }
  std::string compressed;
  element.sound = decode_base64(packed_, compressed) &&
                  inflate_piece(compressed, kMostElementBytes, element.content);
}

}  // namespace vtn::importer
