// SPDX-License-Identifier: Apache-2.0
#include "launcher/options.h"

#include "launcher/closest.h"
#include "tests/support/catch.h"

namespace vtn {
namespace {

using Words = std::vector<std::string>;

launcher::Options parsed(const Words& arguments) {
  auto options = launcher::parse_options(arguments);
  REQUIRE(options);
  return *options;
}

std::string refused(const Words& arguments) {
  const auto options = launcher::parse_options(arguments);
  REQUIRE(!options);
  return options.error().message;
}

TEST_CASE("options: they end at the target", "[options]") {
  const launcher::Options options = parsed({"--quiet", "x.py", "-o", "theirs", "--help"});
  CHECK(options.quiet);
  CHECK(options.output_files.empty());
  CHECK(!options.help);
  CHECK(options.target == Words{"x.py", "-o", "theirs", "--help"});
  CHECK(!options.after_separator);
}

TEST_CASE("options: module, code and stdin are targets", "[options]") {
  CHECK(parsed({"-u", "-m", "pytest", "-q"}).target == Words{"-m", "pytest", "-q"});
  CHECK(parsed({"-mjson.tool"}).target == Words{"-mjson.tool"});
  CHECK(parsed({"-c", "pass", "--python"}).target == Words{"-c", "pass", "--python"});
  CHECK(parsed({"--keep_raw", "-"}).target == Words{"-"});
  CHECK(parsed({}).target.empty());
}

TEST_CASE("options: a separator makes the rest a command", "[options]") {
  const launcher::Options options = parsed({"-o", "a.json", "--", "make", "-j2"});
  CHECK(options.after_separator);
  CHECK(options.target == Words{"make", "-j2"});
  CHECK(options.output_files == Words{"a.json"});
}

TEST_CASE("options: dashes and underscores are the same", "[options]") {
  CHECK(parsed({"--ignore-c-function", "x"}).ignore_c_function);
  CHECK(parsed({"--ignore_c_function", "x"}).ignore_c_function);
  CHECK(parsed({"--output-dir=a_b-c", "x"}).output_dir == "a_b-c");
  CHECK(parsed({"--output_dir", "a_b-c", "x"}).output_dir == "a_b-c");
}

TEST_CASE("options: an output may be named in every way, and several times", "[options]") {
  const launcher::Options options = parsed({"-o",
                                            "a.json",
                                            "-ob.vtn",
                                            "--output_file",
                                            "c,d.pftrace",
                                            "--output-file=--e.json",
                                            "x.py"});
  CHECK(options.output_files == Words{"a.json", "b.vtn", "c,d.pftrace", "--e.json"});
}

TEST_CASE("options: a value that looks like an option or target is a value", "[options]") {
  CHECK(parsed({"--python", "-x", "y"}).python == "-x");
  CHECK(parsed({"--python", "--quiet", "y"}).python == "--quiet");
  CHECK(!parsed({"--python", "--quiet", "y"}).quiet);
  CHECK(parsed({"-o", "-", "y"}).output_files == Words{"-"});
}

TEST_CASE("options: how long to wait for children is a value of its own word", "[options]") {
  CHECK(parsed({"x"}).wait_children_ms == -1);
  CHECK(parsed({"--wait_children", "x"}).wait_children_ms == launcher::kWaitForever);
  CHECK(parsed({"--wait_children", "5"}).target == Words{"5"});
  CHECK(parsed({"--wait-children=2.5", "x"}).wait_children_ms == 2500);
  CHECK(parsed({"--wait_children=0", "x"}).wait_children_ms == 0);
  CHECK(parsed({"--wait_children=forever", "x"}).wait_children_ms == launcher::kWaitForever);
  for (const char* wrong : {"", "soon", "-1", "1s", "nan", "inf", "1e99"}) {
    INFO(wrong);
    CHECK(refused({std::string("--wait_children=") + wrong, "x"}).find("seconds") !=
          std::string::npos);
  }
}

TEST_CASE("options: what of the process tree is wanted", "[options]") {
  const launcher::Options none = parsed({"x"});
  CHECK(!none.keep_pid);
  CHECK(!none.python_only);
  CHECK(!none.ignore_multiprocess);
  CHECK(none.excluded_processes.empty());
  CHECK(parsed({"--keep-pid", "x"}).keep_pid);
  CHECK(parsed({"--processes", "python", "x"}).python_only);
  CHECK(!parsed({"--processes=all", "x"}).python_only);
  CHECK(parsed({"--ignore_multiprocess", "x"}).ignore_multiprocess);
  CHECK(parsed({"--exclude_process", "a,b*", "--exclude-process=git", "x"}).excluded_processes ==
        Words{"a,b*", "git"});
  CHECK(refused({"--processes=some", "x"}).find("all or python") != std::string::npos);
  CHECK(refused({"--exclude_process=", "x"}).find("not empty") != std::string::npos);
  CHECK(refused({"--exclude_process"}).find("needs a value") != std::string::npos);
}

TEST_CASE("options: the rest of what the command knows", "[options]") {
  CHECK(parsed({"--host", "embed", "x"}).host == launcher::HostChoice::kEmbed);
  CHECK(parsed({"--host=exec", "x"}).host == launcher::HostChoice::kExec);
  CHECK(parsed({"x"}).host == launcher::HostChoice::kAuto);
  CHECK(parsed({"--verbose", "2", "x"}).verbose == 2);
  CHECK(parsed({"--verbose", "0", "x"}).quiet);
  CHECK(parsed({"--convert", "a.vtn"}).convert == "a.vtn");
  CHECK(parsed({"--recover", "d"}).recover == "d");
  CHECK(parsed({"--version"}).version);
  CHECK(parsed({"-h"}).help);
  CHECK(parsed({"-u", "x"}).unique_output_file);
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

TEST_CASE("options: the help names every option", "[options]") {
  const std::string help = launcher::help_text();
  for (const char* name : {"--output_file",
                           "--unique_output_file",
                           "--output_dir",
                           "--python",
                           "--host",
                           "--ignore_c_function",
                           "--processes",
                           "--exclude_process",
                           "--ignore_multiprocess",
                           "--wait_children",
                           "--keep_pid",
                           "--quiet",
                           "--verbose",
                           "--keep_raw",
                           "--convert",
                           "--recover",
                           "--version",
                           "--help",
                           "-m module"}) {
    INFO(name);
    CHECK(help.find(name) != std::string::npos);
  }
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
