// From voxels to world mm and back, the same as nodules.images.geometry.

/** @import {Grid, Triple} from "./types.js" */

/**
 * World point (x, y, z) in mm of an index (z, y, x).
 * @param {Grid} grid
 * @param {Triple} index
 * @returns {Triple}
 */
export function toWorld(grid, [z, y, x]) {
  const a = grid.axes;
  const along = (/** @type {number} */ n) =>
    grid.origin[n] + a[3 * n] * x + a[3 * n + 1] * y + a[3 * n + 2] * z;
  return [along(0), along(1), along(2)];
}

/**
 * Fractional index (z, y, x) of a world point (x, y, z) in mm.
 * @param {Grid} grid
 * @param {Triple} world
 * @returns {Triple}
 */
export function toIndex(grid, world) {
  const [a, b, c, d, e, f, g, h, i] = grid.axes;
  const [p, q, r] = world.map((value, n) => value - grid.origin[n]);
  const minors = [e * i - f * h, f * g - d * i, d * h - e * g];
  const det = a * minors[0] + b * minors[1] + c * minors[2];
  const x = minors[0] * p + (c * h - b * i) * q + (b * f - c * e) * r;
  const y = minors[1] * p + (a * i - c * g) * q + (c * d - a * f) * r;
  const z = minors[2] * p + (b * g - a * h) * q + (a * e - b * d) * r;
  return [z / det, y / det, x / det];
}

/**
 * The voxel of the grid that is nearest to an index.
 * @param {Grid} grid
 * @param {Triple} index
 * @returns {Triple}
 */
export function nearest(grid, index) {
  return /** @type {Triple} */ (
    index.map((value, n) => Math.min(Math.max(Math.round(value), 0), grid.shape[n] - 1))
  );
}

/**
 * Whether an index lies within the outer faces of the grid's voxels.
 * @param {Grid} grid
 * @param {Triple} index
 */
export function contains(grid, index) {
  return index.every((value, n) => value >= -0.5 && value <= grid.shape[n] - 0.5);
}

/**
 * Distance in mm between two world points.
 * @param {Triple} one
 * @param {Triple} other
 */
export function distance(one, other) {
  return Math.hypot(...one.map((value, n) => value - other[n]));
}
