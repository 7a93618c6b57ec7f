// SPDX-License-Identifier: Apache-2.0
//
// How patterns meet names and files. Whole filters are tested where there is an interpreter
// (tests/e2e/filters_test.py).
#include "runtime/filters/filters.h"

#include <filesystem>
#include <string>
#include <string_view>

#include "runtime/filters/names.h"
#include "runtime/filters/paths.h"
#include "runtime/filters/patterns.h"
#include "session/settings.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn::runtime {

namespace {

std::string g_settings;
RuntimeRoot g_root;

void set_patterns(std::initializer_list<std::pair<uint32_t, std::string>> patterns) {
  session::SettingsWriter writer;
  for (const auto& [key, text] : patterns) {
    writer.add(key, std::string_view(text.c_str(), text.size() + 1));
  }
  g_settings = writer.bytes();
}

tracer::Text text_of(std::string_view text) { return {text.data(), text.size()}; }

bool meets(const char* pattern, std::string_view module, std::string_view name) {
  return pattern_meets_name(pattern, text_of(module), text_of(name));
}

bool meets_path(const char* pattern, std::string path) {
  const std::string before = path;
  const bool met = pattern_meets_path(pattern, path.data());
  CHECK(path == before);
  return met;
}

}  // namespace

// Of files that take an interpreter.
RuntimeRoot* runtime_root() { return &g_root; }
Settings session_settings() {
  const char* const begin = g_settings.data() + sizeof(vtn_settings_head);
  return g_settings.empty() ? Settings{}
                            : Settings{reinterpret_cast<const vtn_setting*>(begin),
                                       g_settings.data() + g_settings.size()};
}
bool filters_on() { return false; }

TEST_CASE("filters: a pattern names a function, or what it is defined in", "[runtime]") {
  CHECK(meets("f", "", "f"));
  CHECK(meets("f", "m", "f"));
  CHECK(meets("m", "m", "f"));
  CHECK(meets("m.f", "m", "f"));
  CHECK(meets("m.*", "m", "f"));
  CHECK(meets("pack", "pack.inner", "f"));
  CHECK(meets("pack.inner", "pack.inner", "f"));
  CHECK(meets("Class", "m", "Class.method"));
  CHECK(meets("m.Class", "m", "Class.method"));
  CHECK(meets("Class.method", "m", "Class.method"));
  CHECK(meets("*.method", "m", "Class.method"));
  CHECK(meets("Cl[a-z]ss", "m", "Class.method"));
  CHECK(!meets("method", "m", "Class.method"));
  CHECK(!meets("pac", "pack.inner", "f"));
  CHECK(!meets("packs", "pack.inner", "f"));
  CHECK(!meets("inner", "pack.inner", "f"));
  CHECK(!meets("m.g", "m", "f"));
  CHECK(!meets("", "m", "f"));
}

TEST_CASE("filters: what is defined in a function is not part of it", "[runtime]") {
  CHECK(meets("f", "m", "f"));
  CHECK(!meets("f", "m", "f.<locals>.g"));
  CHECK(!meets("m.f", "m", "f.<locals>.g"));
  CHECK(meets("f.<locals>.g", "m", "f.<locals>.g"));
  CHECK(meets("f.*", "m", "f.<locals>.g"));
  CHECK(meets("f.<locals>.Class", "m", "f.<locals>.Class.method"));
  CHECK(meets("m", "m", "f.<locals>.g"));
  CHECK(meets("<module>", "m", "<module>"));
  CHECK(meets("*<lambda>", "m", "f.<locals>.<lambda>"));
}

TEST_CASE("filters: a C function has its module in its name", "[runtime]") {
  const auto meets_c = [](const char* pattern, std::string_view name) {
    return pattern_meets_c_name(pattern, text_of(name));
  };
  CHECK(meets_c("len", "builtins.len"));
  CHECK(meets_c("builtins.len", "builtins.len"));
  CHECK(meets_c("builtins", "builtins.len"));
  CHECK(meets_c("append", "list.append"));
  CHECK(meets_c("list", "list.append"));
  CHECK(!meets_c("builtin", "builtins.len"));
  CHECK(!meets_c("le", "builtins.len"));
}

TEST_CASE("filters: names as long as they may be", "[runtime]") {
  const std::string longest(kMaxNameBytes, 'n');
  CHECK(meets((longest + "." + longest).c_str(), longest, longest));
  CHECK(meets("n*", longest, longest));
  CHECK(!meets("m*", longest, longest));
}

TEST_CASE("filters: a pattern with a slash, or of a .py, is of files", "[runtime]") {
  CHECK(is_path_pattern("/a/b"));
  CHECK(is_path_pattern("x.py"));
  CHECK(is_path_pattern("*.py"));
  CHECK(!is_path_pattern("x"));
  CHECK(!is_path_pattern("a.b"));
  CHECK(!is_path_pattern(".py"));
  CHECK(meets_path("/a/b.py", "/a/b.py"));
  CHECK(meets_path("/a", "/a/b.py"));
  CHECK(meets_path("/a", "/a/c/d/b.py"));
  CHECK(meets_path("/*/c", "/a/c/d/b.py"));
  CHECK(meets_path("b.py", "/a/c/d/b.py"));
  CHECK(meets_path("*.py", "/a/c/d/b.py"));
  CHECK(!meets_path("/a/b", "/a/bc/x.py"));
  CHECK(!meets_path("/a/b", "/a/b.py"));
  CHECK(!meets_path("c.py", "/a/c.pyc"));
  CHECK(!meets_path("/b", "/a/b/x.py"));
}

TEST_CASE("filters: files are known by their names and without their symlinks", "[runtime]") {
  const TemporaryFolder folder;
  const std::string root = std::filesystem::canonical(folder.file("."));
  std::filesystem::create_directories(root + "/real/pack");
  std::filesystem::create_symlink("real", root + "/link");
  std::filesystem::create_symlink(root + "/link/pack", root + "/second");
  std::filesystem::create_symlink("loop", root + "/loop");
  set_patterns({{VTN_SETTING_INCLUDE_FILE, root + "/real"}, {VTN_SETTING_HIDE, root + "/second"}});
  CHECK(path_facts(text_of(root + "/real/x.py")) == kMeetsInclude);
  CHECK(path_facts(text_of(root + "/link/x.py")) == kMeetsInclude);
  CHECK(path_facts(text_of(root + "/second/x.py")) == (kMeetsInclude | kMeetsHide));
  CHECK(path_facts(text_of(root + "/second/../x.py")) == kMeetsInclude);
  CHECK(path_facts(text_of(root + "/link/./gone/x.py")) == kMeetsInclude);
  CHECK(path_facts(text_of(root + "/loop/x.py")) == 0);
  CHECK(path_facts(text_of(root + "/really/x.py")) == 0);
  CHECK(path_facts(text_of("")) == 0);
  // Once more, as it is remembered.
  CHECK(path_facts(text_of(root + "/link/x.py")) == kMeetsInclude);
  // From where the process is.
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(root + "/link");
  CHECK(path_facts(text_of("x.py")) == kMeetsInclude);
  std::filesystem::current_path(root);
  CHECK(path_facts(text_of("x.py")) == 0);
  CHECK(path_facts(text_of("link/x.py")) == kMeetsInclude);
  std::filesystem::current_path(before);
  CHECK(path_facts(text_of("/" + std::string(8000, 'x'))) == 0);
}

TEST_CASE("filters: the standard library, packages, and the import system", "[runtime]") {
  set_patterns({});
  add_library_folder(text_of("/no/such/lib/python3.12"));
  add_library_folder(text_of("/no/such/lib/../lib/python3.12/"));
  const auto facts = [](std::string_view path) { return path_facts(text_of(path)); };
  CHECK(facts("/no/such/lib/python3.12/json/decoder.py") == kStandardLibrary);
  CHECK(facts("/no/such/lib/python3.12/site-packages/flask/app.py") == kPackage);
  CHECK(facts("/no/such/lib/python3.12x/os.py") == 0);
  CHECK(facts("/usr/lib/python3/dist-packages/yaml/__init__.py") == kPackage);
  CHECK(facts("/home/me/site-packages.py") == 0);
  CHECK(facts("/no/such/lib/python3.12/importlib/__init__.py") ==
        (kStandardLibrary | kImportSystem));
  CHECK(facts("/no/such/lib/python3.12/importlib/metadata/__init__.py") == kStandardLibrary);
  CHECK(facts("<frozen importlib._bootstrap>") == (kFrozen | kImportSystem));
  CHECK(facts("<frozen os>") == kFrozen);
  CHECK(facts("<string>") == 0);
}

}  // namespace vtn::runtime
