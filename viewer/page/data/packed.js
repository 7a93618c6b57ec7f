// SPDX-License-Identifier: Apache-2.0
//
// What an element of a page holds: base64 of one gzip member.

/**
 * The bytes that base64 stands for. Throws on text that is none.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function bytesOfBase64(text) {
  const native = /** @type {any} */ (Uint8Array).fromBase64;
  if (native) return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** No byte of deflate stands for more. */
const MOST_TIMES = 1032;
/** Of a gzip member: its head, the least of its data, a check sum and the size of its content. */
const LEAST_BYTES = 20;

/** Memory that one member after another is unpacked into. */
export class Scratch {
  constructor() {
    this.bytes = new Uint8Array(0);
  }

  /** @param {number} size */
  take(size) {
    if (size > this.bytes.length) this.bytes = new Uint8Array(size);
    return this.bytes.subarray(0, size);
  }
}

/** What a member says of itself, if it can be. @param {Uint8Array} packed */
function unpackedSize(packed) {
  if (packed.length < LEAST_BYTES) throw new RangeError('a gzip member ends too early');
  const size = new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(packed.length - 4, true);
  if (size > packed.length * MOST_TIMES) throw new RangeError('a gzip member has a size that cannot be');
  return size;
}

/**
 * The content of a gzip member. Rejects what is damaged or cut.
 * @param {Uint8Array} packed
 * @param {Scratch} [scratch] what it is unpacked into, and stands in until the next one is
 * @returns {Promise<Uint8Array>}
 */
export async function unpacked(packed, scratch = new Scratch()) {
  const bytes = scratch.take(unpackedSize(packed));
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  // A damaged member rejects these as well; the reading side tells of it.
  writer.write(/** @type {any} */ (packed)).catch(() => {});
  writer.close().catch(() => {});
  const reader = stream.readable.getReader();
  let at = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (next.value.length > bytes.length - at) {
      reader.cancel().catch(() => {});
      throw new RangeError('a gzip member is longer than it says');
    }
    bytes.set(next.value, at);
    at += next.value.length;
  }
  if (at !== bytes.length) throw new RangeError('a gzip member is shorter than it says');
  return bytes;
}

/**
 * @param {Uint8Array} packed
 * @returns {Promise<any>}
 */
export async function unpackedJson(packed) {
  return JSON.parse(new TextDecoder().decode(await unpacked(packed)));
}
