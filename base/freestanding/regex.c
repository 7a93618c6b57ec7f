/* SPDX-License-Identifier: Apache-2.0 */
#include "base/freestanding/regex.h"

#include <stddef.h>
#include <string.h>

enum { kLetter, kAny, kSet, kChoice, kJump, kAssertion, kMatched };
enum { kAtBegin, kAtEnd, kAtWordBorder, kNotAtWordBorder };

enum {
  kMostLetter = 0x10ffff,
  kFirstBeyondAscii = 0x80,
  kNoLetter = 0x7fffffff,
  kStrayByte = 0xdc00, /* what a byte that is not UTF-8 is read as */
  kMostRepeats = 1000,
  kNoEnd = 0x7fffffff, /* of repeats */
  kDeepest = 100
};

/* -- Letters */

static uint32_t read_letter(const char** at, const char* end) {
  const unsigned char first = (unsigned char)*(*at)++;
  if (first < kFirstBeyondAscii) {
    return first;
  }
  const unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  if (more == 0 || (size_t)(end - *at) < more) {
    return kStrayByte + first;
  }
  uint32_t letter = first & (0x3fu >> more);
  for (unsigned i = 0; i < more; ++i) {
    const unsigned char next = (unsigned char)(*at)[i];
    if ((next & 0xc0u) != 0x80u) {
      return kStrayByte + first;
    }
    letter = letter << 6 | (next & 0x3fu);
  }
  *at += more;
  return letter;
}

static int is_small(uint32_t letter) { return letter >= 'a' && letter <= 'z'; }
static int is_capital(uint32_t letter) { return letter >= 'A' && letter <= 'Z'; }
static int is_digit(uint32_t letter) { return letter >= '0' && letter <= '9'; }

static uint32_t other_case(uint32_t letter) {
  return is_small(letter) ? letter - 'a' + 'A' : is_capital(letter) ? letter - 'A' + 'a' : letter;
}

static int is_of_word(uint32_t letter) {
  return letter != kNoLetter && (is_small(letter) || is_capital(letter) || is_digit(letter) ||
                                 letter == '_' || letter >= kFirstBeyondAscii);
}

/* -- From text to program */

typedef struct {
  vtn_regex* to;
  const char* at;
  const char* end;
  const char* error;
  unsigned depth;
} compiler;

static void fail(compiler* c, const char* error) {
  if (c->error == NULL) {
    c->error = error;
  }
  c->at = c->end;
}

static int peek(const compiler* c) { return c->at >= c->end ? -1 : (unsigned char)*c->at; }

static int take(compiler* c, char letter) {
  const int found = peek(c) == (unsigned char)letter;
  c->at += found;
  return found;
}

static int take_text(compiler* c, const char* text) {
  const size_t bytes = strlen(text);
  const int found = c->end - c->at >= (ptrdiff_t)bytes && memcmp(c->at, text, bytes) == 0;
  c->at += found ? bytes : 0;
  return found;
}

static uint32_t append(compiler* c, vtn_regex_node node) {
  if (c->to->nodes == VTN_REGEX_NODES) {
    fail(c, "is too long");
    return 0;
  }
  c->to->node[c->to->nodes] = node;
  return c->to->nodes++;
}

/* In front of what was appended from `place` on. */
static void insert(compiler* c, uint32_t place, vtn_regex_node node) {
  (void)append(c, node);
  if (c->error == NULL) {
    memmove(&c->to->node[place + 1],
            &c->to->node[place],
            (c->to->nodes - place - 1) * sizeof(vtn_regex_node));
    c->to->node[place] = node;
  }
}

static vtn_regex_node make(unsigned kind, int next, uint32_t more) {
  const vtn_regex_node node = {(uint8_t)kind, 0, (int16_t)next, more};
  return node;
}

/* One way goes on behind the choice, the other `distance` from it. */
static vtn_regex_node choice(int distance) { return make(kChoice, 1, (uint32_t)distance); }

static void add_range(compiler* c, uint32_t low, uint32_t high) {
  if (c->to->ranges == VTN_REGEX_RANGES) {
    fail(c, "is too long");
    return;
  }
  c->to->range[c->to->ranges].low = low;
  c->to->range[c->to->ranges++].high = high;
}

static void add_ranges(compiler* c, const vtn_regex_range* ranges, size_t count, int negated) {
  uint32_t next = 0; /* the ranges are in order */
  for (size_t i = 0; i < count; ++i) {
    if (!negated) {
      add_range(c, ranges[i].low, ranges[i].high);
    } else if (ranges[i].low > next) {
      add_range(c, next, ranges[i].low - 1);
    }
    next = ranges[i].high + 1;
  }
  if (negated && next <= kMostLetter) {
    add_range(c, next, kMostLetter);
  }
}

/* \d, \w, \s and their opposites; 0: it is none of these. */
static int add_class(compiler* c, int letter) {
  static const vtn_regex_range digits[] = {{'0', '9'}};
  static const vtn_regex_range of_words[] = {
      {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {kFirstBeyondAscii, kMostLetter}};
  static const vtn_regex_range blanks[] = {{'\t', '\r'}, {0x1c, 0x20}};
  switch (letter) {
    case 'd':
    case 'D':
      add_ranges(c, digits, sizeof(digits) / sizeof(digits[0]), letter == 'D');
      return 1;
    case 'w':
    case 'W':
      add_ranges(c, of_words, sizeof(of_words) / sizeof(of_words[0]), letter == 'W');
      return 1;
    case 's':
    case 'S':
      add_ranges(c, blanks, sizeof(blanks) / sizeof(blanks[0]), letter == 'S');
      return 1;
    default:
      return 0;
  }
}

static int hex_digit(int letter) {
  return letter >= '0' && letter <= '9'   ? letter - '0'
         : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
         : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10
                                          : -1;
}

static uint32_t read_hex(compiler* c, unsigned digits) {
  uint32_t letter = 0;
  for (unsigned i = 0; i < digits; ++i) {
    const int digit = hex_digit(peek(c));
    if (digit < 0) {
      fail(c, "has an escape that is cut short");
      return 0;
    }
    letter = letter << 4 | (uint32_t)digit;
    ++c->at;
  }
  return letter;
}

/* What an escape stands for, behind its backslash and no class. */
static uint32_t read_escape(compiler* c, int in_set) {
  const int letter = peek(c);
  if (letter < 0) {
    fail(c, "ends with a backslash");
    return 0;
  }
  if (is_digit((uint32_t)letter)) {
    fail(c,
         letter == '0' || in_set ? "uses octal escapes, which are not supported"
                                 : "uses back-references, which are not supported");
    return 0;
  }
  if (!is_small((uint32_t)letter) && !is_capital((uint32_t)letter)) {
    return read_letter(&c->at, c->end);
  }
  ++c->at;
  switch (letter) {
    case 'a':
      return '\a';
    case 'b':
      return '\b'; /* in a set alone */
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case 'x':
      return read_hex(c, 2);
    case 'u':
      return read_hex(c, 4);
    default:
      fail(c, "has an escape that has no meaning");
      return 0;
  }
}

/* Behind the '['. */
static void read_set(compiler* c) {
  const uint32_t first = c->to->ranges;
  const int negated = take(c, '^');
  for (int begins = 1; begins || peek(c) != ']'; begins = 0) {
    if (peek(c) < 0) {
      fail(c, "has a [ without its ]");
      return;
    }
    uint32_t low = 0;
    if (take(c, '\\')) {
      if (add_class(c, peek(c))) {
        ++c->at;
        continue;
      }
      low = read_escape(c, 1);
    } else {
      low = read_letter(&c->at, c->end);
    }
    uint32_t high = low;
    if (peek(c) == '-' && c->end - c->at > 1 && c->at[1] != ']') {
      ++c->at;
      const int escaped = take(c, '\\');
      if (escaped && peek(c) >= 0 && strchr("dDwWsS", peek(c)) != NULL) {
        fail(c, "has a range that ends with a class");
        return;
      }
      high = escaped ? read_escape(c, 1) : read_letter(&c->at, c->end);
      if (high < low) {
        fail(c, "has a range that goes backwards");
        return;
      }
    }
    add_range(c, low, high);
  }
  ++c->at;
  vtn_regex_node set = make(kSet, (int)first, c->to->ranges - first);
  set.negated = (uint8_t)negated;
  (void)append(c, set);
}

static void read_alternatives(compiler* c);

/* Behind "(?": what is no plain group, or is refused. */
static void read_group_kind(compiler* c) {
  if (take(c, ':')) {
    return;
  }
  if (take_text(c, "P<")) {
    while (peek(c) >= 0 && peek(c) != '>') {
      ++c->at;
    }
    if (!take(c, '>')) {
      fail(c, "has a name of a group without its >");
    }
    return;
  }
  fail(c,
       peek(c) == '=' || peek(c) == '!'           ? "uses look-ahead, which is not supported"
       : take_text(c, "<=") || take_text(c, "<!") ? "uses look-behind, which is not supported"
       : take_text(c, "P=")                       ? "uses back-references, which are not supported"
       : peek(c) == '('                           ? "uses conditions, which are not supported"
       : peek(c) == '>'                           ? "uses atomic groups, which are not supported"
       : peek(c) == '#'                           ? "uses comments, which are not supported"
       : peek(c) >= 0 && strchr("aiLmsux-", peek(c)) != NULL
           ? "uses flags, of which (?i) at the beginning alone is supported"
           : "has a (? that has no meaning");
}

static void read_atom(compiler* c) {
  switch (peek(c)) {
    case '(':
      ++c->at;
      if (take(c, '?')) {
        read_group_kind(c);
      }
      if (++c->depth > kDeepest) {
        fail(c, "is nested too deeply");
      }
      read_alternatives(c);
      --c->depth;
      if (!take(c, ')')) {
        fail(c, "has a ( without its )");
      }
      return;
    case '[':
      ++c->at;
      read_set(c);
      return;
    case '.':
      ++c->at;
      (void)append(c, make(kAny, 0, 0));
      return;
    case '^':
      ++c->at;
      (void)append(c, make(kAssertion, 0, kAtBegin));
      return;
    case '$':
      ++c->at;
      (void)append(c, make(kAssertion, 0, kAtEnd));
      return;
    case '\\': {
      ++c->at;
      const uint32_t first = c->to->ranges;
      const int letter = peek(c);
      if (add_class(c, letter)) {
        ++c->at;
        (void)append(c, make(kSet, (int)first, c->to->ranges - first));
        return;
      }
      const char* const assertions = "AZbB";
      const char* const assertion = letter > 0 ? strchr(assertions, letter) : NULL;
      if (assertion != NULL) {
        ++c->at;
        (void)append(c, make(kAssertion, 0, (uint32_t)(assertion - assertions)));
        return;
      }
      (void)append(c, make(kLetter, 0, read_escape(c, 0)));
      return;
    }
    default:
      (void)append(c, make(kLetter, 0, read_letter(&c->at, c->end)));
      return;
  }
}

static int read_count(compiler* c, uint32_t* count) {
  const char* const begin = c->at;
  *count = 0;
  while (peek(c) >= 0 && is_digit((uint32_t)peek(c))) {
    *count = *count > kMostRepeats ? *count : *count * 10 + (uint32_t)(*c->at - '0');
    ++c->at;
  }
  return c->at != begin;
}

/* A repetition, if there is one: how often at least and at most. A '{' that begins none stands for
 * itself. */
static int read_repeats(compiler* c, uint32_t* least, uint32_t* most) {
  *least = 0;
  *most = kNoEnd;
  if (take(c, '*')) {
    return 1;
  }
  if (take(c, '+')) {
    *least = 1;
    return 1;
  }
  if (take(c, '?')) {
    *most = 1;
    return 1;
  }
  const char* const begin = c->at;
  if (!take(c, '{')) {
    return 0;
  }
  const int has_least = read_count(c, least);
  int has_most = 0;
  if (take(c, ',')) {
    has_most = read_count(c, most);
    *most = has_most ? *most : kNoEnd;
  } else {
    *most = *least;
    has_most = has_least;
  }
  if (!take(c, '}') || (!has_least && !has_most && begin[1] != ',')) {
    c->at = begin;
    return 0;
  }
  if (*most < *least) {
    fail(c, "has a repetition whose most is below its least");
  } else if (*least > kMostRepeats || (*most != kNoEnd && *most > kMostRepeats)) {
    fail(c, "is too long");
  }
  return 1;
}

static void copy(compiler* c, uint32_t first, uint32_t count) {
  for (uint32_t i = 0; i < count && c->error == NULL; ++i) {
    (void)append(c, c->to->node[first + i]);
  }
}

/* What stands from `first` on, that often. */
static void repeat(compiler* c, uint32_t first, uint32_t least, uint32_t most) {
  const uint32_t count = c->to->nodes - first;
  if (most == 0) {
    c->to->nodes = first;
    return;
  }
  uint32_t source = first;
  uint32_t done = 1;
  if (least == 0) {
    insert(c, first, choice((int)count + (most == kNoEnd ? 2 : 1)));
    ++source;
    if (most == kNoEnd) {
      (void)append(c, make(kJump, -(int)count - 1, 0));
      return;
    }
  }
  for (; done < least && c->error == NULL; ++done) {
    copy(c, source, count);
  }
  if (most == kNoEnd) {
    const vtn_regex_node back = {kChoice, 0, (int16_t) - (int)count, 1};
    (void)append(c, back);
    return;
  }
  for (; done < most && c->error == NULL; ++done) {
    (void)append(c, choice((int)count + 1));
    copy(c, source, count);
  }
}

static void read_sequence(compiler* c) {
  while (peek(c) >= 0 && peek(c) != '|' && peek(c) != ')') {
    const uint32_t first = c->to->nodes;
    uint32_t least = 0;
    uint32_t most = 0;
    if (read_repeats(c, &least, &most)) {
      fail(c, "has nothing to repeat"); /* the atom is the NUL at the end then */
    }
    read_atom(c);
    if (c->error != NULL || !read_repeats(c, &least, &most)) {
      continue;
    }
    if (c->to->nodes == first + 1 && c->to->node[first].kind == kAssertion) {
      fail(c, "has nothing to repeat");
    }
    repeat(c, first, least, most);
    (void)take(c, '?'); /* lazy: of no difference to whether all of it matches */
    if (peek(c) == '+') {
      fail(c, "uses possessive repetition, which is not supported");
    } else if (read_repeats(c, &least, &most)) {
      fail(c, "repeats a repetition");
    }
  }
}

static void read_alternatives(compiler* c) {
  const uint32_t first = c->to->nodes;
  read_sequence(c);
  if (!take(c, '|')) {
    return;
  }
  insert(c, first, choice((int)(c->to->nodes - first) + 2));
  const uint32_t jump = append(c, make(kJump, 0, 0));
  if (++c->depth > kDeepest) {
    fail(c, "has too many alternatives");
  }
  read_alternatives(c);
  --c->depth;
  if (c->error == NULL) {
    c->to->node[jump].next = (int16_t)(c->to->nodes - jump);
  }
}

const char* vtn_regex_compile(vtn_regex* to, const char* expression) {
  compiler c = {to, expression, expression + strlen(expression), NULL, 0};
  to->nodes = 0;
  to->ranges = 0;
  to->folds = (uint32_t)take_text(&c, "(?i)");
  read_alternatives(&c);
  if (peek(&c) == ')') {
    fail(&c, "has a ) without its (");
  }
  (void)append(&c, make(kMatched, 0, 0));
  return c.error;
}

/* -- Matching: the set of all places that the text so far leads to */

typedef struct {
  uint32_t count;
  uint16_t place[VTN_REGEX_NODES];
  uint64_t has[VTN_REGEX_NODES / 64];
} places;

static int holds(uint32_t assertion, uint32_t before, uint32_t after) {
  switch (assertion) {
    case kAtBegin:
      return before == kNoLetter;
    case kAtEnd:
      return after == kNoLetter;
    default:
      return (is_of_word(before) != is_of_word(after)) == (assertion == kAtWordBorder);
  }
}

static void put(places* to, uint32_t place) {
  const uint64_t bit = (uint64_t)1 << (place % 64);
  if ((to->has[place / 64] & bit) == 0) {
    to->has[place / 64] |= bit;
    to->place[to->count++] = (uint16_t)place;
  }
}

static uint32_t behind(uint32_t place, int distance) { return (uint32_t)((int)place + distance); }

/* Adds what follows without a letter; a place that is there is followed by its own turn. */
static void follow(const vtn_regex* expression, places* all, uint32_t before, uint32_t after) {
  for (uint32_t i = 0; i < all->count; ++i) {
    const uint32_t place = all->place[i];
    const vtn_regex_node* node = &expression->node[place];
    if (node->kind == kChoice) {
      put(all, behind(place, node->next));
      put(all, place + node->more);
    } else if (node->kind == kJump) {
      put(all, behind(place, node->next));
    } else if (node->kind == kAssertion && holds(node->more, before, after)) {
      put(all, place + 1);
    }
  }
}

static int is_in_set(const vtn_regex* expression, const vtn_regex_node* set, uint32_t letter) {
  for (uint32_t i = 0; i < set->more; ++i) {
    const vtn_regex_range* range = &expression->range[(uint32_t)set->next + i];
    if (letter >= range->low && letter <= range->high) {
      return 1;
    }
  }
  return 0;
}

static int takes(const vtn_regex* expression, const vtn_regex_node* node, uint32_t letter) {
  const uint32_t other = expression->folds ? other_case(letter) : letter;
  switch (node->kind) {
    case kLetter:
      return node->more == letter || node->more == other;
    case kAny:
      return letter != '\n';
    case kSet:
      return (is_in_set(expression, node, letter) || is_in_set(expression, node, other)) !=
             node->negated;
    default:
      return 0;
  }
}

int vtn_regex_matches(const vtn_regex* expression, const char* text, size_t bytes) {
  places both[2];
  places* here = &both[0];
  places* next = &both[1];
  const char* at = text;
  const char* const end = text + bytes;
  uint32_t before = kNoLetter;
  uint32_t letter = at == end ? kNoLetter : read_letter(&at, end);
  here->count = 0;
  memset(here->has, 0, sizeof(here->has));
  put(here, 0);
  for (;;) {
    follow(expression, here, before, letter);
    if (letter == kNoLetter) {
      const uint32_t matched = expression->nodes - 1;
      return (here->has[matched / 64] >> (matched % 64) & 1) != 0;
    }
    next->count = 0;
    memset(next->has, 0, sizeof(next->has));
    for (uint32_t i = 0; i < here->count; ++i) {
      if (takes(expression, &expression->node[here->place[i]], letter)) {
        put(next, here->place[i] + 1u);
      }
    }
    if (next->count == 0) {
      return 0;
    }
    places* const kept = here;
    here = next;
    next = kept;
    before = letter;
    letter = at == end ? kNoLetter : read_letter(&at, end);
  }
}
