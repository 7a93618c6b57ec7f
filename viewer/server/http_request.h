// SPDX-License-Identifier: Apache-2.0
//
// The heads of requests as browsers send them (RFC 9112), as far as a viewer needs: GET and HEAD,
// without a body. Whoever sends them may be hostile: nothing here relies on what it is told.
// Thread-safe, no errors but the status that says what is wrong.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stddef.h>
#include <stdint.h>

namespace vtn::viewer {

inline constexpr size_t kMostHeadBytes = size_t{16} << 10;

struct HttpRequest {
  bool head = false;                                       // only the head of the answer is wanted
  bool closes = false;                                     // the connection is not to be used again
  std::string path;                                        // decoded, begins with a slash
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  std::string host;                                        // as told; empty: it was not

  // The first of that name; empty: there is none.
  std::string value(std::string_view name) const;
};

struct ParsedRequest {
  enum What { kIncomplete, kWhole, kWrong };
  What what = kIncomplete;
  int status = 0;         // kWrong: 400, 405, 414, 431, 505
  size_t head_bytes = 0;  // kWhole: what was used up
  HttpRequest request;
};

// Of all that has been read from a connection so far.
ParsedRequest parse_request(std::string_view bytes);

// "%41+b" -> "A b" where plus_is_space. False: a percent sign without two digits.
bool decode_percent(std::string_view text, bool plus_is_space, std::string& to);

// What is reached by a name that nobody but this machine can give: localhost, 127.0.0.1, [::1],
// whatever the port, which ssh may have changed. Others come from a page whose name was bent to
// point here.
bool is_local_host(std::string_view host);

// A query's number; `fallback` if it is none.
uint64_t number_or(const std::string& text, uint64_t fallback);

}  // namespace vtn::viewer
