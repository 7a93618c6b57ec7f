// SPDX-License-Identifier: Apache-2.0
#include "viewer/server/http_server.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <list>
#include <optional>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/mutex.h"
#include "base/threads.h"

namespace vtn::viewer {

namespace {

constexpr size_t kMostConnections = 48;
constexpr int kSilentMs = 30'000;
constexpr size_t kReadBytes = size_t{4} << 10;
constexpr size_t kSendfileBytes = size_t{4} << 20;

int64_t now_ms() {
  timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Signals are blocked in threads: a reader that is gone is an error, not SIGPIPE.
bool send_file(int fd, int file, uint64_t bytes) {
  off_t at = 0;
  while (bytes != 0) {
    const ssize_t sent = sendfile(fd, file, &at, std::min<uint64_t>(bytes, kSendfileBytes));
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    bytes -= static_cast<uint64_t>(sent);
  }
  return true;
}

std::string head_of(const HttpAnswer& answer, bool closes) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nConnection: {}\r\n",
      answer.status,
      status_text(answer.status),
      answer.type,
      answer.file ? answer.file_bytes : answer.body.size(),
      closes ? "close" : "keep-alive");
  for (const auto& [name, value] : answer.headers) {
    head += name + ": " + value + "\r\n";
  }
  return head + "\r\n";
}

}  // namespace

struct HttpServer::Shared {
  struct Connection {
    UniqueFd fd;
    std::optional<Thread> thread;
    std::atomic<bool> over{false};
  };

  Handler handler;
  Pipe stop;
  std::atomic<bool> stopping{false};
  std::atomic<int64_t> last_ms{0};
  std::atomic<int> answering{0};
  std::list<Connection> connections;  // of the thread in serve()

  void talk(Connection& connection) {
    const int fd = connection.fd.get();
    std::string bytes;
    while (!stopping.load()) {
      ParsedRequest parsed = parse_request(bytes);
      if (parsed.what == ParsedRequest::kIncomplete) {
        if (!read_more(fd, bytes)) {
          break;
        }
        continue;
      }
      last_ms = now_ms();
      if (parsed.what == ParsedRequest::kWrong) {
        (void)respond(fd, plain_answer(parsed.status, status_text(parsed.status)), false, true);
        break;
      }
      bytes.erase(0, parsed.head_bytes);
      const HttpRequest& request = parsed.request;
      answering.fetch_add(1);
      const bool sent = respond(
          fd,
          is_local_host(request.host)
              ? handler(request)
              : plain_answer(403, "This is answered under the name localhost or 127.0.0.1 only."),
          request.head,
          request.closes);
      last_ms = now_ms();
      answering.fetch_sub(1);
      if (!sent || request.closes) {
        break;
      }
    }
    (void)shutdown(fd, SHUT_RDWR);
    connection.over = true;
  }

  static bool read_more(int fd, std::string& bytes) {
    pollfd wait = {fd, POLLIN, 0};
    const int ready = poll(&wait, 1, kSilentMs);
    if (ready < 0 && errno == EINTR) {
      return true;
    }
    if (ready <= 0) {
      return false;
    }
    char more[kReadBytes];
    const ssize_t got = recv(fd, more, sizeof(more), 0);
    if (got <= 0) {
      return got < 0 && errno == EINTR;
    }
    bytes.append(more, static_cast<size_t>(got));
    return true;
  }

  static bool respond(int fd, const HttpAnswer& answer, bool head_only, bool closes) {
    return send_all(fd, head_of(answer, closes)) &&
           (head_only || (answer.file ? send_file(fd, answer.file.get(), answer.file_bytes)
                                      : send_all(fd, answer.body)));
  }

  void reap() {
    connections.remove_if([](Connection& one) { return one.over.load(); });
  }
};

HttpServer::HttpServer(UniqueFd listener, uint16_t port, std::unique_ptr<Shared> shared)
    : listener_(std::move(listener)), port_(port), shared_(std::move(shared)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;

HttpServer::~HttpServer() {
  if (shared_ == nullptr) {
    return;
  }
  stop();
  for (Shared::Connection& one : shared_->connections) {
    (void)shutdown(one.fd.get(), SHUT_RD);  // answers that are under way go on
  }
  shared_->connections.clear();  // joins them
}

Result<HttpServer> HttpServer::listen(uint16_t port, Handler handler) {
  VTN_ASSIGN(UniqueFd fd, above_standard(UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))));
  const int yes = 1;
  (void)setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    return errno == EADDRINUSE
               ? fail(fmt::format("port {} is in use; --port 0 takes one that is free", port),
                      EADDRINUSE)
               : fail_errno(fmt::format("cannot listen on port {}", port));
  }
  socklen_t length = sizeof(address);
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return fail_errno("cannot tell the port");
  }
  auto shared = std::make_unique<Shared>();
  shared->handler = std::move(handler);
  VTN_ASSIGN(shared->stop, make_pipe());
  return HttpServer(std::move(fd), ntohs(address.sin_port), std::move(shared));
}

Status HttpServer::serve(int idle_ms, int reader_fd) {
  Shared& shared = *shared_;
  shared.last_ms = now_ms();
  while (!shared.stopping.load()) {
    pollfd waits[] = {
        {listener_.get(), POLLIN, 0}, {shared.stop.read_end.get(), POLLIN, 0}, {reader_fd, 0, 0}};
    const int64_t silent_ms = now_ms() - shared.last_ms.load();
    const int left_ms =
        idle_ms < 0 ? -1 : static_cast<int>(std::max<int64_t>(idle_ms - silent_ms, 0)) + 1;
    const int ready = poll(waits, std::size(waits), left_ms);
    if (ready < 0 && errno != EINTR) {
      return fail_errno("cannot wait for a browser");
    }
    if (ready == 0 && shared.answering.load() == 0 && now_ms() - shared.last_ms >= idle_ms) {
      return {};
    }
    if (ready > 0 && waits[2].revents != 0) {
      return {};
    }
    shared.reap();
    if (ready <= 0 || (waits[0].revents & POLLIN) == 0) {
      continue;
    }
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd || shared.connections.size() >= kMostConnections) {
      continue;
    }
    const timeval patience = {kSilentMs / 1000, 0};
    (void)setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    const int yes = 1;
    (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    Shared::Connection& connection = shared.connections.emplace_back();
    connection.fd = std::move(fd);
    auto thread = Thread::start([&shared, &connection] { shared.talk(connection); });
    if (!thread) {
      shared.connections.pop_back();
      continue;
    }
    connection.thread = std::move(*thread);
  }
  return {};
}

void HttpServer::stop() {
  if (!shared_->stopping.exchange(true)) {
    (void)!write(shared_->stop.write_end.get(), "", 1);
  }
}

const char* status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

HttpAnswer plain_answer(int status, std::string_view text) {
  HttpAnswer answer;
  answer.status = status;
  answer.type = "text/plain; charset=utf-8";
  answer.body = std::string(text) + "\n";
  return answer;
}

}  // namespace vtn::viewer
