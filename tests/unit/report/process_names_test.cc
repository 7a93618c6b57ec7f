// SPDX-License-Identifier: Apache-2.0
#include "report/process_names.h"

#include "abi/python_arguments.h"
#include "tests/support/catch.h"

namespace vtn::report {

namespace {

std::string target_of(std::vector<const char*> words) {
  words.insert(words.begin(), "python3");
  words.push_back(nullptr);
  const char* what = nullptr;
  switch (vtn_python_target(words.data(), &what)) {
    case VTN_RUNS_NOTHING:
      return "nothing";
    case VTN_RUNS_SCRIPT:
      return std::string("script ") + what;
    case VTN_RUNS_MODULE:
      return std::string("module ") + what;
    case VTN_RUNS_CODE:
      return std::string("code ") + what;
    case VTN_RUNS_INPUT:
      return "input";
    default:
      return "?";
  }
}

TEST_CASE("names: what a Python's command line runs", "[names]") {
  CHECK(target_of({}) == "nothing");
  CHECK(target_of({"-i"}) == "nothing");
  CHECK(target_of({"x.py", "-m", "y"}) == "script x.py");
  CHECK(target_of({"-"}) == "input");
  CHECK(target_of({"-I", "-", "x.py"}) == "input");
  CHECK(target_of({"-m", "http.server", "-c"}) == "module http.server");
  CHECK(target_of({"-mhttp.server"}) == "module http.server");
  CHECK(target_of({"-ISm", "pytest"}) == "module pytest");
  CHECK(target_of({"-m"}) == "nothing");
  CHECK(target_of({"-c", "pass", "x.py"}) == "code pass");
  CHECK(target_of({"-ucprint(1)"}) == "code print(1)");
  CHECK(target_of({"-c"}) == "code ");
  CHECK(target_of({"-X", "dev", "-W", "error", "x.py"}) == "script x.py");
  CHECK(target_of({"-Xdev", "-Werror", "x.py"}) == "script x.py");
  CHECK(target_of({"-X"}) == "nothing");
  CHECK(target_of({"-uX", "m", "x.py"}) == "script x.py");
  CHECK(target_of({"--check-hash-based-pycs", "never", "x.py"}) == "script x.py");
  CHECK(target_of({"--version", "x.py"}) == "script x.py");
  CHECK(target_of({"--check-hash-based-pycs"}) == "nothing");
  CHECK(target_of({""}) == "nothing");
}

TEST_CASE("names: a Python is called by what it runs", "[names]") {
  const auto name = [](std::vector<std::string> words) {
    return program_name("/usr/bin/python3.12", words);
  };
  CHECK(name({"python3", "/srv/app/x.py", "-v"}) == "x.py");
  CHECK(name({"python3", "/srv/app/"}) == "app");
  CHECK(name({"python3", "/srv/app/__main__.py"}) == "app");
  CHECK(name({"python3", "-m", "http.server"}) == "http.server");
  CHECK(name({"python3", "-c", "pass"}) == "python3 -c pass");
  CHECK(name({"python3", "-c", "import\nx"}) == "python3 -c import x");
  CHECK(name({"python3", "-"}) == "python3 -");
  CHECK(name({"python3"}) == "python3");
  CHECK(is_python_name("python3.12"));
  CHECK_FALSE(is_python_name("python-config"));
}

}  // namespace

}  // namespace vtn::report
