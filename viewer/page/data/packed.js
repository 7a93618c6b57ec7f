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

/**
 * The content of a gzip member. Rejects what is damaged or cut.
 * @param {Uint8Array} packed
 * @returns {Promise<Uint8Array>}
 */
export async function unpacked(packed) {
  const stream = new DecompressionStream('gzip');
  const writer = stream.writable.getWriter();
  // A damaged member rejects these as well; the reading side tells of it.
  writer.write(/** @type {any} */ (packed)).catch(() => {});
  writer.close().catch(() => {});
  return new Uint8Array(await new Response(stream.readable).arrayBuffer());
}

/**
 * @param {Uint8Array} packed
 * @returns {Promise<any>}
 */
export async function unpackedJson(packed) {
  return JSON.parse(new TextDecoder().decode(await unpacked(packed)));
}
