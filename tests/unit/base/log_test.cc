// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

// What `body` says on stderr.
template <class Body>
std::string said_by(const Body& body) {
  auto pipe = make_pipe();
  REQUIRE(pipe);
  const int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  (void)dup2(pipe->write_end.get(), STDERR_FILENO);
  pipe->write_end.reset();
  body();
  (void)dup2(saved, STDERR_FILENO);
  (void)close(saved);
  std::string text(20'000, '\0');
  auto count = read_all(pipe->read_end.get(), text.data(), text.size());
  REQUIRE(count);
  text.resize(*count);
  return text;
}

TEST_CASE("log: a line has the prefix and keeps errno", "[log]") {
  errno = ERANGE;
  int kept = 0;
  const std::string text = said_by([&] {
    errno = ERANGE;
    log_error("%d of %s", 3, "four");
    kept = errno;
  });
  CHECK(text == "viztracer-native: 3 of four\n");
  CHECK(kept == ERANGE);
}

TEST_CASE("log: what a name says to the terminal is not passed on", "[log]") {
  const std::string text = said_by([] {
    log_error("cannot read %s",
              "a\n\x1b[31mb\x7f \xc2\x9b"
              "31m \xc3\xa9\xc2\xa0");
  });
  CHECK(text == "viztracer-native: cannot read a??[31mb? ??31m \xc3\xa9\xc2\xa0\n");
}

TEST_CASE("log: levels above the set one are silent", "[log]") {
  const LogLevel before = log_level();
  set_log_level(LogLevel::kWarning);
  const std::string text = said_by([] {
    log_error("a");
    log_warning("b");
    log_info("c");
    log_debug("d");
  });
  set_log_level(before);
  CHECK(text == "viztracer-native: a\nviztracer-native: b\n");
}

TEST_CASE("log: a line that is too long is cut and still ends", "[log]") {
  const std::string text = said_by([] { log_error("%s", std::string(15'000, 'z').c_str()); });
  CHECK(text.size() <= 8192);
  CHECK(text.size() > 8000);
  CHECK(text.back() == '\n');
}

}  // namespace
}  // namespace vtn
