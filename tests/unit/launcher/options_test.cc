// SPDX-License-Identifier: Apache-2.0
#include "launcher/options.h"

#include "launcher/closest.h"
#include "launcher/values.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

using Words = std::vector<std::string>;

launcher::Request parsed(const Words& arguments) {
  auto options = launcher::parse_request(arguments);
  REQUIRE(options);
  return *options;
}

std::string refused(const Words& arguments) {
  const auto options = launcher::parse_request(arguments);
  REQUIRE(!options);
  return options.error().message;
}

TEST_CASE("options: they end at the target", "[options]") {
  const launcher::Request options = parsed({"--quiet", "x.py", "-o", "theirs", "--help"});
  CHECK(options.quiet());
  CHECK(options.names.files.empty());
  CHECK(!options.help);
  CHECK(options.launch.target == Words{"x.py", "-o", "theirs", "--help"});
  CHECK(!options.launch.after_separator);
}

TEST_CASE("options: module, code and stdin are targets", "[options]") {
  CHECK(parsed({"-u", "-m", "pytest", "-q"}).launch.target == Words{"-m", "pytest", "-q"});
  CHECK(parsed({"-mjson.tool"}).launch.target == Words{"-mjson.tool"});
  CHECK(parsed({"-c", "pass", "--python"}).launch.target == Words{"-c", "pass", "--python"});
  CHECK(parsed({"--keep_raw", "-"}).launch.target == Words{"-"});
  CHECK(parsed({}).launch.target.empty());
}

TEST_CASE("options: a separator makes the rest a command", "[options]") {
  const launcher::Request options = parsed({"-o", "a.json", "--", "make", "-j2"});
  CHECK(options.launch.after_separator);
  CHECK(options.launch.target == Words{"make", "-j2"});
  CHECK(options.names.files == Words{"a.json"});
}

TEST_CASE("options: dashes and underscores are the same", "[options]") {
  CHECK(!parsed({"--ignore-c-function", "x"}).record.c_functions);
  CHECK(!parsed({"--ignore_c_function", "x"}).record.c_functions);
  CHECK(parsed({"--output-dir=a_b-c", "x"}).names.folder == "a_b-c");
  CHECK(parsed({"--output_dir", "a_b-c", "x"}).names.folder == "a_b-c");
}

TEST_CASE("options: an output may be named in every way, and several times", "[options]") {
  const launcher::Request options = parsed({"-o",
                                            "a.json",
                                            "-ob.vtn",
                                            "--output_file",
                                            "c,d.pftrace",
                                            "--output-file=--e.json",
                                            "x.py"});
  CHECK(options.names.files == Words{"a.json", "b.vtn", "c,d.pftrace", "--e.json"});
}

TEST_CASE("options: a value that looks like an option or target is a value", "[options]") {
  CHECK(parsed({"--python", "-x", "y"}).launch.python == "-x");
  CHECK(parsed({"--python", "--quiet", "y"}).launch.python == "--quiet");
  CHECK(!parsed({"--python", "--quiet", "y"}).quiet());
  CHECK(parsed({"-o", "-", "y"}).names.files == Words{"-"});
}

TEST_CASE("options: how long to wait for children is a value of its own word", "[options]") {
  CHECK(parsed({"x"}).record.wait_children_ms == -1);
  CHECK(parsed({"--wait_children", "x"}).record.wait_children_ms == session::kWaitForever);
  CHECK(parsed({"--wait_children", "5"}).launch.target == Words{"5"});
  CHECK(parsed({"--wait-children=2.5", "x"}).record.wait_children_ms == 2500);
  CHECK(parsed({"--wait_children=0", "x"}).record.wait_children_ms == 0);
  CHECK(parsed({"--wait_children=forever", "x"}).record.wait_children_ms == session::kWaitForever);
  for (const char* wrong : {"", "soon", "-1", "1x", "nan", "inf", "1e99"}) {
    INFO(wrong);
    CHECK(refused({std::string("--wait_children=") + wrong, "x"}).find("seconds") !=
          std::string::npos);
  }
}

TEST_CASE("options: which bindings are told", "[options]") {
  CHECK(parsed({"x"}).record.logs.empty());
  const launcher::Request some = parsed({"--log_var",
                                         "x|y",
                                         "--log_attr",
                                         "a",
                                         "b",
                                         "--log_number=n.*",
                                         "--log_func_entry",
                                         "f",
                                         "--",
                                         "x.py"});
  CHECK(some.record.logs == decltype(some.record.logs){{VTN_SETTING_LOG_VARIABLE, "x|y"},
                                                       {VTN_SETTING_LOG_ATTRIBUTE, "a"},
                                                       {VTN_SETTING_LOG_ATTRIBUTE, "b"},
                                                       {VTN_SETTING_LOG_NUMBER, "n.*"},
                                                       {VTN_SETTING_LOG_ENTRIES_OF, "f"}});
  CHECK(some.launch.needs_monitoring.empty());
  CHECK(refused({"--log_func_exec", "(?=x)", "x.py"}).find("uses look-ahead") != std::string::npos);
}

TEST_CASE("options: comments in the source", "[options]") {
  CHECK_FALSE(parsed({"x"}).record.magic_comments);
  const launcher::Request on = parsed({"--magic-comment", "x.py"});
  CHECK(on.record.magic_comments);
  CHECK(on.launch.needs_monitoring.empty());
  CHECK((on.record.option_bits() & kOptionMagicComments) != 0);
}

TEST_CASE("options: how large a recording may get", "[options]") {
  CHECK(parsed({"x"}).record.calls.newest_calls == 0);
  CHECK_FALSE(parsed({"x"}).record.calls.any());
  const launcher::Request newest = parsed({"--tracer-entries=1000000", "x"});
  CHECK(newest.record.calls.newest_calls == 1'000'000);
  CHECK(newest.record.calls.any());
  CHECK_FALSE(newest.record.calls.filter());
  CHECK(newest.record.told == std::vector<std::string>{"--tracer_entries 1000000"});
  for (const char* bad : {"0", "-1", "1e6", "many", ""}) {
    const std::string option = std::string("--tracer_entries=") + bad;
    CHECK(refused({option, "x"}).find(option + ": must be a number from 1") != std::string::npos);
  }
}

TEST_CASE("options: sizes of recordings are in thousands", "[options]") {
  const auto bytes = [](const char* size) {
    return parsed({"--max_size", size, "x"}).record.calls.most_spool_bytes;
  };
  CHECK(parsed({"x"}).record.calls.most_spool_bytes == 0);
  CHECK(bytes("100k") == 100'000);
  CHECK(bytes("500MB") == 500'000'000);
  CHECK(bytes("2GB") == 2'000'000'000);
  CHECK(bytes("1.5m") == 1'500'000);
  CHECK(bytes("1MiB") == 1'048'576);
  CHECK(bytes("200000") == 200'000);
  for (const char* bad : {"0", "99k", "-1", "12parsecs", "", "MB"}) {
    const std::string option = std::string("--max_size=") + bad;
    CHECK(refused({option, "x"}).find(option + ": must be") != std::string::npos);
  }
}

TEST_CASE("options: what of the process tree is wanted", "[options]") {
  const launcher::Request none = parsed({"x"});
  CHECK(!none.launch.keep_pid);
  CHECK(!none.report.python_only);
  CHECK(none.record.children);
  CHECK(none.record.excluded_processes.empty());
  CHECK(parsed({"--keep-pid", "x"}).launch.keep_pid);
  CHECK(parsed({"--processes", "python", "x"}).report.python_only);
  CHECK(!parsed({"--processes=all", "x"}).report.python_only);
  CHECK(!parsed({"--ignore_multiprocess", "x"}).record.children);
  CHECK(parsed({"--exclude_process", "a,b*", "--exclude-process=git", "x"})
            .record.excluded_processes == Words{"a,b*", "git"});
  CHECK(refused({"--processes=some", "x"}).find("all or python") != std::string::npos);
  CHECK(refused({"--exclude_process=", "x"}).find("not empty") != std::string::npos);
  CHECK(refused({"--exclude_process"}).find("needs a value") != std::string::npos);
}

TEST_CASE("options: the report is shown by a process that stays", "[options]") {
  CHECK(!parsed({"x"}).open);
  CHECK(parsed({"--open", "x"}).open);
  CHECK(!parsed({"--open", "--no_open", "x"}).open);
  CHECK(refused({"--open", "--keep_pid", "x"}).find("exclude each other") != std::string::npos);
}

TEST_CASE("options: the rest of what the command knows", "[options]") {
  CHECK(parsed({"--host", "embed", "x"}).launch.host == launcher::HostChoice::kEmbed);
  CHECK(parsed({"--host=exec", "x"}).launch.host == launcher::HostChoice::kExec);
  CHECK(parsed({"x"}).launch.host == launcher::HostChoice::kAuto);
  CHECK(parsed({"--verbose", "2", "x"}).report.verbosity == 2);
  CHECK(parsed({"--verbose", "0", "x"}).quiet());
  CHECK(parsed({"--convert", "a.vtn"}).source.paths == Words{"a.vtn"});
  CHECK(parsed({"--recover", "d"}).source.work == launcher::Work::kRecover);
  const launcher::Request all = parsed({"--combine", "a.vtn", "b.vtn", "-o", "c.vtn"});
  CHECK(all.source.paths == Words{"a.vtn", "b.vtn"});
  CHECK(all.names.files == Words{"c.vtn"});
  CHECK(all.launch.target.empty());
  CHECK(parsed({"--convert", "a.vtn", "--recover", "d"}).source.contradicts);
  CHECK(!parsed({"--combine", "a.vtn", "--combine", "b.vtn"}).source.contradicts);
  CHECK(parsed({"--version"}).version);
  CHECK(parsed({"-h"}).help);
  CHECK(parsed({"-u", "x"}).names.unique);
}

TEST_CASE("options: what is wrong is named, with what to try", "[options]") {
  CHECK(refused({"--ouput_file=x", "y"}).find("--output_file?") != std::string::npos);
  CHECK(refused({"--quite", "y"}).find("--quiet?") != std::string::npos);
  CHECK(refused({"--zzzzzzzzzz", "y"}).find("--help") != std::string::npos);
  CHECK(refused({"-z", "y"}).find("-z") != std::string::npos);
  CHECK(refused({"-ux", "y"}).find("-ux") != std::string::npos);
  CHECK(refused({"--python"}).find("needs a value") != std::string::npos);
  CHECK(refused({"-o"}).find("needs a value") != std::string::npos);
  CHECK(refused({"--quiet=yes", "y"}).find("takes no value") != std::string::npos);
  CHECK(refused({"--host", "both", "y"}).find("auto, embed or exec") != std::string::npos);
  CHECK(refused({"--verbose", "many", "y"}).find("number") != std::string::npos);
  CHECK(refused({"-m"}).find("-m") != std::string::npos);
  CHECK(refused({"-c"}).find("-c") != std::string::npos);
}

TEST_CASE("options: --no_x takes an option back, wherever it means something", "[options]") {
  CHECK(!parsed({"--keep_raw", "--no_keep_raw", "x"}).report.keep_raw);
  CHECK(parsed({"--no-keep-raw", "--keep_raw", "x"}).report.keep_raw);
  CHECK(parsed({"--no_summary", "x"}).report.summary_lines == 0);
  CHECK(refused({"--no_python", "x"}).find("unknown option --no_python") != std::string::npos);
  CHECK(refused({"--no_keep_raw=yes", "x"}).find("unknown option") != std::string::npos);
}

TEST_CASE("options: what was given is kept, in order, with whom it concerns", "[options]") {
  const launcher::Request request = parsed({"-o", "a.json", "--quiet", "--wait_children", "x"});
  REQUIRE(request.given.size() == 3);
  CHECK(std::string(request.given[0].name) == "output_file");
  CHECK(request.given[0].value == "a.json");
  CHECK(request.given[0].scope == launcher::Scope::kReport);
  CHECK(request.given[1].scope == launcher::Scope::kCommand);
  CHECK(request.given[2].value == "");
  CHECK(request.given[2].scope == launcher::Scope::kRecord);
}

TEST_CASE("options: what is wrong with a value is said behind its option", "[options]") {
  CHECK(refused({"--summary", "ten", "x"}) == "--summary=ten: must be a number from 0 to 1000000");
  CHECK(refused({"--log_var", "x"}) == "there is no program to run; x is the value of --log_var");
  CHECK(refused({"--log_var", "x", "--quiet"}) == "there is no program to run");
  CHECK(parsed({"--summary=3", "x"}).report.summary_lines == 3);
  CHECK(parsed({"--report", "a.txt", "--report=b.vtn", "x"}).names.more == Words{"a.txt", "b.vtn"});
}

TEST_CASE("values: times, sizes and numbers", "[options]") {
  const auto ns = [](const char* text) { return launcher::read_duration_ns(text, 1000); };
  CHECK(*ns("5") == 5000);
  CHECK(*ns("0.3ms") == 300'000);
  CHECK(*ns("13us") == 13'000);
  CHECK(*ns("2 s") == 2'000'000'000);
  CHECK(*ns("1.5m") == 90'000'000'000);
  CHECK(*ns("0") == 0);
  for (const char* wrong : {"", "ms", "-1", "1 year", "nan", "inf", "1e300", "5ms5"}) {
    INFO(wrong);
    CHECK(!ns(wrong));
  }
  CHECK(*launcher::read_size_bytes("2GB") == 2'000'000'000);
  CHECK(*launcher::read_size_bytes("1.5 KiB") == 1536);
  CHECK(*launcher::read_size_bytes("4096") == 4096);
  CHECK(!launcher::read_size_bytes("2 apples"));
  CHECK(*launcher::read_number("7", 0, 9) == 7);
  CHECK(launcher::read_number("10", 0, 9).error().message == "must be a number from 0 to 9");
  CHECK(!launcher::read_number("1.0", 0, 9));
}

TEST_CASE("options: the help names every option and every format", "[options]") {
  const std::string help = launcher::help_text();
  for (const std::string& name : launcher::option_names()) {
    INFO(name);
    CHECK(help.find("--" + name + " ") != std::string::npos);
  }
  for (const report::Format& format : report::formats()) {
    INFO(format.help);
    CHECK(help.find(format.help) != std::string::npos);
  }
  CHECK(help.find("-m module") != std::string::npos);
}

TEST_CASE("closest: a slip is recognised, another word is not", "[options]") {
  const Words words = {"quiet", "python", "output_file"};
  CHECK(launcher::closest_match("qiuet", words) == "quiet");
  CHECK(launcher::closest_match("pyhton", words) == "python");
  CHECK(launcher::closest_match("output", words) == "output_file");
  CHECK(launcher::closest_match("banana", words).empty());
  CHECK(launcher::closest_match(std::string(10'000, 'x'), words).empty());
  CHECK(launcher::closest_match("", words).empty());
}

}  // namespace
}  // namespace vtn
