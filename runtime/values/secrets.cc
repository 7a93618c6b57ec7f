// SPDX-License-Identifier: Apache-2.0
#include "runtime/values/secrets.h"

#include <string.h>

namespace vtn::runtime {

namespace {

struct Word {
  template <size_t size>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is one
  constexpr Word(const char (&literal)[size]) : text(literal), bytes(size - 1) {}
  const char* text;
  size_t bytes;
};
constexpr Word kSecrets[] = {
    "password", "passwords",     "passwd",    "passphrase", "pwd",         "token",   "tokens",
    "secret",   "secrets",       "key",       "keys",       "apikey",      "apikeys", "privatekey",
    "auth",     "authorization", "authtoken", "credential", "credentials", "cookie",  "cookies"};
constexpr size_t kLongestWord = 24;

bool is_upper(char letter) { return letter >= 'A' && letter <= 'Z'; }
bool is_lower(char letter) { return letter >= 'a' && letter <= 'z'; }

bool is_secret(const char* word, size_t bytes) {
  for (const Word& secret : kSecrets) {
    if (secret.bytes == bytes && secret.text[0] == word[0] &&
        memcmp(secret.text, word, bytes) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool names_a_secret(const char* name, size_t bytes) {
  char word[kLongestWord];  // in small letters; longer ones are none of ours
  size_t length = 0;
  const auto ends = [&] {
    const bool found = length <= kLongestWord && is_secret(word, length);
    length = 0;
    return found;
  };
  for (size_t i = 0; i < bytes; ++i) {
    const char letter = name[i];
    const bool upper = is_upper(letter);
    // "apiKey", and the last capital of "HTTPAuth".
    const bool begins = upper && i != 0 &&
                        (is_lower(name[i - 1]) ||
                         (is_upper(name[i - 1]) && i + 1 < bytes && is_lower(name[i + 1])));
    if ((begins || !(upper || is_lower(letter))) && ends()) {
      return true;
    }
    if (upper || is_lower(letter)) {
      if (length < kLongestWord) {
        word[length] = static_cast<char>(upper ? letter - 'A' + 'a' : letter);
      }
      ++length;
    }
  }
  return ends();
}

}  // namespace vtn::runtime
