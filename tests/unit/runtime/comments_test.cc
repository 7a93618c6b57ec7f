// SPDX-License-Identifier: Apache-2.0
//
// Which statement a comment belongs to. That comments and lines are what CPython's lexer takes for
// such, tests/e2e/code_flow_test.py asks the `tokenize` module.
#include "runtime/variables/comments.h"

#include <string>
#include <vector>

#include "runtime/variables/code_lines.h"
#include "runtime/variables/comment_wishes.h"
#include "tests/support/catch.h"

namespace vtn::runtime {

namespace {

std::string text_of(tracer::Text text) { return {text.data, text.bytes}; }

// "LINE: FIRST-LAST in|out[>FIRST-LAST] TEXT", or "LINE: PROBLEM".
std::vector<std::string> comments_of(const std::string& source) {
  std::vector<std::string> told;
  SourceComments found = find_comments({source.data(), source.size()});
  for (uint32_t i = 0; i < found.comment_count; ++i) {
    const MagicComment& one = found.comments[i];
    std::string line = std::to_string(one.line) + ": ";
    if (one.problem != nullptr) {
      told.push_back(line + one.problem);
      continue;
    }
    line += std::to_string(one.first) + "-" + std::to_string(one.last);
    line += one.when_left ? " out" : " in";
    if (one.into_first != 0) {
      line += ">" + std::to_string(one.into_first) + "-" + std::to_string(one.into_last);
    }
    told.push_back(line + " " + text_of(one.text));
  }
  free_comments(&found);
  return told;
}

using Told = std::vector<std::string>;

constexpr char kNoPlace[] = ": no statement can stand there";
constexpr char kWithin[] = ": it stands within a statement";
constexpr char kShares[] = ": a line before it leaves the block, or does not";

}  // namespace

TEST_CASE("comments: behind a statement, of all its lines", "[runtime]") {
  CHECK(comments_of("x = 1 # !viztracer: log\n") == Told{"1: 1-1 out log"});
  CHECK(comments_of("x = 1#!viztracer:log if y ") == Told{"1: 1-1 out log if y"});
  CHECK(comments_of("x = (1,\n  2) # !viztracer: log\n") == Told{"2: 1-2 out log"});
  CHECK(comments_of("x = (1, # !viztracer: log\n  2)\n") == Told{"1: 1-2 out log"});
  CHECK(comments_of("x = 1 + \\\n  2 # !viztracer: log\n") == Told{"2: 1-2 out log"});
  CHECK(comments_of("x = \"\"\"\n\"\"\" # noqa # !viztracer: log\n") == Told{"2: 1-2 out log"});
  CHECK(comments_of("x = 1; y = 2 # !viztracer: log") == Told{"1: 1-1 out log"});
  CHECK(comments_of("def f(): # !viztracer: log\n  pass\n") == Told{"1: 1-1 out log"});
  CHECK(comments_of("@d # !viztracer: log\n@e\ndef f(): # !viztracer: log\n  pass\n") ==
        Told{"1: 1-3 out log", "3: 1-3 out log"});
  CHECK(comments_of("x = {1:\n  2} # !viztracer: log\n") == Told{"2: 1-2 out log"});
  CHECK(comments_of("x = 1 # a !viztracer: log\n").empty());
  CHECK(comments_of("").empty());
}

TEST_CASE("comments: behind what opens a block, where that begins", "[runtime]") {
  CHECK(comments_of("if x: # !viztracer: log\n  y\n  z\nelse:\n  w\n") ==
        Told{"1: 1-1 out>2-3 log"});
  CHECK(comments_of("async with x: # !viztracer: log\n  y\n") == Told{"1: 1-1 out>2-2 log"});
  CHECK(comments_of("if x: y # !viztracer: log\n") == Told{"1: 1-1 out log"});
  CHECK(comments_of("try:\n  x\nfinally: # !viztracer: log\n  y\n") ==
        Told{"3: nothing is done on its line"});
  CHECK(comments_of("global x # !viztracer: log\n") == Told{"1: nothing is done on its line"});
  CHECK(comments_of("global x; x = 1 # !viztracer: log\n") == Told{"1: 1-1 out log"});
}

TEST_CASE("comments: on a line of its own, before the next statement", "[runtime]") {
  const std::string comment = "# !viztracer: log_var(1)\n";
  CHECK(comments_of(comment + "x = 1\ny = 2\n") == Told{"1: 2-2 in log_var(1)"});
  CHECK(comments_of(comment + "\n  # other\nif x:\n  y\n\n  z\nelif a:\n  b\nelse:\n  c\nd\n") ==
        Told{"1: 4-11 in log_var(1)"});
  CHECK(comments_of(comment + "try:\n x\nexcept a:\n y\nelse:\n z\nfinally:\n w\nv") ==
        Told{"1: 2-9 in log_var(1)"});
  CHECK(comments_of(comment + "@a\n@b\nclass C:\n  x\n  y\nz\n") == Told{"1: 2-6 in log_var(1)"});
  CHECK(comments_of(comment + "global x, y\n\"text\"\nz = 1\n") == Told{"1: 2-2 in log_var(1)"});
  CHECK(comments_of("def f():\n" + comment + "  x\n") == Told{"2: 3-3 in log_var(1)"});
  CHECK(comments_of("def f():\n  x\n" + comment + "  y\n") == Told{"3: 4-4 in log_var(1)"});
  CHECK(comments_of("x\n  " + comment + "y\n") == Told{"2: 3-3 in log_var(1)"});
}

TEST_CASE("comments: as the last of a block, behind the statement before", "[runtime]") {
  const std::string comment = "# !viztracer: log_var(1)\n";
  CHECK(comments_of("if x:\n  y\n  " + comment + "z\n") == Told{"3: 2-2 out log_var(1)"});
  CHECK(comments_of("if x:\n  y\n  " + comment + "else:\n  z\n") == Told{"3: 2-2 out log_var(1)"});
  CHECK(comments_of("x\n" + comment) == Told{"2: 1-1 out log_var(1)"});
  CHECK(comments_of("if x:\n  for y in z:\n    a\n  else:\n    b\n    " + comment + "  " + comment +
                    comment) ==
        Told{"6: 5-5 out log_var(1)", "7: 2-5 out log_var(1)", "8: 1-5 out log_var(1)"});
  CHECK(comments_of("if x:\n  @a\n  def f():\n    pass\n  " + comment) ==
        Told{"5: 2-4 out log_var(1)"});
  CHECK(comments_of("if x:\n\ty\n        " + comment + "z") == Told{"3: 2-2 out log_var(1)"});
  CHECK(comments_of("if x:\n  y\n\f  " + comment + "z") == Told{"3: 2-2 out log_var(1)"});
}

TEST_CASE("comments: what belongs to nothing that is done slides on", "[runtime]") {
  const std::string source =
      "class C:\n  x: int\n  # !viztracer: log_var(1)\n  y: int\n  @d\n  def f(): pass\n  z: int\n";
  SourceComments found = find_comments({source.data(), source.size()});
  REQUIRE(found.comment_count == 1);
  MagicComment one = found.comments[0];
  std::vector<std::string> passed;
  do {
    passed.push_back(std::to_string(one.first) + "-" + std::to_string(one.last) +
                     (one.when_left ? " out" : " in"));
  } while (slide(found, &one));
  CHECK(passed == Told{"4-4 in", "5-6 in", "7-7 in", "5-6 out", "4-4 out", "2-2 out"});
  free_comments(&found);
}

TEST_CASE("comments: what has no place is named", "[runtime]") {
  const std::string comment = "# !viztracer: log_var(1)\n";
  CHECK(comments_of("if x:\n  y\n" + comment + "else:\n  z\n") ==
        Told{std::string("3") + kNoPlace});
  CHECK(comments_of("@d\n" + comment + "def f(): pass\n") == Told{std::string("2") + kNoPlace});
  CHECK(comments_of("x = [\n" + comment + "]\n") == Told{std::string("2") + kWithin});
  CHECK(comments_of(comment) == Told{"1: there is no statement"});
  CHECK(comments_of("for x in y:\n  if x: break\n  " + comment) ==
        Told{std::string("3") + kShares});
  CHECK(comments_of("for x in y:\n  if x: break\n" + comment) == Told{"3: 1-2 out log_var(1)"});
  CHECK(comments_of("for x in y: z\nelse:\n  if x: continue\n  " + comment) ==
        Told{std::string("4") + kShares});
  CHECK(comments_of("if x: return\n" + comment) == Told{std::string("2") + kShares});
  CHECK(comments_of("if x:\n  return\n" + comment) == Told{"3: 1-2 out log_var(1)"});
  CHECK(comments_of("match (x,\n  y):\n  " + comment + "  case 1:\n    z\n  " + comment + "a") ==
        Told{std::string("3") + kNoPlace, std::string("6") + kNoPlace});
}

TEST_CASE("comments: whose they are", "[runtime]") {
  const std::string source =
      "x # !viztracer: log\n@d # !viztracer: log\nclass C: # !viztracer: log\n  y # !viztracer: "
      "log\n"
      "  async def f(a,\n      b): # !viztracer: log\n    if a:\n      z # !viztracer: log\n"
      "    # !viztracer: log_var(1)\n  # !viztracer: log_var(1)\nw # !viztracer: log\n"
      "def g(): pass # !viztracer: log\n";
  SourceComments found = find_comments({source.data(), source.size()});
  std::vector<uint32_t> of;
  for (uint32_t i = 0; i < found.comment_count; ++i) {
    const uint32_t line = found.comments[i].definition;
    of.push_back(line == kNoLine ? 0 : found.lines[line].first);
  }
  CHECK(of == std::vector<uint32_t>{0, 0, 0, 3, 3, 5, 5, 3, 0, 0});
  const auto whose = [&](uint32_t line) {
    const CommentRange range = comments_of(found, definition_at(found, line));
    return std::to_string(range.first) + "-" + std::to_string(range.end);
  };
  CHECK(whose(2) == "2-8");
  CHECK(whose(3) == "2-8");
  CHECK(whose(5) == "4-8");  // with the one behind its block
  CHECK(definition_at(found, 1) == kNoLine);
  CHECK(definition_at(found, 12) == kNoLine);
  CHECK(definition_at(found, 100) == kNoLine);
  free_comments(&found);
}

TEST_CASE("comments: the first two lines say how the source is encoded", "[runtime]") {
  const auto cookie = [](const std::string& source) {
    return text_of(find_cookie({source.data(), source.size()}));
  };
  CHECK(cookie("# -*- coding: latin-1 -*-\n") == "latin-1");
  CHECK(cookie("#!/bin/python\n\t# vim: set fileencoding=utf_8.x :") == "utf_8.x");
  CHECK(cookie("\xef\xbb\xbf#coding:a\r\n") == "a");
  CHECK(cookie("\n\n# coding: a\n").empty());
  CHECK(cookie("x = 1\n# coding: a\n").empty());
  CHECK(cookie("# coding is: a\n# coding : b\n").empty());
  CHECK(cookie("# coding coding= a").substr(0, 1) == "a");
  CHECK(cookie("").empty());
}

TEST_CASE("comments: what is asked for", "[runtime]") {
  const auto wish = [](const std::string& text) -> std::string {
    const CommentWish read = read_wish({text.data(), text.size()});
    if (read.problem != nullptr) {
      return read.problem;
    }
    return std::to_string(static_cast<int>(read.verb)) + "(" + text_of(read.arguments) + ")" +
           text_of(read.condition);
  };
  CHECK(wish("log") == "0()");
  CHECK(wish("log if x > 3") == "0()x > 3");
  CHECK(wish("log # a remark") == "0()");
  CHECK(wish("log_var(\"x)\", (x), [')'])  if(y)") == "1(\"x)\", (x), [')'])(y)");
  CHECK(wish("log_instant( f\"{x!r:)>{')'}}\" )") == "2(f\"{x!r:)>{')'}}\")");
  CHECK(wish("log_instant()") == "2()");
  CHECK(wish("log if f'{x}' == ')' # )") == "0()f'{x}' == ')' # )");
  for (const char* const wrong : {"",
                                  "logs",
                                  "log()",
                                  "log_var",
                                  "log_var (1)",
                                  "log_exception(1)",
                                  "log_var(1",
                                  "log_var(#)",
                                  "log iffy",
                                  "log unless x",
                                  "log if ",
                                  "log_var(1) + 1",
                                  "log_var(1) if n) or (n",
                                  "log if f'{x}'])",
                                  "log_event('x')"}) {
    INFO(wrong);
    CHECK(wish(wrong).find_first_of("(0123456789") != 0);
    const std::string text = wrong;
    CHECK(read_wish({text.data(), text.size()}).problem != nullptr);
  }
}

TEST_CASE("comments: the lines of a damaged table end where it does", "[runtime]") {
  const unsigned char table[] = {0x80, 0x00, 0xe8, 0x7f, 0xf0, 0x01};
  uint32_t lines[8];
  read_code_lines(11, table, sizeof(table), 7, lines, 8);
  CHECK(lines[0] == 7);
  read_code_lines(11, table, 0, 7, lines, 8);
  CHECK(lines[0] == 0);
}

TEST_CASE("comments: the lines of 3.10 are pairs", "[runtime]") {
  const unsigned char table[] = {4, 1, 2, 0x80, 4, 0xff, 0, 200, 2, 3, 250};
  uint32_t lines[8];
  read_code_lines(10, table, sizeof(table), 7, lines, 8);
  CHECK(std::vector<uint32_t>(lines, lines + 8) ==
        std::vector<uint32_t>{8, 8, 0, 7, 7, 0, 0, 0});  // 7 - 56 + 3: there is no such line
  read_code_lines(10, table, 9, 70, lines, 2);
  CHECK(lines[1] == 71);
}

}  // namespace vtn::runtime
