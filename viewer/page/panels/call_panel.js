// SPDX-License-Identifier: Apache-2.0
//
// The selected call: all that is known of it, what called it, what it called, and the other calls of its function.
import { FLAG_CUT, FLAG_OPEN, FLAG_RAISED, FLAG_RESUMED } from '../data/columns.js';
import { KIND_SPAN } from '../data/report.js';
import { countOf, countText, durationText, exactDurationText, momentText, percentText, visibleText } from '../text.js';
import { durationsOfCalls } from './call_durations.js';
import { build, copyText, makeButton, makeName, setChildren } from './dom.js';
import { HistogramView } from './histogram_view.js';
import { codeLabel, threadLabel } from './labels.js';
import { allThreads, rowAround, rowsWithin } from './rows.js';
import { findExtreme, findRow, matchCodes } from './search.js';
import { callAsText } from './selection_text.js';
import { LatestWork, runInSlices } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../data/source.js').Call} Call */
/** @typedef {import('../data/source.js').Details} Details */
/** @typedef {import('../data/source.js').Fold} Fold */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./call_durations.js').CallDurations} CallDurations */

const MOST_CALLEES = 100;
const MOST_VALUE_LETTERS = 4000;
const CALL_ENDINGS = /** @type {const} */ ([
  [FLAG_RAISED, 'ended by an exception'], [FLAG_OPEN, 'had not ended when its thread\'s record did'],
  [FLAG_RESUMED, 'a generator that went on, no call of its own'], [FLAG_CUT, 'its end was lost'],
]);

/** How it ended, in words. @param {number} flags */
export function endingText(flags) {
  return CALL_ENDINGS.filter(([flag]) => (flags & flag) !== 0).map(([, text]) => text).join('; ') || 'returned';
}

export class CallPanel {
  /** @param {HTMLElement} root @param {Source} source @param {State} state */
  constructor(root, source, state) {
    this.source = source;
    this.state = state;
    this.visible = false;
    this.stale = true;
    this.work = new LatestWork();
    this.steps = new LatestWork();
    /** Of the function that was shown last. @type {{code: number, generation: number, complete: boolean, durations: CallDurations} | null} */
    this.known = null;

    this.empty = build('div', {class: 'vp-empty'}, build('p', {text: 'Select a call in the timeline: click it, or walk there with the arrow keys.'}));
    this.facts = build('section', {class: 'vp-card', 'aria-label': 'The call'});
    this.around = build('section', {class: 'vp-card', 'aria-label': 'Caller and callees'});
    this.others = build('section', {class: 'vp-card', 'aria-label': 'Other calls of the function'});
    this.histogram = new HistogramView((bar) => this.go(true, (column, index) => {
      const duration_ns = column.end[index] - column.start[index];
      return duration_ns >= bar.from_ns - 1e-6 && duration_ns < bar.to_ns - 1e-6;
    }, true));
    this.count = build('p', {class: 'vp-dim', role: 'status'});
    this.previous = makeButton('‹ Previous', () => this.go(false), {title: 'The call of the same function before this one ([)'});
    this.next = makeButton('Next ›', () => this.go(true), {title: 'The next call of the same function (])'});
    this.shortest = makeButton('Shortest', () => this.goToExtreme(false));
    this.longest = makeButton('Longest', () => this.goToExtreme(true));
    this.cards = build('div', {class: 'vp-cards'}, this.facts, this.around, this.others);
    root.classList.add('vtn-panel', 'vp-call');
    root.append(this.empty, this.cards);
    state.on('selectedCall', () => this.update());
    source.onChange(() => {
      if (this.source.complete) {
        this.update();
      }
    });
    this.cards.hidden = true;
  }

  show() {
    this.visible = true;
    if (this.stale) {
      this.update();
    }
  }

  hide() {
    this.visible = false;
  }

  async update() {
    this.stale = !this.visible;
    const signal = this.work.begin();
    if (this.stale) {
      return;
    }
    const call = this.state.selectedCall;
    const column = call === null ? undefined : this.source.column(call.thread, call.depth);
    this.empty.hidden = call !== null && column !== undefined;
    this.cards.hidden = !this.empty.hidden;
    if (call === null || column === undefined || call.index >= column.count) {
      return;
    }
    const code = column.code[call.index];
    const fold = this.source.report.isFold(code);
    const [details, content] = await Promise.all([this.source.details(call.thread, call.depth, call.index),
      fold ? this.source.fold(call.thread, call.depth, call.index) : null]);
    if (signal.aborted) {
      return;
    }
    this.showFacts(call, code, details, content);
    this.around.hidden = this.source.report.isOfSpans(call.thread);
    this.showAround(call);
    this.others.hidden = fold;
    if (!fold) {
      this.showOthers(code, column.end[call.index] - column.start[call.index], signal);
    }
  }

  /** @param {Call} call */
  timesOf(call) {
    const column = this.source.column(call.thread, call.depth);
    const start_ns = column === undefined ? 0 : column.start[call.index];
    return {start_ns, duration_ns: column === undefined ? 0 : column.end[call.index] - start_ns};
  }

  /** @param {Call} call @param {number} code @param {Details} details @param {Fold | null} fold */
  showFacts(call, code, details, fold) {
    const {report} = this.source;
    const {start_ns, duration_ns} = this.timesOf(call);
    const called = fold === null ? code : -1;
    const {first, end} = rowsWithin(this.source, call);
    const inner = this.source.column(call.thread, call.depth + 1);
    let inner_ns = 0;
    for (let index = first; inner !== undefined && index < end; ++index) {
      inner_ns += inner.end[index] - inner.start[index];
    }
    /** @type {[string, Node | string, string?][]} */
    const facts = [];
    if (called >= 0 && report.place(called) !== '') {
      facts.push(['Place', this.linkTo(makeName(report.place(called)), report.fullPlace(called), () => this.openSource(called))]);
    }
    facts.push(['Start', momentText(start_ns)], ['Duration', durationText(duration_ns), exactDurationText(duration_ns)]);
    const span = this.source.report.isOfSpans(call.thread);
    if (span) {
      facts.push(['Kind', 'a span, no part of the stack']);
      if ((details.flags & FLAG_OPEN) !== 0) {
        facts.push(['Ended', 'never: drawn to the end of its thread\'s record']);
      }
    } else if (fold === null) {
      facts.push(['Own', `${durationText(duration_ns - inner_ns)} (${percentText(duration_ns - inner_ns, duration_ns) || '0 %'})`,
        exactDurationText(duration_ns - inner_ns)]);
      facts.push(['Ended', endingText(details.flags)]);
    } else {
      facts.push(['Busy', `${durationText(fold.busy_ns)} (${percentText(fold.busy_ns, duration_ns)})`, 'Its calls together, without the time between them'],
        ['Calls', countText(fold.calls)], ['Exceptions', fold.raised === 0 ? 'none' : `${countOf(fold.raised, 'call')} ended by one`]);
    }
    facts.push(['Thread', visibleText(threadLabel(report, call.thread), 120)]);
    if (!span) {
      facts.push(['Depth', countText(call.depth)]);
    }
    if (details.line > 0) {
      facts.push(['Called from', this.callerLine(call, details.line)]);
    }
    const copy = makeButton('Copy', async () => copyText(copy, await callAsText(this.source, call)), {title: 'Copy all of this as text'});
    const name = fold === null ? report.functions.name[code] : `${countOf(fold.calls, 'call')} folded into one box`;
    setChildren(this.facts,
      build('header', {}, build('h2', {}, makeName(name, 300)), build('div', {class: 'vp-buttons'},
        called >= 0 && !span ? makeButton('Sandwich', () => {
          this.state.set('panel', 'flame');
          this.state.tell('sandwich', called);
        }) : null, copy)),
      build('dl', {class: 'vp-facts'}, ...facts.flatMap(([term, value, title]) => [build('dt', {text: term}), build('dd', {title}, value)])),
      fold === null ? this.valuesTable(details) : this.foldTable(fold));
  }

  /** @param {Details} details */
  valuesTable(details) {
    const values = Object.entries(details.args ?? {});
    if (values.length === 0 && details.returned === null) {
      return null;
    }
    /** @param {string} text */
    const value = (text) => build('td', {}, build('code', {text: visibleText(text, MOST_VALUE_LETTERS)}));
    return build('table', {class: 'vp-values'}, build('caption', {text: 'Values'}), build('tbody', {},
      ...values.map(([name, text]) => build('tr', {}, build('th', {scope: 'row'}, makeName(name, 80)), value(text))),
      details.returned === null ? null : build('tr', {class: 'vp-returned'}, build('th', {scope: 'row', text: 'returned'}), value(details.returned))));
  }

  /** @param {Fold} fold */
  foldTable(fold) {
    const {report} = this.source;
    return build('table', {class: 'vp-values vp-fold'}, build('caption', {text: 'Calls by function'}), build('tbody', {},
      ...fold.functions.slice(0, MOST_CALLEES).map(([called, calls]) => build('tr', {},
        build('td', {class: 'vp-number', text: countText(calls)}),
        build('td', {}, this.linkTo(makeName(report.functions.name[called], 120), report.fullPlace(called), () => {
          this.state.set('selectedFunction', called);
          this.state.set('highlighted', new Set([called]));
          this.state.set('panel', 'functions');
        }), ' ', makeName(report.place(called), 60, 'vp-dim')))),
      fold.functions.length > MOST_CALLEES ? build('tr', {}, build('td'), build('td', {class: 'vp-dim', text: `and ${countOf(fold.functions.length - MOST_CALLEES, 'function')} more`})) : null));
  }

  /** @param {Call} call @param {number} line */
  callerLine(call, line) {
    const {start_ns, duration_ns} = this.timesOf(call);
    const caller = rowAround(this.source, call.thread, call.depth - 1, start_ns, start_ns + duration_ns);
    const code = caller === null ? -1 : this.source.column(caller.thread, caller.depth)?.code[caller.index] ?? -1;
    const file = code >= 0 && !this.source.report.isFold(code) ? this.source.report.path(code) : '';
    if (file === '') {
      return `line ${line}`;
    }
    return this.linkTo(makeName(`${file.slice(file.lastIndexOf('/') + 1)}:${line}`), `${file}:${line}`, () => this.openSource(code, line));
  }

  /** @param {number} called @param {number} [line] */
  openSource(called, line) {
    this.state.set('panel', 'source');
    this.state.tell('source', line === undefined ? called : {called, line});
  }

  /** @param {Node} content @param {string} title @param {() => void} action */
  linkTo(content, title, action) {
    return build('button', {type: 'button', class: 'vp-link', title: visibleText(title), onclick: action}, content);
  }

  /** @param {Call} call */
  callLine(call) {
    const {report} = this.source;
    const code = this.source.column(call.thread, call.depth)?.code[call.index] ?? 0;
    const {duration_ns} = this.timesOf(call);
    return {duration_ns, link: this.linkTo(makeName(codeLabel(report, code), 120), report.isFold(code) ? 'Show this fold' : report.fullPlace(code),
      () => this.state.showCall(call))};
  }

  /** @param {Call} call */
  showAround(call) {
    const {start_ns, duration_ns} = this.timesOf(call);
    const caller = rowAround(this.source, call.thread, call.depth - 1, start_ns, start_ns + duration_ns);
    const {first, end} = rowsWithin(this.source, call);
    const inner = this.source.column(call.thread, call.depth + 1);
    const callees = [];
    if (inner !== undefined) {
      // Of very many the longest: no need to sort all.
      let least_ns = -1;
      for (let index = first; index < end; ++index) {
        if (inner.end[index] - inner.start[index] > least_ns) {
          callees.push(index);
          if (callees.length >= 4 * MOST_CALLEES) {
            callees.sort((a, b) => inner.end[b] - inner.start[b] - inner.end[a] + inner.start[a]).length = MOST_CALLEES;
            least_ns = inner.end[callees[MOST_CALLEES - 1]] - inner.start[callees[MOST_CALLEES - 1]];
          }
        }
      }
      callees.sort((a, b) => inner.end[b] - inner.start[b] - inner.end[a] + inner.start[a]).splice(MOST_CALLEES);
    }
    /** @param {Call} each @param {number} whole_ns */
    const row = (each, whole_ns) => {
      const {duration_ns: ns, link} = this.callLine(each);
      return build('li', {style: `--part: ${whole_ns > 0 ? Math.min(100, ns / whole_ns * 100).toFixed(2) : 0}%`}, link,
        build('span', {class: 'vp-number', text: durationText(ns), title: exactDurationText(ns)}));
    };
    setChildren(this.around,
      build('h3', {text: 'Called by'}),
      caller === null ? build('p', {class: 'vp-dim', text: 'Nothing that was recorded.'}) : build('ul', {class: 'vp-calls'}, row(caller, 0)),
      build('h3', {text: end === first ? 'It called nothing that was recorded' : `It called (${countText(end - first)}${end - first > MOST_CALLEES ? `, the longest ${MOST_CALLEES}` : ''})`}),
      build('ul', {class: 'vp-calls'}, ...callees.map((index) => row({thread: call.thread, depth: call.depth + 1, index}, duration_ns))));
  }

  /** @param {number} code */
  codesOf(code) {
    const {report} = this.source;
    const functions = new Uint8Array(report.functions.count);
    functions[code] = 1;
    return matchCodes(report, functions);
  }

  /** @param {number} code @param {number} duration_ns @param {AbortSignal} signal */
  async showOthers(code, duration_ns, signal) {
    const {report, generation, complete} = this.source;
    const what = report.functions.kind[code] === KIND_SPAN ? 'span' : 'call';
    setChildren(this.others, build('h3', {text: what === 'span' ? 'All spans of this name' : 'All calls of this function'}), this.histogram.element, this.count,
      build('div', {class: 'vp-buttons'}, this.previous, this.next, this.shortest, this.longest));
    const {known} = this;
    let durations = known !== null && known.code === code && known.generation === generation && known.complete === complete ? known.durations : undefined;
    if (durations === undefined) {
      this.count.textContent = 'Counting …';
      const fold_codes = this.codesOf(code);
      durations = await runInSlices(durationsOfCalls(this.source, code, fold_codes), signal, (part) => {
        this.count.textContent = `Counting … ${percentText(part, 1)}`;
      });
      if (durations === undefined || signal.aborted) {
        return;
      }
      this.known = {code, generation, complete, durations};
    }
    this.histogram.show(durations, duration_ns);
    const folded = report.functions.folded_calls[code];
    const below = durations.callsBelow(duration_ns);
    const beside = durations.calls < 2 ? '' : below > 0 ? ` · longer than about ${percentText(below, durations.calls)} of them` : ' · among the shortest';
    this.count.textContent = `${countOf(report.functions.calls[code], what)}${folded > 0 ? `, ${countText(folded)} of them folded` : ''} · mean ${
      durationText(durations.calls > 0 ? durations.sum_ns / durations.calls : 0)}${beside}`;
  }

  /**
   * To another call of the same function.
   * @param {boolean} forward
   * @param {(column: import('../data/columns.js').Column, index: number) => boolean} [wanted]
   * @param {boolean} [around] from the beginning again, where none follows
   */
  async go(forward, wanted, around = false) {
    const call = this.state.selectedCall;
    const column = call === null ? undefined : this.source.column(call.thread, call.depth);
    if (call === null || column === undefined) {
      return;
    }
    const signal = this.steps.begin();
    const threads = allThreads(this.source);
    // Bars count kept calls, and so lead to those; the others stop at folds, too.
    const codes = wanted === undefined ? this.codesOf(column.code[call.index]) : new Uint8Array(this.source.report.functions.count + this.source.report.sets.length);
    codes[column.code[call.index]] = 1;
    const from = {start_ns: column.start[call.index], ...call};
    let found = await runInSlices(findRow(this.source, threads, codes, from, forward, wanted), signal);
    if (found === null && around) {
      found = await runInSlices(findRow(this.source, threads, codes, {start_ns: -Infinity, thread: -1, depth: -1, index: -1}, true, wanted), signal);
    }
    if (found) {
      this.state.showCall({thread: found.thread, depth: found.depth, index: found.index});
    } else if (found === null) {
      this.count.textContent = forward ? 'This is the last one.' : 'This is the first one.';
    }
  }

  /** @param {boolean} longest */
  async goToExtreme(longest) {
    const call = this.state.selectedCall;
    const code = call === null ? undefined : this.source.column(call.thread, call.depth)?.code[call.index];
    const found = code === undefined ? null : await runInSlices(findExtreme(this.source, code, longest), this.steps.begin());
    if (found) {
      this.state.showCall({thread: found.thread, depth: found.depth, index: found.index});
    }
  }
}
