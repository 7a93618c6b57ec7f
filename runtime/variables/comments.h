// SPDX-License-Identifier: Apache-2.0
//
// Magic comments in Python source: where they are, and which statement each belongs to. Comments
// alone count, as CPython's own lexer knows them: no text in strings (f- and t-strings with what
// nests in them), lines as CPython counts them, blocks by their indentation.
//
//   x = f()  # !viztracer: log              behind a statement: when that has run
//   # !viztracer: log_var("x", x)           on a line of its own: where a statement there would run
//
// Of Python 3.12 and later. Needs no interpreter. Takes memory (pages) in proportion to the lines.
// Never fails for what the source says: what is no Python has its comments where they seem to be.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tracer/names_writer.h"

namespace vtn::runtime {

inline constexpr char kMagic[] = "!viztracer:";

// Of a logical line.
enum LineFlag : uint32_t {
  kGoesOn = 1,        // elif, else, except, finally: of the statement before
  kDecorates = 2,     // of the definition that follows
  kLeavesLoop = 4,    // has a `break` or `continue`
  kReturns = 8,       // has a `return`
  kLeavesFirst = 16,  // what it has of these is all of it
  kDoesNothing = 32,  // global, nonlocal, or a string
  kOpensBlock = 64,   // ends with the colon of a block of the same code (not `def`, `class`)
  kIsLoop = 128,      // opens one of a loop
  kIsFinally = 256,   // opens one that runs on every way
  kIsHandler = 512,   // opens one that handles an exception
  kDefines = 1024,    // ends with the colon of a `def` or `class`, whose block is another code
  kIsMatch = 2048,    // opens one of a `match`, in which there is no place for a statement
};

inline constexpr uint32_t kNoLine = UINT32_MAX;

struct LogicalLine {
  uint32_t first;  // physical lines, from 1
  uint32_t last;
  uint32_t indent;  // columns
  uint32_t flags;   // LineFlag
  uint32_t parent;  // the one that opens the block that it lies in; kNoLine: none
};

struct MagicComment {
  uint32_t line;
  // The lines of what it belongs to, and whether it is told when these are come to or left.
  uint32_t first;
  uint32_t last;
  bool when_left;
  uint32_t into_first;  // 0; else only when they are left for these, the block that they open
  uint32_t into_last;
  uint32_t definition;  // the line that opens the one whose code they are; kNoLine: the module
  bool own_line;
  const char* problem;     // null: none; else it belongs to nothing, and why
  tracer::Text text;       // behind the colon
  tracer::Text statement;  // that it stands behind, up to it
};

struct SourceComments {
  LogicalLine* lines;
  uint32_t line_count;
  uint32_t comment_count;
  MagicComment* comments;  // in the order of their lines
  size_t bytes;            // of all that lies there; 0: there is nothing
};

// Whether there may be any: most source has none, and is looked at no further.
bool has_magic(tracer::Text source);

// UTF-8, which texts point into. Nothing is found where there is no memory.
SourceComments find_comments(tracer::Text source);
void free_comments(SourceComments* comments);

// Takes a comment that is on a line of its own to the next statement of its block, or, where there
// is none (or it is told when it is left) to the one before: where there are no instructions of the
// one that it belongs to (`global x`, a docstring, `x: int`). False: there is none.
bool slide(const SourceComments& comments, MagicComment* comment);

// The line that opens the definition whose code begins with that physical line; kNoLine: no line
// does.
uint32_t definition_at(const SourceComments& comments, uint32_t line);

// Those that may belong to a definition (kNoLine: to the module) and to what it contains.
struct CommentRange {
  uint32_t first;
  uint32_t end;
};
CommentRange comments_of(const SourceComments& comments, uint32_t definition);

// Whether the line lies in a block that is opened by a line of that kind, at `first` or behind.
bool is_within(const SourceComments& comments,
               const LogicalLine* line,
               LineFlag kind,
               uint32_t first);

// Whether a `break` or `continue` on the line leaves the statement that begins with line `first`.
inline bool leaves(const SourceComments& comments, const LogicalLine* line, uint32_t first) {
  return (line->flags & kLeavesLoop) != 0 && !is_within(comments, line, kIsLoop, first);
}

// The logical line that has a physical one; null: none.
const LogicalLine* line_at(const SourceComments& comments, uint32_t line);

// What the first two lines say that the source is encoded in; empty: nothing (UTF-8).
tracer::Text find_cookie(tracer::Text source);

}  // namespace vtn::runtime
