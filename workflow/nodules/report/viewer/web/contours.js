// Outlines of masks in a plane, along the edges of voxels.

/** @import {Mask, PackedMask, Triple} from "./types.js" */
/** @import {Plane} from "./planes.js" */
import { fromBase64 } from "./volume.js";

/**
 * @param {PackedMask} packed
 * @returns {Mask}
 */
export function unpack({ corner, shape, bits }) {
  const bytes = fromBase64(bits);
  const voxels = new Uint8Array(shape[0] * shape[1] * shape[2]);
  for (let n = 0; n < voxels.length; n++) voxels[n] = (bytes[n >> 3] >> (7 - (n & 7))) & 1;
  return { corner, shape, voxels };
}

/**
 * The edges between inside and outside in the union of slices first to last of a plane, each as
 * [u0, v0, u1, v1] in pixels of the plane's picture (see planes.js).
 * @param {Mask} mask
 * @param {Plane} plane
 * @param {Triple} shape of the volume
 * @param {number} first
 * @param {number} last
 * @returns {number[][]}
 */
export function outline(mask, plane, shape, first, last = first) {
  const from = Math.max(first - mask.corner[plane.axis], 0);
  const to = Math.min(last - mask.corner[plane.axis], mask.shape[plane.axis] - 1);
  if (from > to) return [];
  const [width, height] = [mask.shape[plane.across], mask.shape[plane.down]];
  const strides = [mask.shape[1] * mask.shape[2], mask.shape[2], 1];
  /** @param {number} u @param {number} v */
  const inside = (u, v) => {
    if (u < 0 || v < 0 || u >= width || v >= height) return false;
    const start = u * strides[plane.across] + v * strides[plane.down];
    for (let n = from; n <= to; n++) if (mask.voxels[start + n * strides[plane.axis]]) return true;
    return false;
  };
  const left = mask.corner[plane.across];
  /** @param {number} v */
  const row = (v) => {
    const index = v + mask.corner[plane.down];
    return plane.flipped ? shape[plane.down] - index : index;
  };
  const edges = [];
  for (let v = 0; v <= height; v++) {
    for (let u = 0; u <= width; u++) {
      const here = inside(u, v);
      if (here !== inside(u, v - 1)) edges.push([left + u, row(v), left + u + 1, row(v)]);
      if (here !== inside(u - 1, v)) edges.push([left + u, row(v), left + u, row(v + 1)]);
    }
  }
  return edges;
}

/**
 * Edges joined end to end into lines as long as possible, each a list of points [u, v], so that
 * dashes continue along them.
 * @param {number[][]} edges
 * @returns {[number, number][][]}
 */
export function lines(edges) {
  /** @type {Map<string, [number, number][]>} */
  const open = new Map(); // a point's place -> the ends of edges there that no line has taken
  /** @param {[number, number]} from @param {[number, number]} to */
  const link = (from, to) => open.set(String(from), [...(open.get(String(from)) ?? []), to]);
  for (const [u0, v0, u1, v1] of edges) {
    link([u0, v0], [u1, v1]);
    link([u1, v1], [u0, v0]);
  }
  /** @param {[number, number]} from @param {[number, number]} to */
  const cut = (from, to) => {
    const left = open.get(String(from)) ?? [];
    left.splice(left.findIndex((one) => String(one) === String(to)), 1);
  };
  const found = [];
  for (const [u0, v0] of edges) {
    let here = /** @type {[number, number]} */ ([u0, v0]);
    const line = [here];
    for (let next = open.get(String(here))?.[0]; next; next = open.get(String(here))?.[0]) {
      cut(here, next);
      cut(next, here);
      line.push(next);
      here = next;
    }
    if (line.length > 1) found.push(line);
  }
  return found;
}

/**
 * Whether a mask's box reaches into slices first to last along an axis.
 * @param {Mask} mask
 * @param {number} axis
 * @param {number} first
 * @param {number} last
 */
export function reaches(mask, axis, first, last) {
  return mask.corner[axis] <= last && mask.corner[axis] + mask.shape[axis] > first;
}
