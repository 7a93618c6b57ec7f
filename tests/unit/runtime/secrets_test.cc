// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/secrets.h"

#include <string_view>

#include "tests/support/catch.h"

namespace vtn::runtime {

TEST_CASE("secrets: a word of a name says so", "[runtime]") {
  const auto secret = [](std::string_view name) {
    return names_a_secret(name.data(), name.size());
  };
  for (const char* const name : {"password",
                                 "PASSWORD",
                                 "user_password",
                                 "passwd",
                                 "apiKey",
                                 "API_KEY",
                                 "api-key",
                                 "key",
                                 "authToken",
                                 "HTTPAuth",
                                 "x_cookie_2",
                                 "Secret1",
                                 "Session.get_token",
                                 "tokens",
                                 "auth"}) {
    INFO(name);
    CHECK(secret(name));
  }
  for (const char* const name : {"",
                                 "monkey",
                                 "keyboard",
                                 "author",
                                 "tokenizer",
                                 "passing",
                                 "secretary",
                                 "x",
                                 "_",
                                 "authenticated",
                                 "a_very_long_name_that_never_says_anything_of_the_kind"}) {
    INFO(name);
    CHECK(!secret(name));
  }
}

}  // namespace vtn::runtime
