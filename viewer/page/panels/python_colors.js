// SPDX-License-Identifier: Apache-2.0
//
// What is what in a line of Python, as far as colours need it. A string over several lines is known at its first and carried to
// the next, so that any line can be asked for.

/** @typedef {'plain' | 'comment' | 'string' | 'number' | 'keyword' | 'builtin' | 'name' | 'decorator' | 'self'} TokenKind */
/** @typedef {[TokenKind, string]} Token */

const KEYWORDS = new Set(('False None True and as assert async await break case class continue def del elif else except finally for from global if import in is ' +
  'lambda match nonlocal not or pass raise return try type while with yield').split(' '));
// Keywords in some places only: at a line's begin, and not before what makes them a name.
const SOFT_KEYWORDS = new Set(['match', 'case', 'type']);
const BUILTINS = new Set(('abs all any bool bytearray bytes callable chr classmethod complex dict dir divmod enumerate eval exec filter float format frozenset ' +
  'getattr globals hasattr hash hex id input int isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow print property ' +
  'range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip BaseException Exception ValueError TypeError KeyError ' +
  'IndexError AttributeError RuntimeError StopIteration OSError').split(' '));
const LONGEST_COLORED_LINE = 2000;

/** The end of a string in a line from `at` on, or -1. @param {string} line @param {number} at @param {string} quote */
function stringEnd(line, at, quote) {
  for (let next = at; next < line.length; ++next) {
    if (line[next] === '\\') {
      ++next;
    } else if (line.startsWith(quote, next)) {
      return next + quote.length;
    }
  }
  return -1;
}

/**
 * The tokens of a line, and the quotes of the string that goes on after it, '' if none does.
 * @param {string} line
 * @param {string} open the quotes of the string that it begins in
 * @returns {{tokens: Token[], open: string}}
 */
export function pythonTokens(line, open) {
  /** @type {Token[]} */
  const tokens = [];
  let at = 0;
  let goes_on = open;
  if (open !== '') {
    const end = stringEnd(line, 0, open);
    if (end < 0) {
      return {tokens: [['string', line]], open: open.length === 3 || line.endsWith('\\') ? open : ''};
    }
    tokens.push(['string', line.slice(0, end)]);
    at = end;
    goes_on = '';
  }
  const part = /(#.*)|([a-zA-Z]{0,2})("""|'''|"|')|((?:\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d[\d_]*)?|\.\d[\d_]*(?:[eE][+-]?\d[\d_]*)?|0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+)[jJ]?)|(@[\p{L}_][\p{L}\p{N}_.]*)|([\p{L}_][\p{L}\p{N}_]*)|([^\s\p{L}\p{N}_"'#@]+|\s+|.)/uy;
  const hex = /0(?:[xX][\da-fA-F_]+|[bB][01_]+|[oO][0-7_]+)/y;
  let definition = false;  // what follows def or class is its name
  while (at < line.length) {
    hex.lastIndex = part.lastIndex = at;
    const number = hex.exec(line);
    const found = number ?? part.exec(line);
    if (found === null) {
      tokens.push(['plain', line.slice(at)]);
      break;
    }
    const [text, comment, prefix, quote, digits, decorator, word] = found;
    at += text.length;
    if (number !== null || digits !== undefined) {
      tokens.push(['number', text]);
    } else if (comment !== undefined) {
      tokens.push(['comment', text]);
    } else if (quote !== undefined) {
      const end = stringEnd(line, at, quote);
      const ends_here = end >= 0;
      tokens.push(['string', prefix + quote + line.slice(at, ends_here ? end : undefined)]);
      at = ends_here ? end : line.length;
      goes_on = ends_here || (quote.length === 1 && !line.endsWith('\\')) ? '' : quote;
    } else if (decorator !== undefined) {
      const first = tokens.every(([, before]) => before.trim() === '');
      tokens.push([first ? 'decorator' : 'plain', text]);
    } else if (word !== undefined) {
      tokens.push([wordKind(word, line, at, definition), word]);
    } else {
      tokens.push(['plain', text]);
      continue;
    }
    definition = word === 'def' || word === 'class';
  }
  return {tokens, open: goes_on};
}

/** @param {string} word @param {string} line @param {number} end of it @param {boolean} definition @returns {TokenKind} */
function wordKind(word, line, end, definition) {
  if (definition) {
    return 'name';
  }
  const begin = end - word.length;
  const attribute = line[begin - 1] === '.';
  if (KEYWORDS.has(word) && !attribute) {
    const soft = SOFT_KEYWORDS.has(word);
    if (!soft || (line.slice(0, begin).trim() === '' && /^\s+[^\s=.,:)]/.test(line.slice(end)))) {
      return 'keyword';
    }
  }
  if (word === 'self' || word === 'cls') {
    return 'self';
  }
  return BUILTINS.has(word) && !attribute ? 'builtin' : 'plain';
}

/** The lines of a file, each asked for by itself. */
export class PythonColors {
  /** @param {string} text */
  constructor(text) {
    this.lines = text.split(/\r\n|[\n\r\f]/);
    if (this.lines.length > 1 && this.lines[this.lines.length - 1] === '') {
      this.lines.pop();
    }
    /** What string each line begins in, as far as it has been looked at. @type {string[]} */
    this.open = [''];
  }

  /** @param {number} line from 0 */
  tokens(line) {
    for (let next = this.open.length; next <= line; ++next) {
      this.open.push(this.tokensOf(next - 1).open);
    }
    return this.tokensOf(line).tokens;
  }

  /** @param {number} line */
  tokensOf(line) {
    const text = this.lines[line] ?? '';
    return text.length > LONGEST_COLORED_LINE && this.open[line] === ''
      ? {tokens: [/** @type {Token} */ (['plain', text])], open: ''}
      : pythonTokens(text, this.open[line]);
  }
}
