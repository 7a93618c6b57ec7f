// SPDX-License-Identifier: Apache-2.0
//
// Fields of protocol buffers by number, into bytes that grow. A nested message is made in bytes of its own and put in with bytes().

const UTF8 = new TextEncoder();

export class ProtoBytes {
  constructor() {
    this.store = new Uint8Array(256);
    this.length = 0;
  }

  clear() {
    this.length = 0;
    return this;
  }

  /** Those that are there now: they change with what comes. */
  view() {
    return this.store.subarray(0, this.length);
  }

  /** @param {number} more bytes that will come */
  room(more) {
    if (this.length + more <= this.store.length) return;
    const grown = new Uint8Array(Math.max(this.store.length * 2, this.length + more));
    grown.set(this.view());
    this.store = grown;
  }

  /** A whole number from 0 to 2^53. @param {number} value @returns {this} */
  varint(value) {
    this.room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.store[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.store[this.length++] = rest;
    return this;
  }

  /** @param {number} field @param {number} value */
  number(field, value) {
    return this.varint(field * 8).varint(value);
  }

  /** @param {number} field @param {Uint8Array} value */
  bytes(field, value) {
    this.varint(field * 8 + 2).varint(value.length);
    this.room(value.length);
    this.store.set(value, this.length);
    this.length += value.length;
    return this;
  }

  /** @param {number} field @param {string} value */
  text(field, value) {
    return this.bytes(field, UTF8.encode(value));
  }

  /** @param {number} field @param {ProtoBytes} value */
  message(field, value) {
    return this.bytes(field, value.view());
  }

  /** @param {number} field @param {number} value a whole one below 2^53, in eight bytes */
  fixed64(field, value) {
    this.varint(field * 8 + 1);
    this.room(8);
    let rest = value;
    for (let i = 0; i < 8; i++) {
      this.store[this.length++] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return this;
  }

  /** @param {number} field @param {number} value */
  real(field, value) {
    this.varint(field * 8 + 1);
    this.room(8);
    new DataView(this.store.buffer).setFloat64(this.length, value, true);
    this.length += 8;
    return this;
  }
}
