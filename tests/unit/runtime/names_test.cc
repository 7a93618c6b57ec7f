// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include <string.h>
#include <sys/mman.h>

#include "runtime/capture/functions.h"
#include "runtime/capture/thread_part.h"
#include "tests/support/catch.h"

namespace vtn::runtime {

// What is not known yet takes an interpreter, which the tests lack.
CodeIds code_ids_slow(tracer::ThreadState*, PyObject*, PyObject*) { return {}; }
bool is_known_hidden(const tracer::ThreadState*, PyObject*) { return false; }
uint32_t callable_id_slow(tracer::ThreadState*, PyObject*, const CallableKey&) { return 0; }
uint32_t method_id(tracer::ThreadState*, PyObject*) { return 0; }

namespace {

TEST_CASE("names: a C string hashes alike wherever it lies", "[runtime]") {
  const std::string words = "a_rather_long_name_of_a_function";
  for (size_t length = 0; length <= words.size(); ++length) {
    INFO(length);
    const std::string text = words.substr(0, length);
    const uint64_t expected = hash_c_string(text.c_str(), 1);
    for (size_t offset = 0; offset < 16; ++offset) {
      // What lies behind the end is another each time.
      std::string buffer(64, static_cast<char>('A' + offset));
      memcpy(buffer.data() + offset, text.c_str(), length + 1);
      CHECK(hash_c_string(buffer.data() + offset, 1) == expected);
    }
    CHECK(hash_c_string(text.c_str(), 2) != expected);
  }
}

TEST_CASE("names: nothing is read behind the page that a C string ends in", "[runtime]") {
  constexpr size_t kPage = 4096;
  void* pages =
      mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(pages != MAP_FAILED);
  REQUIRE(mprotect(static_cast<char*>(pages) + kPage, kPage, PROT_NONE) == 0);
  char* const end = static_cast<char*>(pages) + kPage;
  const std::string words = "seventeen letters";
  for (size_t length = 0; length <= words.size(); ++length) {
    const std::string text = words.substr(0, length);
    char* const at = end - length - 1;
    memcpy(at, text.c_str(), length + 1);
    CHECK(hash_c_string(at, 1) == hash_c_string(text.c_str(), 1));
  }
  CHECK(munmap(pages, 2 * kPage) == 0);
}

TEST_CASE("names: different texts have different hashes", "[runtime]") {
  std::set<uint64_t> hashes;
  for (int i = 0; i < 20'000; ++i) {
    hashes.insert(hash_c_string(("name" + std::to_string(i)).c_str(), 1));
  }
  CHECK(hashes.size() == 20'000);
}

TEST_CASE("names: cache slots lie within their tables and use all of them", "[runtime]") {
  std::set<uint32_t> codes;
  std::set<uint32_t> callables;
  for (uintptr_t i = 0; i < 20'000; ++i) {
    const auto* address = reinterpret_cast<const void*>(0x7f00'0000'0000 + i * 64);
    codes.insert(code_cache_slot(address));
    callables.insert(callable_cache_slot(address, address));
  }
  CHECK(codes.size() == size_t{1} << kCodeCacheBits);
  CHECK(*codes.rbegin() < size_t{1} << kCodeCacheBits);
  CHECK(*callables.rbegin() < size_t{1} << kCallableCacheBits);
  CHECK(callables.size() > (size_t{1} << kCallableCacheBits) * 9 / 10);
}

}  // namespace
}  // namespace vtn::runtime
