// One plane on a canvas: picture, marks, crosshair, scale bar, and conversion of mouse positions.

/** @import {Mask, Triple} from "./types.js" */
/** @import {Plane} from "./planes.js" */
/** @import {Volume} from "./volume.js" */
import { distance, toWorld } from "./geometry.js";
import { lines, outline, reaches } from "./contours.js";
import { fromPicture, paint, picture, size, slab, toPicture } from "./planes.js";

const BARS_MM = [1, 2, 5, 10, 20, 50, 100, 200];
const INK = "#f2f5f7";
const SHADE = "rgba(0, 0, 0, 0.75)";

/** A mask to outline; kinds differ in dashes as well as in colour.
 * @typedef {{mask: Mask, colour: string, dash: number[], width: number}} Mark */

/** A place to ring: a finding without a mask, or one of the reader's own nodules.
 * @typedef {{at: Triple, colour: string, mm: number, label: string}} Ring */

/** What all views show. at: the crosshair's voxel; centre: index in the middle; zoom: 1 fits all.
 * @typedef {{at: Triple, centre: Triple, zoom: number, slabMm: number, table: Uint32Array,
 *   tableKey: string, smooth: boolean, crosshair: boolean, opacity: number, marks: Mark[],
 *   rings: Ring[], measured: [Triple, Triple] | null}} Scene */

export class View {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Plane} plane
   * @param {Volume} volume
   */
  constructor(canvas, plane, volume) {
    this.canvas = canvas;
    this.plane = plane;
    this.volume = volume;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    const [width, height] = size(plane, volume.shape);
    this.buffer = document.createElement("canvas");
    this.buffer.width = width;
    this.buffer.height = height;
    this.bufferContext = /** @type {CanvasRenderingContext2D} */ (this.buffer.getContext("2d"));
    this.image = this.bufferContext.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.shown = "";
    this.milliseconds = 0;
    this.fitted = 1;
    this.ratio = 1;
    this.unit = 1;
    this.fit();
  }

  /** Adopt the canvas's size on the page, in device pixels. */
  fit() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(Math.round(this.canvas.clientWidth * ratio), 1);
    const height = Math.max(Math.round(this.canvas.clientHeight * ratio), 1);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.ratio = ratio;
    // Lines and text scale with the page's font size, which is larger on large screens.
    this.unit = (ratio * parseFloat(getComputedStyle(document.body).fontSize)) / 13;
    const [w, h] = size(this.plane, this.volume.shape);
    this.fitted = Math.min(width / (w * this.mm[0]), height / (h * this.mm[1]));
  }

  /** Size of a picture's pixel in mm, across and down. @returns {[number, number]} */
  get mm() {
    return [this.volume.spacing[this.plane.across], this.volume.spacing[this.plane.down]];
  }

  /** First and last slice of the slab shown. @param {Scene} scene @returns {[number, number]} */
  slices(scene) {
    const { axis } = this.plane;
    const mm = axis === 0 ? scene.slabMm : 0;
    return slab(scene.at[axis], mm, this.volume.spacing[axis], this.volume.shape[axis]);
  }

  /**
   * Canvas position, in its pixels, of a place in the picture.
   * @param {Scene} scene
   * @param {[number, number]} place
   * @returns {[number, number]}
   */
  toCanvas(scene, [u, v]) {
    const middle = toPicture(this.plane, this.volume.shape, scene.centre);
    const scale = this.fitted * scene.zoom;
    return [
      this.canvas.width / 2 + (u - middle[0]) * this.mm[0] * scale,
      this.canvas.height / 2 + (v - middle[1]) * this.mm[1] * scale,
    ];
  }

  /**
   * Fractional index at a position on the canvas, given in CSS pixels.
   * @param {Scene} scene
   * @param {number} x
   * @param {number} y
   * @returns {Triple}
   */
  indexAt(scene, x, y) {
    const { ratio } = this;
    const middle = toPicture(this.plane, this.volume.shape, scene.centre);
    const scale = this.fitted * scene.zoom;
    const u = middle[0] + (x * ratio - this.canvas.width / 2) / (this.mm[0] * scale);
    const v = middle[1] + (y * ratio - this.canvas.height / 2) / (this.mm[1] * scale);
    return fromPicture(this.plane, this.volume.shape, [u, v], scene.at);
  }

  /** @param {Scene} scene */
  draw(scene) {
    const begun = performance.now();
    this.fit();
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.refresh(scene);
    const [x0, y0] = this.toCanvas(scene, [0, 0]);
    const [x1, y1] = this.toCanvas(scene, [this.buffer.width, this.buffer.height]);
    context.imageSmoothingEnabled = scene.smooth;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.buffer, x0, y0, x1 - x0, y1 - y0);
    this.drawMarks(scene);
    if (scene.crosshair) this.drawCrosshair(scene);
    if (scene.measured) this.drawMeasured(scene, scene.measured);
    this.drawBar(scene);
    this.milliseconds = performance.now() - begun;
  }

  /** Repaint the picture if its slices or window have changed. @param {Scene} scene */
  refresh(scene) {
    const [first, last] = this.slices(scene);
    const key = `${first} ${last} ${scene.tableKey}`;
    if (key === this.shown) return;
    paint(picture(this.volume, this.plane, first, last), scene.table, this.pixels);
    this.bufferContext.putImageData(this.image, 0, 0);
    this.shown = key;
  }

  /** @param {Scene} scene */
  drawMarks(scene) {
    const { context, volume, plane } = this;
    const [first, last] = this.slices(scene);
    const ratio = this.unit;
    context.globalAlpha = scene.opacity;
    for (const { mask, colour, dash, width } of scene.marks) {
      if (!reaches(mask, plane.axis, first, last)) continue;
      const edges = outline(mask, plane, volume.shape, first, last);
      context.beginPath();
      for (const line of lines(edges)) {
        line.forEach((point, n) => {
          const [x, y] = this.toCanvas(scene, point);
          if (n) context.lineTo(x, y);
          else context.moveTo(x, y);
        });
      }
      context.setLineDash(dash.map((length) => length * ratio));
      context.lineWidth = width * ratio;
      context.strokeStyle = colour;
      context.stroke();
    }
    context.setLineDash([]);
    for (const ring of scene.rings) this.drawRing(scene, ring, first, last);
    context.globalAlpha = 1;
  }

  /** @param {Scene} scene @param {Ring} ring @param {number} first @param {number} last */
  drawRing(scene, ring, first, last) {
    const { context, plane, volume } = this;
    const away = Math.max(first - ring.at[plane.axis], ring.at[plane.axis] - last, 0);
    const off = away * volume.spacing[plane.axis];
    const radius = Math.max(ring.mm / 2, 2.5);
    if (off > radius) return;
    const ratio = this.unit;
    const [x, y] = this.toCanvas(scene, toPicture(plane, volume.shape, ring.at));
    const px = Math.sqrt(radius ** 2 - off ** 2) * this.fitted * scene.zoom;
    context.strokeStyle = ring.colour;
    context.lineWidth = 1.5 * ratio;
    context.beginPath();
    context.arc(x, y, Math.max(px, 4 * ratio) + 2 * ratio, 0, 2 * Math.PI);
    context.stroke();
    this.text(ring.label, x + px + 6 * ratio, y - px - 2 * ratio, ring.colour);
  }

  /** @param {Scene} scene */
  drawCrosshair(scene) {
    const { context, canvas } = this;
    const ratio = this.unit;
    const [x, y] = this.toCanvas(scene, toPicture(this.plane, this.volume.shape, scene.at));
    const gap = Math.max(14 * ratio, 9 * this.fitted * scene.zoom);
    context.strokeStyle = "rgba(240, 228, 66, 0.55)";
    context.lineWidth = ratio;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [
      [0, y, x - gap, y],
      [x + gap, y, canvas.width, y],
      [x, 0, x, y - gap],
      [x, y + gap, x, canvas.height],
    ]) {
      context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
      context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    }
    context.stroke();
  }

  /** @param {Scene} scene @param {[Triple, Triple]} measured */
  drawMeasured(scene, [from, to]) {
    const { context, plane, volume } = this;
    const [first, last] = this.slices(scene);
    const within = [from, to].every((one) => one[plane.axis] >= first && one[plane.axis] <= last);
    if (!within) return;
    const ratio = this.unit;
    const [start, end] = [from, to].map((one) => this.toCanvas(scene, toPicture(plane, volume.shape, one)));
    context.strokeStyle = INK;
    context.fillStyle = INK;
    context.lineWidth = 1.5 * ratio;
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(...end);
    context.stroke();
    for (const [x, y] of [start, end]) context.fillRect(x - 2 * ratio, y - 2 * ratio, 4 * ratio, 4 * ratio);
    const mm = distance(toWorld(volume.grid, from), toWorld(volume.grid, to));
    this.text(`${mm.toFixed(1)} mm`, end[0] + 8 * ratio, end[1] - 8 * ratio, INK);
  }

  /** @param {Scene} scene */
  drawBar(scene) {
    const { context, canvas } = this;
    const ratio = this.unit;
    const scale = this.fitted * scene.zoom;
    const most = Math.min(canvas.width / 3, 170 * ratio);
    const mm = BARS_MM.filter((one) => one * scale <= most).pop() ?? BARS_MM[0];
    const [x, y] = [12 * ratio, canvas.height - 12 * ratio];
    for (const [colour, width] of /** @type {[string, number][]} */ ([[SHADE, 4], [INK, 1.5]])) {
      context.strokeStyle = colour;
      context.lineWidth = width * ratio;
      context.beginPath();
      context.moveTo(x, y - 5 * ratio);
      context.lineTo(x, y);
      context.lineTo(x + mm * scale, y);
      context.lineTo(x + mm * scale, y - 5 * ratio);
      context.stroke();
    }
    this.text(`${mm} mm`, x + 4 * ratio, y - 6 * ratio, INK);
    this.bar = { mm, px: mm * scale };
  }

  /** @param {string} text @param {number} x @param {number} y @param {string} colour */
  text(text, x, y, colour) {
    const { context } = this;
    const ratio = this.unit;
    context.font = `${12 * ratio}px system-ui, sans-serif`;
    context.lineWidth = 3 * ratio;
    context.strokeStyle = SHADE;
    context.lineJoin = "round";
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }
}
