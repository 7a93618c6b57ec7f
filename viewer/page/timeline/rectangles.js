// SPDX-License-Identifier: Apache-2.0
//
// The boxes of one picture, in arrays that a painter hands to the GPU as they are. No DOM.

export const PATTERN_PLAIN = 0;
/** Calls put together. */
export const PATTERN_FOLD = 1;
/** A hole in the record. */
export const PATTERN_GAP = 2;
/** Never ended: fades out to its end. */
export const PATTERN_OPEN = 3;
/** No edge to the next one: backgrounds, lines. */
export const PATTERN_FLAT = 4;

export const WORDS_OF_RECTANGLE = 6;

/** Each box: from_px, to_px, y_px, height_px as floats, colour and pattern as integers. */
export class Rectangles {
  constructor() {
    this.room = 1024;
    this.floats = new Float32Array(this.room * WORDS_OF_RECTANGLE);
    this.integers = new Uint32Array(this.floats.buffer);
    this.count = 0;
  }

  grow() {
    const floats = new Float32Array(this.floats.length * 2);
    floats.set(this.floats);
    this.room *= 2;
    this.floats = floats;
    this.integers = new Uint32Array(floats.buffer);
  }

  clear() {
    this.count = 0;
  }

  /**
   * @param {number} from_px @param {number} to_px @param {number} y_px @param {number} height_px
   * @param {number} colour packed @param {number} pattern
   */
  add(from_px, to_px, y_px, height_px, colour, pattern) {
    if (this.count === this.room) this.grow();
    const at = this.count++ * WORDS_OF_RECTANGLE;
    const { floats, integers } = this;
    floats[at] = from_px;
    floats[at + 1] = to_px;
    floats[at + 2] = y_px;
    floats[at + 3] = height_px;
    integers[at + 4] = colour;
    integers[at + 5] = pattern;
  }
}
