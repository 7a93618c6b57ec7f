// SPDX-License-Identifier: Apache-2.0
//
// A small server of HTTP on the loopback device: for one person's browser, not for the world. A
// thread for each connection, a few dozen at most; what is silent for long is closed. Requests that
// were not sent to a local name are refused (http_request.h, is_local_host). Nothing is sent with a
// word that other pages may read it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stdint.h>

#include "base/fd.h"
#include "base/result.h"
#include "viewer/server/http_request.h"

namespace vtn::viewer {

struct HttpAnswer {
  int status = 200;
  std::string type = "text/html; charset=utf-8";
  std::string body;
  // In place of the body: so many bytes of a file.
  UniqueFd file;
  uint64_t file_bytes = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};

class HttpServer {
 public:
  // Called on the threads of connections.
  using Handler = std::function<HttpAnswer(const HttpRequest& request)>;

  // `port` 0: any that is free.
  static Result<HttpServer> listen(uint16_t port, Handler handler);
  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) = delete;
  ~HttpServer();

  uint16_t port() const { return port_; }

  // Serves until stop(), or until nobody has asked for anything for `idle_ms` (-1: for ever), or
  // whoever reads `reader_fd` is gone (-1: nobody does). An error: nothing can be accepted any
  // more.
  Status serve(int idle_ms, int reader_fd = -1);
  // On any thread, also before serve(): open answers are finished, nothing more is accepted.
  void stop();

 private:
  struct Shared;
  HttpServer(UniqueFd listener, uint16_t port, std::unique_ptr<Shared> shared);

  UniqueFd listener_;
  uint16_t port_ = 0;
  std::unique_ptr<Shared> shared_;
};

// "Not Found"
const char* status_text(int status);

// A page of one line, for a status that is no success.
HttpAnswer plain_answer(int status, std::string_view text);

}  // namespace vtn::viewer
