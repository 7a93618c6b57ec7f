// SPDX-License-Identifier: Apache-2.0
#include "viewer/server/http_request.h"

#include <algorithm>

namespace vtn::viewer {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kMostTargetBytes = size_t{8} << 10;

int hex_digit(char letter) {
  return letter >= '0' && letter <= '9'   ? letter - '0'
         : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
         : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                          : -1;
}

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& letter : low) {
    if (letter >= 'A' && letter <= 'Z') {
      letter = static_cast<char>(letter - 'A' + 'a');
    }
  }
  return low;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == text.npos ? std::string_view()
                            : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

ParsedRequest wrong(int status) {
  ParsedRequest parsed;
  parsed.what = ParsedRequest::kWrong;
  parsed.status = status;
  return parsed;
}

bool parse_query(std::string_view text, HttpRequest& request) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    std::string name;
    std::string value;
    if (!decode_percent(pair.substr(0, equals), true, name) ||
        !decode_percent(pair.substr(std::min(equals + 1, pair.size())), true, value)) {
      return false;
    }
    request.query.emplace_back(std::move(name), std::move(value));
  }
  return true;
}

// Zero: it is understood.
int parse_first_line(std::string_view line, HttpRequest& request) {
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == line.npos || second == first) {
    return 400;
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return version.starts_with("HTTP/") ? 505 : 400;
  }
  request.closes = version == "HTTP/1.0";
  if (method != "GET" && method != "HEAD") {
    return 405;
  }
  request.head = method == "HEAD";
  std::string_view target = line.substr(first + 1, second - first - 1);
  if (target.size() > kMostTargetBytes) {
    return 414;
  }
  target = target.substr(0, target.find('#'));
  const size_t query = std::min(target.find('?'), target.size());
  if (!target.starts_with('/') || !decode_percent(target.substr(0, query), false, request.path) ||
      request.path.find('\0') != std::string::npos ||
      !parse_query(target.substr(std::min(query + 1, target.size())), request)) {
    return 400;
  }
  return 0;
}

}  // namespace

std::string HttpRequest::value(std::string_view name) const {
  for (const auto& [known, value] : query) {
    if (known == name) {
      return value;
    }
  }
  return {};
}

ParsedRequest parse_request(std::string_view bytes) {
  const size_t end = bytes.find(kHeadEnd);
  if (end == bytes.npos) {
    return bytes.size() > kMostHeadBytes ? wrong(431) : ParsedRequest();
  }
  if (end > kMostHeadBytes) {
    return wrong(431);
  }
  ParsedRequest parsed;
  std::string_view head = bytes.substr(0, end);
  bool first = true;
  while (!head.empty() || first) {
    const size_t line_end = std::min(head.find(kLineEnd), head.size());
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(std::min(line_end + kLineEnd.size(), head.size()));
    if (first) {
      first = false;
      if (const int status = parse_first_line(line, parsed.request); status != 0) {
        return wrong(status);
      }
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0 || line.find_first_of(" \t") < colon) {
      return wrong(400);
    }
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "host") {
      if (!parsed.request.host.empty()) {
        return wrong(400);
      }
      parsed.request.host = value;
    } else if (name == "connection") {
      parsed.request.closes =
          parsed.request.closes || lower(value).find("close") != std::string::npos;
    } else if (name == "transfer-encoding" || (name == "content-length" && value != "0")) {
      return wrong(400);  // nothing that we answer has a body
    }
  }
  parsed.what = ParsedRequest::kWhole;
  parsed.head_bytes = end + kHeadEnd.size();
  return parsed;
}

bool decode_percent(std::string_view text, bool plus_is_space, std::string& to) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      to += ' ';
    } else if (text[i] != '%') {
      to += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return false;
      }
      to += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return true;
}

bool is_local_host(std::string_view host) {
  std::string name = lower(host);
  if (const size_t colon = name.rfind(':');
      colon != name.npos && name.find(']', colon) == name.npos) {
    const std::string_view port = std::string_view(name).substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) {
      return false;
    }
    name.resize(colon);
  }
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

uint64_t number_or(const std::string& text, uint64_t fallback) {
  if (text.empty() || text.size() > 19 || text.find_first_not_of("0123456789") != text.npos) {
    return fallback;
  }
  uint64_t number = 0;
  for (const char digit : text) {
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

}  // namespace vtn::viewer
