// SPDX-License-Identifier: Apache-2.0
#include "runtime/variables/comment_wishes.h"

#include "runtime/variables/source_lexer.h"

namespace vtn::runtime {

namespace {

// Whether it has a bracket too many: what it is put between would end there.
bool closes_more(tracer::Text expression) {
  SourceLexer lexer(expression.data, expression.data + expression.bytes);
  for (;;) {
    const uint32_t depth = lexer.depth();
    const SourceLexer::Token token = lexer.next();
    if (token == SourceLexer::Token::kEnd || token == SourceLexer::Token::kComment) {
      return false;
    }
    const char c = *lexer.begin();
    if (token == SourceLexer::Token::kOther && (c == ')' || c == ']' || c == '}') && depth == 0) {
      return true;
    }
  }
}

}  // namespace

CommentWish read_wish(tracer::Text text) {
  CommentWish wish = {};
  const char* const end = text.data + text.bytes;
  const char* at = text.data;
  while (at != end && is_word(*at)) {
    ++at;
  }
  const tracer::Text name = {text.data, static_cast<size_t>(at - text.data)};
  const bool is_call = at != end && *at == '(';
  if (equals(name, "log") && !is_call) {
    wish.verb = CommentVerb::kLog;
  } else if (equals(name, "log_var") && is_call) {
    wish.verb = CommentVerb::kLogVariable;
  } else if (equals(name, "log_instant") && is_call) {
    wish.verb = CommentVerb::kLogInstant;
  } else if (equals(name, "log_event")) {
    wish.problem = "log_event is for a `with` statement";
    return wish;
  } else {
    wish.problem = "neither log, log_var(...) nor log_instant(...)";
    return wish;
  }
  if (is_call) {
    SourceLexer lexer(at, end);
    for (;;) {
      const SourceLexer::Token token = lexer.next();
      if (token == SourceLexer::Token::kEnd || token == SourceLexer::Token::kComment) {
        wish.problem = "a parenthesis is not closed";
        return wish;
      }
      if (lexer.depth() == 0 && !lexer.is_inside()) {
        break;
      }
    }
    wish.arguments = trimmed(at + 1, lexer.at() - 1);
    at = lexer.at();
  }
  const tracer::Text rest = trimmed(at, end);
  if (rest.bytes == 0 || rest.data[0] == '#') {
    return wish;
  }
  if (!begins_with(rest.data, end, "if", 2) || (rest.bytes > 2 && is_word(rest.data[2]))) {
    wish.problem = "what is behind it is no condition";
    return wish;
  }
  wish.condition = trimmed(rest.data + 2, end);
  if (wish.condition.bytes == 0) {
    wish.problem = "there is nothing behind the `if`";
  } else if (closes_more(wish.condition)) {
    wish.problem = "its expression is not Python's";
  }
  return wish;
}

}  // namespace vtn::runtime
