// SPDX-License-Identifier: Apache-2.0
//
// Opens the recording that this page holds. What cannot be shown at all is thrown as one line for people.

import { readElements, takeText } from './elements.js';
import { FileSource } from './file_source.js';
import { bytesOfBase64, unpackedJson } from './packed.js';
import { Report } from './report.js';
import { ServedSource } from './served_source.js';

/** @typedef {import('./report.js').Meta} Meta */

const FORMAT = 2;

/** What the file is; readable before anything is unpacked. @param {Document} page @returns {Meta} */
export function openMeta(page) {
  const text = takeText(page, 'vtn-meta');
  if (!text) throw new Error('This page holds no recording.');
  /** @type {Meta} */
  let meta;
  try {
    meta = JSON.parse(text);
  } catch (fault) {
    throw new Error('The head of this recording is damaged.');
  }
  if (meta.format !== FORMAT) throw new Error(`This recording has format ${meta.format}; this page knows ${FORMAT}.`);
  if (typeof DecompressionStream === 'undefined') {
    throw new Error('This browser cannot unpack gzip (it has no DecompressionStream): Chromium 80, Firefox 113 and Safari 16.4 can.');
  }
  return meta;
}

/**
 * The recording, with its tables and its overview; call blocks come into it afterwards.
 * @param {Document} page @param {Meta} meta @param {string} code
 */
export async function openFile(page, meta, code) {
  let tables;
  try {
    tables = await unpackedJson(bytesOfBase64(takeText(page, 'vtn-tables') || ''));
  } catch (fault) {
    throw new Error('The names of this recording are damaged: without them nothing can be shown.');
  }
  const report = new Report(meta, tables);
  const source = meta.served ? new ServedSource(report, code) : new FileSource(report, code);
  await Promise.all(Array.from({ length: meta.blocks.overview }, async (_, number) => {
    try {
      await source.addOverview(bytesOfBase64(takeText(page, `vtn-overview-${number}`) || ''));
    } catch (fault) {
      source.tell(`Block ${number} of the overview is damaged.`);
    }
  }));
  return source;
}

/** Begins to read the call blocks and all else. @param {Document} page @param {FileSource} source */
export function readOn(page, source) {
  readElements(page, (element) => source.add(element), (whole) => source.end(whole));
}
