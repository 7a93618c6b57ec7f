// SPDX-License-Identifier: Apache-2.0
//
// What a browser, or whoever found the port, sends to the viewer's server.
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "viewer/server/http_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using vtn::viewer::ParsedRequest;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ParsedRequest parsed = vtn::viewer::parse_request(bytes);
  switch (parsed.what) {
    case ParsedRequest::kWhole:
      if (parsed.head_bytes > size || !parsed.request.path.starts_with('/') ||
          parsed.request.path.find('\0') != std::string::npos) {
        abort();
      }
      // What follows a request changes nothing of it.
      if (vtn::viewer::parse_request(bytes.substr(0, parsed.head_bytes)).request.path !=
          parsed.request.path) {
        abort();
      }
      (void)vtn::viewer::is_local_host(parsed.request.host);
      (void)vtn::viewer::number_or(parsed.request.value("thread"), 0);
      break;
    case ParsedRequest::kWrong:
      if (parsed.status < 400) {
        abort();
      }
      break;
    case ParsedRequest::kIncomplete:
      if (size > 2 * vtn::viewer::kMostHeadBytes) {
        abort();
      }
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {"GET / HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
          "GET /0123/r.vtn/rows?thread=1&from_ns=2&to_ns=3 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
          "Connection: close\r\n\r\n",
          "HEAD /a%20b%41?x=%zz+1#y HTTP/1.0\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"};
}
