// SPDX-License-Identifier: Apache-2.0
//
// A session as a launcher makes it, removed at the end. Nobody collects it.
#pragma once

#include <string>

#include <unistd.h>

#include "session/session.h"
#include "tests/support/catch.h"

namespace vtn::test {

struct OwnSession {
  OwnSession() {
    auto created = session::create_session({"", "/lib/shim.so", {}});
    REQUIRE(created.has_value());
    session = std::move(*created);
  }
  ~OwnSession() { session::remove_session(session.folder); }
  OwnSession(const OwnSession&) = delete;
  OwnSession& operator=(const OwnSession&) = delete;

  // What its link leads to; empty: there is none.
  std::string spool() const {
    char path[4096];
    const ssize_t length =
        readlink(session.file(session::kSpoolLinkName).c_str(), path, sizeof(path));
    return length > 0 ? std::string(path, static_cast<size_t>(length)) : "";
  }

  session::Session session;
};

}  // namespace vtn::test
