// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comments.h"

#include <string.h>

#include "base/freestanding/pages.h"
#include "runtime/variables/source_lexer.h"

namespace vtn::runtime {

namespace {

constexpr size_t kMagicBytes = sizeof(kMagic) - 1;
constexpr size_t kMostSourceBytes = size_t{64} << 20;

// Behind "!viztracer:" where a comment begins with it, at its `#`; null: it does not.
const char* behind_magic(const char* at, const char* end) {
  ++at;
  while (at != end && is_space(*at)) {
    ++at;
  }
  return begins_with(at, end, kMagic, kMagicBytes) ? at + kMagicBytes : nullptr;
}

// Lines that have their place among logical ones when all are known.
struct OwnLine {
  uint32_t indent;
  uint32_t next;  // the logical line that comes behind it
};

// Behind the statement that begins with that logical line.
uint32_t end_of_statement(const SourceComments& source, uint32_t index) {
  const uint32_t indent = source.lines[index].indent;
  while (index + 1 < source.line_count && (source.lines[index].flags & kDecorates) != 0) {
    ++index;
  }
  for (++index; index < source.line_count; ++index) {
    const LogicalLine& line = source.lines[index];
    if (line.indent < indent || (line.indent == indent && (line.flags & kGoesOn) == 0)) {
      break;
    }
  }
  return index;
}

// The line itself, or the one that opens the outermost block with it that is not indented less.
uint32_t outermost(const SourceComments& source, uint32_t index, uint32_t indent) {
  for (uint32_t parent = source.lines[index].parent;
       parent != kNoLine && source.lines[parent].indent >= indent;
       parent = source.lines[index].parent) {
    index = parent;
  }
  return index;
}

// Where the statement begins that ends before the logical line `end`, in the block of that
// indentation.
uint32_t begin_of_statement(const SourceComments& source, uint32_t end, uint32_t indent) {
  uint32_t index = end - 1;
  if (source.lines[index].indent < indent) {
    return index;
  }
  index = outermost(source, index, indent);
  while (source.lines[index].indent == indent && (source.lines[index].flags & kGoesOn) != 0 &&
         index != 0 && source.lines[index - 1].indent >= indent) {
    index = outermost(source, index - 1, indent);
  }
  if (source.lines[index].indent > indent) {
    return source.lines[index].parent + 1;  // of no line: the first one
  }
  while (index != 0 && source.lines[index - 1].indent == indent &&
         (source.lines[index - 1].flags & kDecorates) != 0) {
    --index;
  }
  return index;
}

uint32_t definition_of(const SourceComments& source, uint32_t index) {
  do {
    index = source.lines[index].parent;
  } while (index != kNoLine && (source.lines[index].flags & kDefines) == 0);
  return index;
}

class Finder {
 public:
  Finder(tracer::Text source, SourceComments* to)
      : lexer_(source.data, source.data + source.bytes), to_(*to) {}

  void find(uint32_t most_comments, OwnLine* own) {
    most_comments_ = most_comments;
    own_ = own;
    SourceLexer::Token token = SourceLexer::Token::kNewLine;
    while (token != SourceLexer::Token::kEnd) {
      if (!is_open_) {
        indent_ = lexer_.take_indent();
      }
      is_blank_ = true;
      while ((token = lexer_.next()) != SourceLexer::Token::kEnd &&
             token != SourceLexer::Token::kNewLine) {
        take(token);
      }
      if (is_open_) {
        end_line(lexer_.line() - (token == SourceLexer::Token::kNewLine ? 1 : 0));
      }
    }
    for (uint32_t i = 0; i < to_.comment_count; ++i) {
      place(i);
    }
  }

 private:
  LogicalLine& line() { return to_.lines[to_.line_count - 1]; }

  void take(SourceLexer::Token token) {
    if (token == SourceLexer::Token::kComment) {
      take_comment();
      return;
    }
    const tracer::Text text = {lexer_.begin(), static_cast<size_t>(lexer_.at() - lexer_.begin())};
    const bool is_new = !is_open_;
    if (is_new) {
      is_open_ = true;
      defines_ = false;
      is_text_ = token == SourceLexer::Token::kString;
      to_.lines[to_.line_count] = {lexer_.first_line(),
                                   lexer_.line(),
                                   indent_,
                                   is_text_ ? kDoesNothing : first_flags(text),
                                   parent()};
      ++to_.line_count;
      begin_ = lexer_.begin();
    }
    is_blank_ = false;
    if (is_text_ && token != SourceLexer::Token::kString) {
      is_text_ = false;
      line().flags = 0;
    }
    ends_with_colon_ = equals(text, ":");
    if (equals(text, ";") && lexer_.depth() == 0) {
      line().flags &= ~uint32_t{kDoesNothing};
    }
    const bool begins_async = is_new && equals(text, "async");
    if (token == SourceLexer::Token::kWord) {
      line().flags |= equals(text, "return") ? uint32_t{kReturns} : 0;
      line().flags |= equals(text, "break") || equals(text, "continue") ? uint32_t{kLeavesLoop} : 0;
      line().flags |= follows_async_ && equals(text, "for") ? uint32_t{kIsLoop} : 0;
      defines_ = defines_ || equals(text, "def") || equals(text, "class");
    }
    follows_async_ = begins_async;
  }

  void end_line(uint32_t last) {
    line().last = last;
    is_open_ = lexer_.is_inside();
    if (!is_open_ && ends_with_colon_) {
      line().flags |= defines_ ? uint32_t{kDefines} : uint32_t{kOpensBlock};
    }
  }

  // Of a line that is about to begin.
  uint32_t parent() const {
    uint32_t index = to_.line_count == 0 ? kNoLine : to_.line_count - 1;
    while (index != kNoLine && to_.lines[index].indent >= indent_) {
      index = to_.lines[index].parent;
    }
    return index;
  }

  static uint32_t first_flags(tracer::Text word) {
    constexpr struct {
      const char* word;
      uint32_t flags;
    } kFlags[] = {{"elif", kGoesOn},
                  {"else", kGoesOn},
                  {"except", uint32_t{kGoesOn} | kIsHandler},
                  {"finally", uint32_t{kGoesOn} | kIsFinally},
                  {"@", kDecorates},
                  {"break", kLeavesFirst},
                  {"continue", kLeavesFirst},
                  {"return", kLeavesFirst},
                  {"for", kIsLoop},
                  {"while", kIsLoop},
                  {"match", kIsMatch},
                  {"global", kDoesNothing},
                  {"nonlocal", kDoesNothing}};
    for (const auto& one : kFlags) {
      if (equals(word, one.word)) {
        return one.flags;
      }
    }
    return 0;
  }

  void take_comment() {
    const char* const end = lexer_.at();
    const char* text = behind_magic(lexer_.begin(), end);
    for (const char* at = lexer_.begin() + 1; is_open_ && text == nullptr && at < end; ++at) {
      if (*at == '#') {
        text = behind_magic(at, end);
      }
    }
    if (text == nullptr || to_.comment_count == most_comments_) {
      return;
    }
    own_[to_.comment_count] = {indent_, is_open_ ? to_.line_count - 1 : to_.line_count};
    MagicComment& comment = to_.comments[to_.comment_count++];
    comment = {};
    comment.line = lexer_.line();
    comment.text = trimmed(text, end);
    comment.own_line = !is_open_;
    if (is_open_ && is_blank_) {
      comment.problem = "it stands within a statement";
    } else if (is_open_) {
      comment.statement = trimmed(begin_, lexer_.begin());
    }
  }

  void place(uint32_t index) {
    MagicComment& comment = to_.comments[index];
    const OwnLine& own = own_[index];
    if (index != 0 && comment.own_line && to_.comments[index - 1].own_line &&
        own_[index - 1].next == own.next && own_[index - 1].indent == own.indent) {
      const MagicComment& before = to_.comments[index - 1];  // on the line before, as it were
      comment.first = before.first;
      comment.last = before.last;
      comment.when_left = before.when_left;
      comment.definition = before.definition;
      comment.problem = before.problem;
      return;
    }
    if (comment.own_line) {
      place_own_line(&comment, own);
    } else if (comment.problem == nullptr) {
      place_behind(&comment, own.next);
    }
  }

  bool has_no_statements(uint32_t parent) const {
    constexpr uint32_t kBoth = uint32_t{kIsMatch} | kOpensBlock;
    return parent != kNoLine && (to_.lines[parent].flags & kBoth) == kBoth;
  }

  void place_own_line(MagicComment* comment, const OwnLine& own) const {
    const bool has_next = own.next < to_.line_count;
    const bool follows_deeper = own.next != 0 && to_.lines[own.next - 1].indent >= own.indent;
    if (has_next && (to_.lines[own.next].indent >= own.indent || !follows_deeper)) {
      const LogicalLine& next = to_.lines[own.next];
      if ((next.flags & kGoesOn) != 0 || has_no_statements(next.parent) ||
          (own.next != 0 && (to_.lines[own.next - 1].flags & kDecorates) != 0)) {
        comment->problem = "no statement can stand there";
        return;
      }
      comment->first = next.first;
      comment->last = to_.lines[end_of_statement(to_, own.next) - 1].last;
      comment->definition = definition_of(to_, own.next);
      return;
    }
    if (own.next == 0) {
      comment->problem = "there is no statement";
      return;
    }
    comment->when_left = true;
    const uint32_t begin = begin_of_statement(to_, own.next, own.indent);
    comment->first = to_.lines[begin].first;
    comment->last = to_.lines[own.next - 1].last;
    comment->definition = definition_of(to_, begin);
    if (has_no_statements(to_.lines[begin].parent)) {
      comment->problem = "no statement can stand there";
    }
    for (uint32_t i = begin; i < own.next; ++i) {
      const LogicalLine& line = to_.lines[i];
      const bool returns = (line.flags & kReturns) != 0 && i + 1 == own.next;
      if ((line.flags & kLeavesFirst) == 0 && (returns || leaves(to_, &line, comment->first))) {
        comment->problem = "a line before it leaves the block, or does not";
      }
    }
  }

  void place_behind(MagicComment* comment, uint32_t index) const {
    const LogicalLine& line = to_.lines[index];
    if (equals(comment->statement, "else:") || equals(comment->statement, "finally:") ||
        (line.flags & kDoesNothing) != 0) {
      comment->problem = "nothing is done on its line";
    }
    comment->when_left = true;
    comment->definition = definition_of(to_, index);
    uint32_t begin = index;  // a decorated definition is told as one
    while (begin != 0 && (to_.lines[begin - 1].flags & kDecorates) != 0) {
      --begin;
    }
    uint32_t last = index;
    while (last + 1 < to_.line_count && (to_.lines[last].flags & kDecorates) != 0) {
      ++last;
    }
    comment->first = to_.lines[begin].first;
    comment->last = to_.lines[last].last;
    if ((line.flags & kOpensBlock) != 0) {
      uint32_t end = index + 1;
      while (end < to_.line_count && to_.lines[end].indent > line.indent) {
        ++end;
      }
      comment->into_first = line.last + 1;
      comment->into_last = to_.lines[end - 1].last;
    }
  }

  SourceLexer lexer_;
  SourceComments& to_;
  OwnLine* own_ = nullptr;
  uint32_t most_comments_ = 0;
  uint32_t indent_ = 0;
  bool is_open_ = false;  // a logical line has begun
  bool ends_with_colon_ = false;
  bool defines_ = false;  // it has a `def` or `class`
  bool follows_async_ = false;
  bool is_text_ = false;   // of which nothing but strings has come so far
  bool is_blank_ = false;  // nothing but blanks so far on the physical one
  const char* begin_ = nullptr;
};

tracer::Text without_mark(tracer::Text source) {
  constexpr char kByteOrderMark[] = "\xef\xbb\xbf";
  return begins_with(source.data, source.data + source.bytes, kByteOrderMark, 3)
             ? tracer::Text{source.data + 3, source.bytes - 3}
             : source;
}

uint32_t count_magic(tracer::Text source) {
  uint32_t count = 0;
  const char* const end = source.data + source.bytes;
  for (const char* at = source.data; at != end;) {
    at = static_cast<const char*>(memchr(at, kMagic[0], static_cast<size_t>(end - at)));
    if (at == nullptr) {
      break;
    }
    count += begins_with(at, end, kMagic, kMagicBytes) ? 1 : 0;
    ++at;
  }
  return count;
}

}  // namespace

bool has_magic(tracer::Text source) { return count_magic(source) != 0; }

SourceComments find_comments(tracer::Text source) {
  SourceComments found = {};
  source = without_mark(source);
  const uint32_t comments = count_magic(source);
  if (comments == 0 || source.bytes > kMostSourceBytes) {
    return found;
  }
  size_t lines = 1;
  for (size_t i = 0; i < source.bytes; ++i) {
    lines += is_line_end(source.data[i]) ? 1 : 0;
  }
  const size_t line_bytes = lines * sizeof(LogicalLine);
  found.bytes = line_bytes + comments * (sizeof(MagicComment) + sizeof(OwnLine));
  auto* const pages = static_cast<char*>(map_pages(found.bytes));
  if (pages == nullptr) {
    return {};
  }
  found.comments = reinterpret_cast<MagicComment*>(pages);
  found.lines = reinterpret_cast<LogicalLine*>(pages + comments * sizeof(MagicComment));
  auto* const own =
      reinterpret_cast<OwnLine*>(pages + comments * sizeof(MagicComment) + line_bytes);
  Finder finder(source, &found);
  finder.find(comments, own);
  return found;
}

void free_comments(SourceComments* comments) {
  if (comments->bytes != 0) {
    unmap_pages(comments->comments, comments->bytes);
  }
  *comments = {};
}

bool slide(const SourceComments& comments, MagicComment* comment) {
  const LogicalLine* const at = line_at(comments, comment->first);
  if (!comment->own_line || at == nullptr) {
    return false;
  }
  const auto index = static_cast<uint32_t>(at - comments.lines);
  if (!comment->when_left) {
    const uint32_t next = end_of_statement(comments, index);
    if (next < comments.line_count && comments.lines[next].indent == at->indent &&
        (comments.lines[next].flags & kGoesOn) == 0) {
      comment->first = comments.lines[next].first;
      comment->last = comments.lines[end_of_statement(comments, next) - 1].last;
      return true;
    }
    comment->when_left = true;
  }
  if (index == 0 || comments.lines[index - 1].indent < at->indent) {
    return false;
  }
  comment->first = comments.lines[begin_of_statement(comments, index, at->indent)].first;
  comment->last = comments.lines[index - 1].last;
  return true;
}

bool is_within(const SourceComments& comments,
               const LogicalLine* line,
               LineFlag kind,
               uint32_t first) {
  for (uint32_t index = line->parent; index != kNoLine && comments.lines[index].first >= first;
       index = comments.lines[index].parent) {
    if ((comments.lines[index].flags & kind) != 0) {
      return true;
    }
  }
  return false;
}

uint32_t definition_at(const SourceComments& comments, uint32_t line) {
  const LogicalLine* const at = line_at(comments, line);
  auto index = at == nullptr ? comments.line_count : static_cast<uint32_t>(at - comments.lines);
  while (index < comments.line_count && (comments.lines[index].flags & kDecorates) != 0) {
    ++index;
  }
  return index < comments.line_count && (comments.lines[index].flags & kDefines) != 0 ? index
                                                                                      : kNoLine;
}

CommentRange comments_of(const SourceComments& comments, uint32_t definition) {
  if (definition == kNoLine) {
    return {0, comments.comment_count};
  }
  uint32_t behind = definition + 1;
  while (behind < comments.line_count &&
         comments.lines[behind].indent > comments.lines[definition].indent) {
    ++behind;
  }
  const auto first_from = [&](uint32_t line) {
    uint32_t low = 0;
    uint32_t high = comments.comment_count;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (comments.comments[middle].line < line) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  return {first_from(comments.lines[definition].first),
          behind == comments.line_count ? comments.comment_count
                                        : first_from(comments.lines[behind].first)};
}

const LogicalLine* line_at(const SourceComments& comments, uint32_t line) {
  uint32_t low = 0;
  uint32_t high = comments.line_count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (comments.lines[middle].last < line) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < comments.line_count && comments.lines[low].first <= line ? &comments.lines[low]
                                                                        : nullptr;
}

tracer::Text find_cookie(tracer::Text source) {
  constexpr char kCoding[] = "coding";
  source = without_mark(source);
  const char* at = source.data;
  const char* const end = source.data + source.bytes;
  for (int line = 0; line < 2 && at != end; ++line) {
    const char* line_end = at;
    while (line_end != end && !is_line_end(*line_end)) {
      ++line_end;
    }
    while (at != line_end && is_space(*at)) {
      ++at;
    }
    if (at != line_end && *at != '#') {
      return {nullptr, 0};  // code: the second line says nothing
    }
    for (; at < line_end; ++at) {
      if (!begins_with(at, line_end, kCoding, sizeof(kCoding) - 1)) {
        continue;
      }
      const char* name = at + sizeof(kCoding) - 1;
      if (name == line_end || (*name != ':' && *name != '=')) {
        continue;
      }
      ++name;
      while (name != line_end && (*name == ' ' || *name == '\t')) {
        ++name;
      }
      const char* name_end = name;
      while (name_end != line_end &&
             ((is_word(*name_end) && (static_cast<unsigned char>(*name_end) & 0x80) == 0) ||
              *name_end == '-' || *name_end == '.')) {
        ++name_end;
      }
      if (name_end != name) {
        return {name, static_cast<size_t>(name_end - name)};
      }
    }
    at = line_end;
    if (at != end) {
      at += *at == '\r' && at + 1 != end && at[1] == '\n' ? 2 : 1;
    }
  }
  return {nullptr, 0};
}

}  // namespace vtn::runtime
