// SPDX-License-Identifier: Apache-2.0
#include "launcher/rc_file.h"

#include "launcher/options.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

using Words = std::vector<std::string>;

// All words of the options under [default].
Words words_of(const std::string& options) {
  const auto file = launcher::read_rc("[default]\n" + options, "rc");
  REQUIRE(file);
  Words words;
  for (const launcher::RcOption& option : file->options) {
    words.insert(words.end(), option.words.begin(), option.words.end());
  }
  return words;
}

std::string refused(const std::string& text) {
  const auto file = launcher::read_rc(text, "rc");
  REQUIRE(!file);
  return file.error().message;
}

TEST_CASE("rc file: truth values are truth values", "[rc_file]") {
  for (const char* yes : {"True", "true", "yes", "ON", "1"}) {
    CHECK(words_of(std::string("quiet = ") + yes) == Words{"--quiet"});
    CHECK(words_of(std::string("log_func_args = ") + yes) == Words{"--log_func_args"});
  }
  for (const char* no : {"False", "false", "no", "OFF", "0"}) {
    CHECK(words_of(std::string("quiet = ") + no) == Words{"--no_quiet"});
    CHECK(words_of(std::string("no_stdlib = ") + no) == Words{"--no_no_stdlib"});
    CHECK(words_of(std::string("log_func_args = ") + no).empty());
    CHECK(words_of(std::string("summary = ") + no) == Words{"--no_summary"});
  }
  CHECK(words_of("wait_children = 1") == Words{"--wait_children=1"});
  CHECK(words_of("wait_children = yes") == Words{"--wait_children"});
  // What is switched off there is off.
  Words quiet = words_of("quiet = False");
  quiet.emplace_back("x.py");
  CHECK(!launcher::parse_request(quiet)->quiet());
}

TEST_CASE("rc file: what is off is not told as on", "[rc_file]") {
  const auto request = launcher::parse_request({"--log_gc", "--mine", "--no_log_gc", "x.py"});
  REQUIRE(request);
  CHECK(request->record.told == Words{"--mine"});
  CHECK(!request->record.collections);
}

TEST_CASE("rc file: lists are separated by blanks, other values by lines", "[rc_file]") {
  CHECK(words_of("log_var = a.* b\n   c") == Words{"--log_var=a.*", "--log_var=b", "--log_var=c"});
  CHECK(words_of("only = app.* Model.save") == Words{"--only=app.*", "--only=Model.save"});
  CHECK(words_of("output_file = my report.json\n # and\n  b.txt") ==
        Words{"--output_file=my report.json", "--output_file=b.txt"});
  CHECK(words_of("exclude_process = grep -r x") == Words{"--exclude_process=grep -r x"});
  CHECK(words_of("log_var =").empty());
}

TEST_CASE("rc file: it is an ini file", "[rc_file]") {
  CHECK(words_of("# comment\n; another\n\nMax-Stack-Depth: 5\r\n[other]\nnonsense = 1\n  more\n"
                 "[default]\nmine=yes") == Words{"--max_stack_depth=5", "--mine"});
  CHECK(launcher::read_rc("\xef\xbb\xbf[default]\nquiet = 1\n", "rc")->options.size() == 1);
  CHECK(launcher::read_rc("[default]", "rc")->options.empty());
  CHECK(refused("[other]\nquiet = 1") == "rc has no section [default]");
  CHECK(refused("") == "rc has no section [default]");
  CHECK(refused("[default]\nquiet") == "rc:2: neither [section] nor option = value");
  CHECK(refused("[default]\nquiet = 1\n\nquiet = 0") == "rc:4: quiet stands there twice");
}

TEST_CASE("rc file: what is wrong is told with its line", "[rc_file]") {
  CHECK(refused("[default]\noutptu_file = x.json") ==
        "rc:2: unknown option outptu_file; did you mean output_file?");
  CHECK(refused("[default]\nxyzzy = 1") ==
        "rc:2: unknown option xyzzy; viztracer-native --help lists the options");
  CHECK(refused("[default]\nquiet = maybe") == "rc:2: quiet must be True or False");
  CHECK(refused("[default]\noutput_file =") == "rc:2: output_file needs a value: FILE");
  CHECK(refused("[default]\nsummary = yes") == "rc:2: summary needs a value: N");
  CHECK(refused("[default]\nconvert = x.vtn") == "rc:2: convert is for the command line alone");
  CHECK(refused("[default]\nquiet = 1\nmax_size = much").find("rc:3: --max_size=much: must be") ==
        0);
}

TEST_CASE("rc file: VizTracer's options that there are none of are told", "[rc_file]") {
  const auto file =
      launcher::read_rc("[default]\nplugins = x y\nquiet = 1\nlog_torch = True", "rc");
  REQUIRE(file);
  CHECK(file->skipped == Words{"plugins", "log_torch"});
  CHECK(file->options.size() == 1);
}

}  // namespace
}  // namespace vtn
