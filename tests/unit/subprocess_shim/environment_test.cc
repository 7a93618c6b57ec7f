// SPDX-License-Identifier: Apache-2.0
//
// Our entry in LD_PRELOAD: taken out at the start, put into copies, whatever else is there.
#include <memory>
#include <random>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/subprocess_shim/shim.h"

namespace vtn::test {
namespace {

const std::string kOwn = "/dev/shm/vtn-0/0123456789abcdef/libvtn.so";

// What the program sees of an environment that it was started with.
Words seen(const Words& given) {
  CStrings environment(given);
  g_process = {};
  g_process.environment = environment.data();
  CHECK(vtn_environment_name(kOwn.c_str()) != 0);
  vtn_environment_hide();
  Words left = words_of(g_process.environment);
  g_process.environment = nullptr;
  return left;
}

// What a program gets that is started with it.
Words given(const Words& from, bool carries) {
  const CStrings environment(from);
  const vtn_environment_plan plan = vtn_environment_measure(environment.get(), carries ? 1 : 0);
  // Of exactly that size: a sanitizer sees a letter too many.
  const std::unique_ptr<char, decltype(&free)> memory(static_cast<char*>(malloc(plan.memory_bytes)),
                                                      free);
  const Words copy = words_of(vtn_environment_copy(&plan, memory.get()));
  CHECK(copy.size() == plan.entries);
  CHECK((plan.as_it_is != 0) == (copy == from));
  return copy;
}

TEST_CASE("environment: our entry is taken out, wherever it stands", "[environment]") {
  CHECK(seen({"A=1", "LD_PRELOAD=" + kOwn, "B=2"}) == Words{"A=1", "B=2"});
  CHECK(seen({"LD_PRELOAD=" + kOwn}) == Words{});
  CHECK(seen({"A=1", "LD_PRELOAD=/a.so:" + kOwn}) == Words{"A=1", "LD_PRELOAD=/a.so"});
  CHECK(seen({"LD_PRELOAD=/a.so /b.so:" + kOwn, "B="}) == Words{"LD_PRELOAD=/a.so /b.so", "B="});
  CHECK(seen({"LD_PRELOAD=/a.so " + kOwn}) == Words{"LD_PRELOAD=/a.so"});
  CHECK(seen({"LD_PRELOAD=:" + kOwn}) == Words{"LD_PRELOAD="});  // the user's own, empty
}

TEST_CASE("environment: what is not our entry stays", "[environment]") {
  for (const Words& other : {Words{},
                             Words{"A=1", "", "novalue", "=x", "A=1"},
                             Words{"LD_PRELOAD="},
                             Words{"LD_PRELOAD"},
                             Words{"LD_PRELOAD=/a.so"},
                             Words{"LD_PRELOADED=" + kOwn},
                             Words{"X=LD_PRELOAD=" + kOwn},
                             Words{"LD_PRELOAD=/other" + kOwn},  // another file that ends so
                             Words{"LD_PRELOAD=" + kOwn + ":/a.so"},
                             Words{"LD_PRELOAD=" + kOwn + "x"},
                             Words{"LD_PRELOAD=" + kOwn.substr(1)}}) {
    CHECK(seen(other) == other);
  }
}

TEST_CASE("environment: a variable that is there twice is freed of us twice", "[environment]") {
  CHECK(seen({"LD_PRELOAD=" + kOwn, "LD_PRELOAD=/a.so:" + kOwn, "LD_PRELOAD=" + kOwn}) ==
        Words{"LD_PRELOAD=/a.so"});
}

TEST_CASE("environment: another session's path takes the place of the first", "[environment]") {
  (void)seen({});
  const std::string other = "/dev/shm/vtn-0/fedcba9876543210/libvtn.so";
  const CStrings environment(Words{"A=1"});
  const vtn_environment_plan plan = vtn_environment_measure(environment.get(), 1);
  CHECK(vtn_environment_name(other.c_str()) != 0);
  CHECK(given({"A=1"}, true) == Words{"A=1", "LD_PRELOAD=" + other});
  CHECK(given({"LD_PRELOAD=" + other}, false) == Words{});
  // What was begun before is gone through with as it was begun.
  std::string memory(plan.memory_bytes, 0);
  CHECK(words_of(vtn_environment_copy(&plan, memory.data())) == Words{"A=1", "LD_PRELOAD=" + kOwn});
}

TEST_CASE("environment: no environment at all is an empty one", "[environment]") {
  (void)seen({});
  const vtn_environment_plan plan = vtn_environment_measure(nullptr, 1);
  CHECK(plan.entries == 1);
  const std::unique_ptr<char, decltype(&free)> memory(static_cast<char*>(malloc(plan.memory_bytes)),
                                                      free);
  CHECK(words_of(vtn_environment_copy(&plan, memory.get())) == Words{"LD_PRELOAD=" + kOwn});
  CHECK(vtn_environment_measure(nullptr, 0).as_it_is != 0);
}

TEST_CASE("environment: a copy carries us behind the user's own", "[environment]") {
  (void)seen({});
  CHECK(given({}, true) == Words{"LD_PRELOAD=" + kOwn});
  CHECK(given({"A=1"}, true) == Words{"A=1", "LD_PRELOAD=" + kOwn});
  CHECK(given({"LD_PRELOAD=/a.so", "A=1"}, true) == Words{"LD_PRELOAD=/a.so:" + kOwn, "A=1"});
  CHECK(given({"LD_PRELOAD="}, true) == Words{"LD_PRELOAD=:" + kOwn});
  CHECK(given({"LD_PRELOAD=" + kOwn + ":/a.so"}, true) ==
        Words{"LD_PRELOAD=" + kOwn + ":/a.so:" + kOwn});
  CHECK(given({"A=1", "LD_PRELOAD=" + kOwn}, false) == Words{"A=1"});
  CHECK(given({"A=1", "B="}, false) == Words{"A=1", "B="});
}

TEST_CASE("environment: there and back is what it was", "[environment]") {
  (void)seen({});
  std::mt19937 random(2);
  const Words parts = {"A=1",
                       "",
                       "=",
                       "LD_PRELOAD=/a.so",
                       "LD_PRELOAD=",
                       "LD_PRELOAD=/a.so:/b.so",
                       "LD_PRELOAD",
                       "LD_PRELOADX=" + kOwn,
                       "LONG=" + std::string(5000, 'x')};
  for (int i = 0; i < 2000; ++i) {
    Words environment;
    for (size_t left = random() % 6; left > 0; --left) {
      environment.push_back(parts[random() % parts.size()]);
    }
    const Words with = given(environment, true);
    CHECK(with != environment);
    CHECK(given(with, true) == with);
    CHECK(given(with, false) == environment);
    CHECK(seen(with) == environment);
  }
}

TEST_CASE("environment: a path that is too long for us is nobody's", "[environment]") {
  CStrings environment({"LD_PRELOAD=/" + std::string(4000, 'x')});
  g_process.environment = environment.data();
  CHECK(vtn_environment_name(environment.get()[0] + 11) == 0);
  vtn_environment_hide();
  CHECK(words_of(g_process.environment).size() == 1);
}

TEST_CASE("environment: variables are found by their whole name", "[environment]") {
  const CStrings environment({"AB=1", "A", "A=", "A=2", "=3"});
  CHECK(vtn_environment_get(environment.get(), "A") == std::string());
  CHECK(vtn_environment_get(environment.get(), "AB") == std::string("1"));
  CHECK(vtn_environment_get(environment.get(), "B") == nullptr);
  CHECK(vtn_environment_get(nullptr, "A") == nullptr);
}

TEST_CASE("environment: we are reachable while our file is there", "[environment]") {
  const TemporaryFolder folder;
  const std::string path = folder.write("libvtn.so", "");
  g_process = {};
  CHECK(vtn_environment_name(path.c_str()) != 0);
  CHECK(vtn_environment_reachable() != 0);
  REQUIRE(unlink(path.c_str()) == 0);
  CHECK(vtn_environment_reachable() == 0);
}

}  // namespace
}  // namespace vtn::test
