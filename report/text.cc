// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <sys/wait.h>

#include <fmt/format.h>

#include "abi/event_abi.h"
#include "base/utf8.h"
#include "spool/gaps.h"

namespace vtn::report {

void append_json_escaped(std::string& to, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  size_t plain = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) {
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

std::string json_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    list += list.size() == 1 ? "" : ",";
    list += json_quoted(text);
  }
  return list + "]";
}

std::string exit_json(bool known, int wait_status) {
  if (!known) {
    return "null";
  }
  return WIFSIGNALED(wait_status) ? fmt::format("{{\"signal\":{}}}", WTERMSIG(wait_status))
                                  : fmt::format("{{\"status\":{}}}", WEXITSTATUS(wait_status));
}

std::string json_in_script(std::string_view json) {
  std::string safe;
  for (const char letter : json) {
    if (letter == '<') {
      safe += "\\u003c";
    } else {
      safe += letter;
    }
  }
  return safe;
}

std::string html_text(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

std::string display_name(const spool::FunctionInfo* function, uint32_t id) {
  if (function == nullptr) {
    return id == kIdTooManyNames ? "(a function beyond the limit of names)"
                                 : fmt::format("(function {} without a name)", id);
  }
  if (function->kind == FunctionKind::kPython) {
    return valid_utf8(fmt::format("{} ({}:{})", function->name, function->file, function->line));
  }
  if (function->kind == FunctionKind::kCallable) {
    return valid_utf8(fmt::format("<{} object>", function->name));
  }
  return valid_utf8(function->name);
}

std::string gap_name(const spool::Special& gap) { return spool::gap_name(gap); }

std::string thread_name(const spool::ImageInfo& image, const spool::ThreadInfo& thread) {
  if (const std::vector<std::string> names = thread_names(image, thread); !names.empty()) {
    return names.back();
  }
  return thread.tid == image.own_pid ? "MainThread" : fmt::format("thread {}", thread.tid);
}

std::string deep_track_name(const std::string& thread, size_t depth) {
  return fmt::format("{} (deeper than {:05})", thread, depth);
}

std::vector<std::string> thread_names(const spool::ImageInfo& image,
                                      const spool::ThreadInfo& thread) {
  std::vector<std::string> names;
  if (const auto found = image.thread_names.find(thread.thread);
      found != image.thread_names.end()) {
    for (const std::string& name : found->second) {
      if (!name.empty()) {
        names.push_back(valid_utf8(name));
      }
    }
  }
  return names;
}

std::string thread_renamed(std::string_view name) { return "thread renamed: " + valid_utf8(name); }

std::vector<std::string> notices_of(const spool::ImageInfo& image) {
  std::vector<std::string> notices;
  for (const auto& [kind, text] : image.notices) {
    std::string sentence;
    switch (static_cast<NoticeKind>(kind)) {
      case NoticeKind::kAuditHookStays:
        sentence =
            "another audit hook lies before the recorder's, which therefore stays: each audited "
            "operation is a little slower";
        break;
      case NoticeKind::kProfilerTaken:
        sentence =
            "the program's own profiler had a thread for a while: what that thread called "
            "meanwhile "
            "is not recorded";
        break;
      case NoticeKind::kLinesByApi:
        sentence =
            "this interpreter's frames are not laid out as expected: the lines of callers were "
            "asked "
            "of its C API, which is slower";
        break;
      case NoticeKind::kVariablesUntold:
        sentence = "what variables, attributes and items were bound to is not told";
        break;
      case NoticeKind::kCommentIgnored:
        sentence = "a magic comment is ignored";
        break;
      case NoticeKind::kCommentNames:
        sentence = "a magic comment makes too many names: what it tells more is told under its own";
        break;
      case NoticeKind::kBudgetUnheeded:
        sentence = "what is called too often is not switched off";
        break;
      case NoticeKind::kImported:
        sentence = "imported from another format";
        break;
      default:
        sentence = fmt::format("notice {} of a newer recorder", kind);
        break;
    }
    notices.push_back(text.empty() ? sentence : fmt::format("{} ({})", sentence, valid_utf8(text)));
  }
  return notices;
}

std::string python_version_text(uint32_t version) {
  return fmt::format("{}.{}.{}", version >> 24, (version >> 16) & 0xff, (version >> 8) & 0xff);
}

}  // namespace vtn::report
