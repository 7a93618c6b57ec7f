// SPDX-License-Identifier: Apache-2.0
//
// Source as anybody may have it: comments and lines lie where they can, texts within the source.
#include <string>

#include <stdlib.h>

#include "runtime/variables/code_lines.h"
#include "runtime/variables/comment_wishes.h"
#include "runtime/variables/comments.h"
#include "tests/fuzz/fuzz.h"

namespace {

using vtn::runtime::SourceComments;
using vtn::tracer::Text;

void check(bool holds) {
  if (!holds) {
    abort();
  }
}

bool lies_in(Text part, const std::string& whole) {
  return part.bytes == 0 ||
         (part.data >= whole.data() && part.data + part.bytes <= whole.data() + whole.size());
}

void check_found(const SourceComments& found, const std::string& source) {
  uint32_t last = 0;
  for (uint32_t i = 0; i < found.line_count; ++i) {
    const vtn::runtime::LogicalLine& line = found.lines[i];
    check(line.first > last && line.first <= line.last);
    check(vtn::runtime::line_at(found, line.first) == &line);
    check(vtn::runtime::line_at(found, line.last) == &line);
    (void)vtn::runtime::leaves(found, &line, 0);
    check(line.parent == vtn::runtime::kNoLine ||
          (line.parent < i && found.lines[line.parent].indent < line.indent));
    const vtn::runtime::CommentRange range = vtn::runtime::comments_of(found, i);
    check(range.first <= range.end && range.end <= found.comment_count);
    last = line.last;
  }
  check(vtn::runtime::line_at(found, last + 1) == nullptr);
  last = 0;
  for (uint32_t i = 0; i < found.comment_count; ++i) {
    const vtn::runtime::MagicComment& comment = found.comments[i];
    check(comment.line >= last && lies_in(comment.text, source) &&
          lies_in(comment.statement, source));
    last = comment.line;
    check(comment.problem != nullptr || (comment.first != 0 && comment.first <= comment.last &&
                                         vtn::runtime::line_at(found, comment.first) != nullptr));
    const vtn::runtime::CommentRange range = vtn::runtime::comments_of(
        found, comment.problem != nullptr ? vtn::runtime::kNoLine : comment.definition);
    check(range.first <= i && i < range.end);
    vtn::runtime::MagicComment sliding = comment;
    uint32_t slides = 0;
    while (sliding.problem == nullptr && vtn::runtime::slide(found, &sliding)) {
      check(++slides <= 2 * found.line_count && sliding.first <= sliding.last);
    }
    const vtn::runtime::CommentWish wish = vtn::runtime::read_wish(comment.text);
    check(lies_in(wish.arguments, source) && lies_in(wish.condition, source));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  check(lies_in(vtn::runtime::find_cookie({source.data(), source.size()}), source));
  SourceComments found = vtn::runtime::find_comments({source.data(), source.size()});
  check(found.comment_count == 0 || vtn::runtime::has_magic({source.data(), source.size()}));
  check_found(found, source);
  vtn::runtime::free_comments(&found);
  uint32_t lines[64];
  vtn::runtime::read_code_lines(10, data, size, 1, lines, 64);
  vtn::runtime::read_code_lines(11, data, size, 1, lines, 64);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {
      "x = 1  # !viztracer: log if x\n# !viztracer: log_var(\"x\", [x])\n",
      "def f(x):\r\n\t# !viztracer: log_instant('a', {1: (2)})\r\n\tif x: return 1\r\n",
      "x = f\"{y!r:{z}} {{ {'#' # !viztracer: log\n}\"\nwhile x:\n    break\n    # !viztracer: "
      "log\n",
      "# coding: latin-1\n@d\nclass C:\n  '''# !viztracer: log\n  '''\n  \\\n  # !viztracer: log\n",
      "try:\n  pass\nexcept a: # !viztracer: log\n  x = rb'\\'' + Rf'''{f\"{x:{'}'}}\"}'''\nelse: "
      "x # !viztracer: log"};
}
