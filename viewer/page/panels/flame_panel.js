// SPDX-License-Identifier: Apache-2.0
//
// The flame graph: where the time went, by stack.
import { countOf, countText, durationText, exactDurationText, percentText, visibleText } from '../text.js';
import { build, makeButton, makeChoice, makeName, makeSearchField, setChildren, whenStill } from './dom.js';
import { FlameCanvas } from './flame_canvas.js';
import { bottomUp, pathOf, sandwich, timeOfMatches, topDown } from './flame_nodes.js';
import { functionLabel, functionSet } from './labels.js';
import { ScopePicker } from './scope.js';
import { matchFunctions, parseSearch } from './search.js';
import { LatestWork, runInSlices } from './slices.js';
import { addFoldsToTree, ROOT_NODE, treeOfRange, treeOfStacks } from './stack_tree.js';

/** @typedef {import('../data/source.js').Source} Source */
/** @typedef {import('../state.js').State} State */
/** @typedef {import('./flame_nodes.js').FlameNode} FlameNode */
/** @typedef {import('./stack_tree.js').StackTree} StackTree */

const FLAME_MODES = /** @type {const} */ ([['down', 'Top-down'], ['up', 'Bottom-up'], ['sandwich', 'Sandwich']]);

export class FlamePanel {
  /** @param {HTMLElement} root @param {Source} source @param {State} state */
  constructor(root, source, state) {
    this.source = source;
    this.state = state;
    this.mode = 'down';
    this.middle = -1;  // the function of the sandwich
    /** @type {StackTree | null} */
    this.tree = null;
    /** @type {Uint8Array | null} */
    this.match = null;
    this.work = new LatestWork();
    this.visible = false;
    this.stale = true;

    this.picker = new ScopePicker(source, state, () => this.update());
    this.choice = makeChoice('How', FLAME_MODES, this.mode, (mode) => this.setMode(mode));
    this.field = makeSearchField('Mark functions', (text) => this.search(text));
    this.matched = build('span', {class: 'vp-dim', role: 'status'});
    this.whole = makeButton('Whole graph', () => this.canvas.zoomOut(true), {title: 'Escape: one step back'});
    this.canvas = new FlameCanvas(source, {
      chosen: (node) => this.describe(node),
      open: (node) => this.setSandwich(node.called),
      tooltip: (node, all) => this.facts(node, all),
    });
    this.details = build('div', {class: 'vp-flame-facts', role: 'status', 'aria-live': 'polite'});
    root.classList.add('vtn-panel', 'vp-flame');
    root.append(build('div', {class: 'vp-bar'}, this.picker.element, this.choice.group, this.field, this.matched, build('span', {class: 'vp-gap'}), this.whole),
      this.canvas.element, this.details);
    this.canvas.setMarked(state.highlighted);
    state.on('sandwich', (called) => this.setSandwich(called));
    state.on('highlighted', (highlighted) => {
      if (this.match === null) {
        this.canvas.setMarked(highlighted);
      }
    });
    const more_came = whenStill(() => {
      if (this.picker.scope().kind !== 'report') {
        this.update();
      }
    }, 300);
    source.onChange(more_came);
  }

  show() {
    this.visible = true;
    this.canvas.visible = true;
    if (this.stale) {
      this.update();
    } else {
      this.canvas.later();
    }
  }

  hide() {
    this.visible = false;
    this.canvas.visible = false;
  }

  /** @param {string} mode */
  setMode(mode) {
    this.mode = mode;
    if (mode === 'sandwich' && this.middle < 0) {
      this.middle = this.state.selectedFunction ?? this.canvas.chosenFunction() ?? this.mostOwn();
    }
    this.draw();
  }

  mostOwn() {
    const {own_ns} = this.source.report.functions;
    return own_ns.reduce((best, own, each) => (own > own_ns[best] ? each : best), 0);
  }

  /** @param {number} called */
  setSandwich(called) {
    this.middle = called;
    this.mode = 'sandwich';
    this.choice.choose('sandwich');
    if (this.visible) {
      this.draw();
    }
  }

  /** @param {string} text */
  search(text) {
    const parsed = parseSearch(text);
    const bad = parsed !== null && 'error' in parsed;
    this.field.setAttribute('aria-invalid', String(bad));
    this.field.title = bad ? parsed.error : '';
    this.match = parsed === null || bad ? null : matchFunctions(this.source.report, parsed.test);
    this.canvas.setMarked(this.match === null ? this.state.highlighted : functionSet(this.match));
    this.tellMatches();
  }

  tellMatches() {
    const {match, tree} = this;
    this.matched.textContent = match === null || tree === null ? '' :
      `${countOf(match.reduce((sum, yes) => sum + yes, 0), 'function')}, ${percentText(timeOfMatches(tree, match), tree.total_ns[ROOT_NODE]) || '0 %'} of the time`;
  }

  /** Another part of the recording. */
  async update() {
    this.stale = !this.visible;
    const signal = this.work.begin();
    if (this.stale) {
      return;
    }
    const scope = this.picker.scope();
    const progress = (/** @type {number} */ part) => this.canvas.tell(`Adding up stacks … ${percentText(part, 1)}`);
    /** @type {StackTree | undefined} */
    let tree;
    if (scope.kind === 'report' || scope.kind === 'thread') {
      this.canvas.tell('Reading stacks …');
      const blocks = await this.source.stacks();
      tree = signal.aborted ? undefined : await runInSlices(treeOfStacks(blocks, scope.kind === 'thread' ? new Set(scope.threads) : null), signal, progress);
    } else {
      this.canvas.tell('Adding up stacks …');
      const found = await runInSlices(treeOfRange(this.source, scope.threads, scope.from_ns, scope.to_ns), signal, progress);
      if (found !== undefined && await addFoldsToTree(this.source, found.tree, found.folds, signal)) {
        await runInSlices(found.tree.finishing(), signal);
        tree = found.tree;
      }
    }
    if (tree !== undefined && !signal.aborted) {
      this.tree = tree;
      this.draw();
      this.tellMatches();
    }
  }

  draw() {
    if (this.tree === null) {
      return;
    }
    if (this.mode === 'sandwich') {
      const {callees, callers} = sandwich(this.tree, this.middle);
      this.canvas.setRoots(callees, callers);
    } else {
      this.canvas.setRoots(this.mode === 'up' ? bottomUp(this.tree) : topDown(this.tree), null);
    }
    this.describe(null);
  }

  /** @param {FlameNode} node @param {number} all_ns */
  facts(node, all_ns) {
    const {report} = this.source;
    const upwards = this.mode === 'up' || node.origins.length > 0;
    // Going up, calls and times are those of the function that it went up from.
    const origin = this.originOf(node);
    const of = upwards && origin !== node ? ` of ${visibleText(functionLabel(report, origin.called), 60)}` : '';
    const lines = [
      [countText(node.calls), (node.calls === 1 ? 'call' : 'calls') + of],
      [durationText(node.weight_ns), `${this.mode === 'up' ? 'own' : 'total'}${of} · ${percentText(node.weight_ns, all_ns)}`],
    ];
    if (!upwards) {
      lines.push([durationText(node.own_ns), `own · ${percentText(node.own_ns, all_ns)}`]);
    }
    return {name: functionLabel(report, node.called), place: node.called >= 0 ? report.fullPlace(node.called) : '', lines};
  }

  /** The function at the beginning of a way up. @param {FlameNode} node */
  originOf(node) {
    let origin = node;
    while (origin.parent !== null && (this.mode === 'sandwich' || origin.depth > 1)) {
      origin = origin.parent;
    }
    return origin;
  }

  /** @param {FlameNode | null} node */
  describe(node) {
    const {report} = this.source;
    const shown = node ?? this.canvas.root;
    if (shown === null) {
      setChildren(this.details);
      return;
    }
    const called = shown.called;
    const path = pathOf(shown).slice(0, -1);
    const line = build('div', {class: 'vp-flame-line'}, makeName(functionLabel(report, called), 120, 'vp-strong'),
      called >= 0 ? makeName(report.place(called), 80, 'vp-dim') : null,
      build('span', {text: `${durationText(shown.weight_ns)} (${percentText(shown.weight_ns, this.canvas.all_ns) || '0 %'})`, title: exactDurationText(shown.weight_ns)}),
      shown.depth > 0 || this.mode === 'sandwich' ? build('span', {class: 'vp-dim', text: countOf(shown.calls, 'call')}) : null,
      path.length > 0 ? build('span', {class: 'vp-dim vp-path', text: `${this.mode === 'up' ? 'for ' : 'in '}${
        visibleText((this.mode === 'up' ? path : path.slice(-6)).map((each) => functionLabel(report, each)).join(' › '), 300)}`}) : null);
    const buttons = called < 0 ? null : build('div', {class: 'vp-buttons'},
      makeButton('Sandwich', () => this.setSandwich(called), {title: 's'}),
      makeButton('Mark in timeline', () => {
        this.state.set('selectedFunction', called);
        this.state.set('highlighted', new Set([called]));
      }),
      makeButton('Source', () => {
        this.state.set('panel', 'source');
        this.state.tell('source', called);
      }));
    setChildren(this.details, line, buttons);
  }
}
