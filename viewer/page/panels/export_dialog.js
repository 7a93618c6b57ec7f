// SPDX-License-Identifier: Apache-2.0
//
// Taking things along: a part of the recording as .json, as .pftrace, in Perfetto, or as text.
import { bytesText, countOf, percentText } from '../text.js';
import { ChromeTraceWriter, estimateTrace } from './chrome_trace.js';
import { build, copyText, makeButton, setChildren } from './dom.js';
import { byId } from '../shell/dom.js';
import { openPerfetto, sendToPerfetto } from './perfetto.js';
import { PerfettoTraceWriter } from './perfetto_trace.js';
import { ScopePicker } from './scope.js';
import { MOST_TEXT_LINES, rangeAsText } from './selection_text.js';
import { LatestWork, runInSlices } from './slices.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */

const LARGE_FOR_PERFETTO_BYTES = 400e6;

export class ExportDialog {
  /** @param {Source} source @param {State} state */
  constructor(source, state) {
    this.source = source;
    this.work = new LatestWork();
    this.picker = new ScopePicker(source, state, () => this.estimate());
    this.size = build('p', {role: 'status'});
    this.progress = build('progress', {max: '1', value: '0', 'aria-label': 'How far it is', hidden: true});
    this.message = build('p', {class: 'vp-dim', role: 'status'});
    this.save = makeButton('Save .json', () => this.saveFile('.json'));
    this.save_trace = makeButton('Save .pftrace', () => this.saveFile('.pftrace'), {title: 'Perfetto\'s own format: smaller'});
    this.perfetto = makeButton('Open in Perfetto', () => this.openThere(), {title: 'Opens ui.perfetto.dev and hands the data to its window. They stay in this browser.'});
    this.copy = makeButton('Copy as text', () => this.copyRange(), {title: `The calls as an indented tree, at most ${MOST_TEXT_LINES} lines`});
    const close = makeButton('Close', () => this.element.close());
    this.element = build('dialog', {class: 'vp-dialog', 'aria-label': 'Save and share', onclose: () => this.work.end()},
      build('header', {}, build('h2', {text: 'Save and share'})), build('label', {}, 'What: ', this.picker.element), this.size, this.progress, this.message,
      build('div', {class: 'vp-buttons'}, this.save, this.save_trace, this.perfetto, this.copy, close));
    this.element.addEventListener('keydown', (event) => event.stopPropagation());
    byId('app').append(this.element);
  }

  open() {
    this.element.showModal();
    this.message.textContent = '';
    this.estimate();
  }

  estimate() {
    const {events, bytes} = estimateTrace(this.source, this.picker.scope());
    const {meta} = this.source.report;
    setChildren(this.size, `${countOf(events, 'event')}, about ${bytesText(bytes)} of JSON (Chrome's trace events, as VizTracer writes them).`,
      meta.folded_calls > 0 ? ' Folded calls stay folded: an event of the category "folded" says how many there were of which function.' : '',
      this.source.complete ? '' : ' The report is still being read.',
      bytes > LARGE_FOR_PERFETTO_BYTES ? ' That is much for Perfetto: choose a range or a thread.' : '');
    this.disable(events === 0 || !this.source.complete);
  }

  /** @param {boolean} disabled */
  disable(disabled) {
    for (const button of [this.save, this.save_trace, this.perfetto]) button.disabled = disabled;
  }

  /** @param {string} ending */
  fileName(ending) {
    const title = this.source.report.meta.title.replace(/[^\w.-]+/g, '_').replace(/^[._]+/, '').slice(0, 80) || 'trace';
    return title + ending;
  }

  /** @param {string} ending of the file that it will be @returns {Promise<Blob | undefined>} */
  async makeBlob(ending) {
    const signal = this.work.begin();
    /** @type {Blob[]} */
    const parts = [];
    const Writer = ending === '.json' ? ChromeTraceWriter : PerfettoTraceWriter;
    const writer = new Writer(this.source, this.picker.scope(), (piece) => parts.push(new Blob([piece])));
    this.progress.hidden = false;
    this.disable(true);
    try {
      const done = await writer.write(signal, (part) => {
        this.progress.value = part;
        this.message.textContent = `Writing … ${percentText(part, 1)}`;
      });
      return done ? new Blob(parts, {type: ending === '.json' ? 'application/json' : 'application/octet-stream'}) : undefined;
    } finally {
      this.progress.hidden = true;
      this.message.textContent = '';
      this.disable(false);
    }
  }

  /** @param {string} ending */
  async saveFile(ending) {
    const blob = await this.makeBlob(ending);
    if (blob === undefined) {
      return;
    }
    const url = URL.createObjectURL(blob);
    build('a', {href: url, download: this.fileName(ending)}).click();
    window.setTimeout(() => URL.revokeObjectURL(url), 60000);
    this.message.textContent = `${this.fileName(ending)}: ${bytesText(blob.size)}`;
  }

  async openThere() {
    const opened = openPerfetto();
    if (opened === null) {
      this.message.textContent = 'The browser did not open the window: allow this page to open windows, or save the .json and open it there.';
      return;
    }
    try {
      await sendToPerfetto(opened, this.makeBlob('.json').then((blob) => blob?.arrayBuffer()), {title: this.source.report.meta.title, fileName: this.fileName('.json')});
      this.message.textContent = 'Handed over. Perfetto asks whether this page may be trusted: that is this file.';
    } catch (error) {
      this.message.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  async copyRange() {
    const {from_ns, to_ns, threads} = this.picker.scope();
    const span_ns = this.source.report.meta.span_ns;
    const text = await runInSlices(rangeAsText(this.source, threads, Math.max(0, from_ns), Math.min(span_ns, to_ns)), this.work.begin());
    if (text !== undefined) {
      await copyText(this.copy, text);
    }
  }
}
