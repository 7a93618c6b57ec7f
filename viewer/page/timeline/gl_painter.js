// SPDX-License-Identifier: Apache-2.0
//
// Boxes by WebGL2: one instanced quad each, whatever their number.

import { WORDS_OF_RECTANGLE } from './rectangles.js';

/** @typedef {import('./rectangles.js').Rectangles} Rectangles */

const VERTEX = `#version 300 es
  precision highp float;
  layout(location = 0) in vec4 box;      // from, to, y, height
  layout(location = 1) in vec4 colour;
  layout(location = 2) in uint pattern;
  uniform vec2 size;                     // of the canvas, in the same pixels
  uniform float ratio;                   // device pixels in one
  out vec4 fill;
  out vec2 inside;                       // device pixels from the box's upper left corner
  flat out vec2 extent;
  flat out uint kind;
  void main() {
    float left = floor(box.x * ratio + 0.5);
    float right = max(floor(box.y * ratio + 0.5), left + 1.0);
    vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
    vec2 at = vec2(mix(left, right, corner.x), floor((box.z + box.w * corner.y) * ratio + 0.5));
    extent = vec2(right - left, box.w * ratio);
    inside = vec2(corner.x * extent.x, corner.y * extent.y);
    fill = colour;
    kind = pattern;
    vec2 place = at / (size * ratio) * 2.0 - 1.0;
    gl_Position = vec4(place.x, -place.y, 0.0, 1.0);
  }`;

const FRAGMENT = `#version 300 es
  precision highp float;
  in vec4 fill;
  in vec2 inside;
  flat in vec2 extent;
  flat in uint kind;
  uniform float ratio;
  uniform vec3 paper;
  out vec4 result;
  void main() {
    vec3 colour = fill.rgb;
    float alpha = fill.a;
    if (kind == 1u || kind == 2u) {
      float stripe = mod(gl_FragCoord.x + gl_FragCoord.y * (kind == 2u ? -1.0 : 1.0), 8.0 * ratio);
      if (stripe < 3.0 * ratio) colour = mix(colour, paper, kind == 2u ? 0.55 : 0.32);
    }
    if (kind == 3u) colour = mix(colour, paper, 0.75 * inside.x / max(extent.x, 1.0));
    if (kind < 4u && extent.x > 3.0 * ratio && inside.x > extent.x - ratio) colour = mix(colour, paper, 0.55);
    result = vec4(colour * alpha, alpha);
  }`;

/** What browsers and Mesa call a WebGL that the processor draws. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** `failIfMajorPerformanceCaveat` does not tell: Chromium takes SwiftShader for a card when it is told to use it. @param {WebGL2RenderingContext} gl */
function drawsInSoftware(gl) {
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  return SOFTWARE.test(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

export class GlPainter {
  /**
   * Throws where there is no WebGL2.
   * @param {HTMLCanvasElement} canvas @param {boolean} even_without_card @param {() => void} restored it has to be drawn once more
   */
  constructor(canvas, even_without_card, restored) {
    this.canvas = canvas;
    const gl = canvas.getContext('webgl2', { alpha: true, antialias: false, depth: false, powerPreference: 'low-power' });
    if (!gl) throw new Error('no WebGL2');
    if (!even_without_card && drawsInSoftware(gl)) throw new Error('no graphics card');
    this.gl = gl;
    this.name = 'WebGL2';
    this.buffer_bytes = 0;
    /** @type {WebGLUniformLocation | null} */
    this.size = null;
    /** @type {WebGLUniformLocation | null} */
    this.ratio = null;
    /** @type {WebGLUniformLocation | null} */
    this.paper = null;
    this.prepare();
    canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
    canvas.addEventListener('webglcontextrestored', () => {
      this.prepare();
      restored();
    });
  }

  prepare() {
    const { gl } = this;
    const program = /** @type {WebGLProgram} */ (gl.createProgram());
    for (const [kind, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) || 'a shader failed');
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || 'linking failed');
    gl.useProgram(program);
    this.size = gl.getUniformLocation(program, 'size');
    this.ratio = gl.getUniformLocation(program, 'ratio');
    this.paper = gl.getUniformLocation(program, 'paper');
    this.buffer_bytes = 0;
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    const stride = WORDS_OF_RECTANGLE * 4;
    for (let i = 0; i < 3; i++) {
      gl.enableVertexAttribArray(i);
      gl.vertexAttribDivisor(i, 1);
    }
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, stride, 0);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, stride, 16);
    gl.vertexAttribIPointer(2, 1, gl.UNSIGNED_INT, stride, 20);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /**
   * @param {Rectangles} boxes @param {number} width_px @param {number} height_px @param {number} ratio device pixels in one
   * @param {number} paper packed colour of the background
   */
  draw(boxes, width_px, height_px, ratio, paper) {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!boxes.count) return;
    gl.uniform2f(this.size, width_px, height_px);
    gl.uniform1f(this.ratio, ratio);
    gl.uniform3f(this.paper, (paper & 255) / 255, ((paper >>> 8) & 255) / 255, ((paper >>> 16) & 255) / 255);
    const used = boxes.floats.subarray(0, boxes.count * WORDS_OF_RECTANGLE);
    if (boxes.floats.byteLength !== this.buffer_bytes) {
      this.buffer_bytes = boxes.floats.byteLength;
      gl.bufferData(gl.ARRAY_BUFFER, this.buffer_bytes, gl.STREAM_DRAW);
    }
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, used);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, boxes.count);
  }
}
