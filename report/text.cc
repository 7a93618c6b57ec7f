// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <fmt/format.h>

#include "abi/event_abi.h"

namespace vtn::report {

namespace {

// Length of the well-formed sequence at `at`; 0 if there is none, and then `bad` is how many bytes
// belong together as one mistake (Unicode's "maximal subpart").
size_t utf8_sequence(std::string_view text, size_t at, size_t& bad) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    low = first == 0xe0 ? 0xa0 : 0x80;
    high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    low = first == 0xf0 ? 0x90 : 0x80;
    high = first == 0xf4 ? 0x8f : 0xbf;
  }
  bad = 1;
  for (size_t i = 1; i < length; ++i) {
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) {
      return 0;
    }
    low = 0x80;
    high = 0xbf;
    bad = i + 1;
  }
  return length;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    size_t bad = 1;
    const size_t length = utf8_sequence(bytes, at, bad);
    if (length == 0) {
      text += "\xef\xbf\xbd";
      at += bad;
    } else {
      text.append(bytes.substr(at, length));
      at += length;
    }
  }
  return text;
}

void append_json_escaped(std::string& to, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  size_t plain = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
      continue;
    }
    to.append(text.substr(plain, at - plain));
    plain = at + 1;
    to += '\\';
    switch (byte) {
      case '"':
      case '\\':
        to += static_cast<char>(byte);
        break;
      case '\n':
        to += 'n';
        break;
      case '\r':
        to += 'r';
        break;
      case '\t':
        to += 't';
        break;
      default:
        to += "u00";
        to += kHex[byte >> 4];
        to += kHex[byte & 15];
        break;
    }
  }
  to.append(text.substr(plain));
}

std::string json_quoted(std::string_view bytes) {
  std::string text = "\"";
  append_json_escaped(text, valid_utf8(bytes));
  text += '"';
  return text;
}

std::string display_name(const spool::FunctionInfo* function, uint32_t id) {
  if (function == nullptr) {
    return id == kIdTooManyNames ? "(a function beyond the limit of names)"
                                 : fmt::format("(function {} without a name)", id);
  }
  if (function->kind == FunctionKind::kPython) {
    return valid_utf8(fmt::format("{} ({}:{})", function->name, function->file, function->line));
  }
  return valid_utf8(function->name);
}

std::string gap_name(const spool::Special& gap) {
  const char* why = "";
  switch (static_cast<GapReason>(gap.reason)) {
    case GapReason::kArenaFull:
      why = "the recorder did not keep up";
      break;
    case GapReason::kOtherProfiler:
      why = "the program's own profiler had this thread";
      break;
    case GapReason::kStackGuard:
      why = "too little C stack was left";
      break;
    case GapReason::kOtherEvaluator:
      why = "an extension's evaluation function had the interpreter";
      break;
    default:
      why = "unknown reason";
      break;
  }
  return gap.lost_events != 0 ? fmt::format("{} events lost: {}", gap.lost_events, why)
                              : fmt::format("not recorded: {}", why);
}

std::string thread_name(const spool::ImageInfo& image, const spool::ThreadInfo& thread) {
  if (const auto found = image.thread_names.find(thread.thread);
      found != image.thread_names.end() && !found->second.empty()) {
    return valid_utf8(found->second);
  }
  return thread.tid == image.own_pid ? "MainThread" : fmt::format("thread {}", thread.tid);
}

std::string python_version_text(uint32_t version) {
  return fmt::format("{}.{}.{}", version >> 24, (version >> 16) & 0xff, (version >> 8) & 0xff);
}

}  // namespace vtn::report
