// SPDX-License-Identifier: Apache-2.0
//
// A histogram of durations, drawn: bars are buttons, their heights on a logarithmic scale as well, so that one slow call among a
// million is to be seen.
import { countOf, durationText } from '../text.js';
import { build, setChildren } from './dom.js';

/** @typedef {import('./call_durations.js').CallDurations} CallDurations */
/** @typedef {import('./call_durations.js').DurationBar} DurationBar */

const MOST_BARS = 48;

/** @param {number} calls @param {number} most */
function barHeight(calls, most) {
  return calls === 0 ? 0 : 6 + 94 * Math.log2(1 + calls) / Math.log2(1 + most);
}

export class HistogramView {
  /** @param {(bar: DurationBar) => void} chosen a bar, to go to one of its calls */
  constructor(chosen) {
    this.chosen = chosen;
    this.bars = build('div', {class: 'vp-bars', role: 'group', 'aria-label': 'Calls by duration, logarithmic'});
    this.axis = build('div', {class: 'vp-axis'});
    this.element = build('div', {class: 'vp-histogram'}, this.bars, this.axis);
    this.bars.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowRight' ? 'nextElementSibling' : event.key === 'ArrowLeft' ? 'previousElementSibling' : null;
      if (step === null || document.activeElement?.parentNode !== this.bars) {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      let next = document.activeElement?.[step] ?? null;
      while (next instanceof HTMLButtonElement && next.disabled) {
        next = next[step];
      }
      if (next instanceof HTMLElement) {
        next.focus();
      }
    });
  }

  /** @param {CallDurations} durations @param {number | null} marked_ns the duration of the call that is shown */
  show(durations, marked_ns) {
    const bars = durations.bars(MOST_BARS);
    const most = bars.reduce((best, bar) => Math.max(best, bar.calls), 0);
    setChildren(this.bars, ...bars.map((bar) => {
      const here = marked_ns !== null && marked_ns >= bar.from_ns && marked_ns < bar.to_ns;
      const title = `${countOf(bar.calls, 'call')} of ${durationText(Math.ceil(bar.from_ns))} to ${durationText(Math.ceil(bar.to_ns))}${here ? ' (this one among them)' : ''}`;
      return build('button', {type: 'button', class: here ? 'vp-column vp-here' : 'vp-column', title, 'aria-label': title, disabled: bar.calls === 0,
        'aria-current': here ? 'true' : null, style: `--part: ${barHeight(bar.calls, most).toFixed(1)}%`, onclick: () => this.chosen(bar)});
    }));
    const ends = bars.length === 0 ? [] : [bars[0].from_ns, ...bars.length > 1 ? [bars[bars.length >> 1].from_ns] : [], bars[bars.length - 1].to_ns];
    setChildren(this.axis, ...ends.map((ns) => build('span', {text: durationText(Math.round(ns))})));
  }
}
