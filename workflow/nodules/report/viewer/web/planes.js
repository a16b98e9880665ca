// The three planes: which voxels a plane's picture shows, and where in it.

/** @import {Triple} from "./types.js" */
/** @import {Volume} from "./volume.js" */

/**
 * axis: at right angles to the plane. across, down: axes (0 z, 1 y, 2 x) along the picture's rows and
 * columns; flipped: whether it is drawn against the axis `down`, so that the head is up.
 * @typedef {{name: string, axis: number, across: number, down: number, flipped: boolean,
 *   sides: [string, string, string, string]}} Plane
 */

/** Sides are the picture's left, right, top and bottom. @type {Record<string, Plane>} */
export const PLANES = {
  axial: { name: "axial", axis: 0, across: 2, down: 1, flipped: false, sides: ["R", "L", "A", "P"] },
  coronal: { name: "coronal", axis: 1, across: 2, down: 0, flipped: true, sides: ["R", "L", "H", "F"] },
  sagittal: { name: "sagittal", axis: 2, across: 1, down: 0, flipped: true, sides: ["A", "P", "H", "F"] },
};

/**
 * Numbers of columns and rows of a plane's picture.
 * @param {Plane} plane
 * @param {Triple} shape
 * @returns {[number, number]}
 */
export function size(plane, shape) {
  return [shape[plane.across], shape[plane.down]];
}

/**
 * Where an index lies in the picture, in pixels; pixel centres are at halves.
 * @param {Plane} plane
 * @param {Triple} shape
 * @param {Triple} index
 * @returns {[number, number]}
 */
export function toPicture(plane, shape, index) {
  const v = index[plane.down] + 0.5;
  return [index[plane.across] + 0.5, plane.flipped ? shape[plane.down] - v : v];
}

/**
 * The index of a place in the picture; along the plane's axis, the index of `at`.
 * @param {Plane} plane
 * @param {Triple} shape
 * @param {[number, number]} place
 * @param {Triple} at
 * @returns {Triple}
 */
export function fromPicture(plane, shape, [u, v], at) {
  const index = /** @type {Triple} */ ([...at]);
  index[plane.across] = u - 0.5;
  index[plane.down] = (plane.flipped ? shape[plane.down] - v : v) - 0.5;
  return index;
}

/**
 * First and last slice of a slab of about a thickness in mm: equally many on either side of a slice.
 * @param {number} slice
 * @param {number} mm thickness; 0 for the slice alone
 * @param {number} spacing mm between slices
 * @param {number} count number of slices
 * @returns {[number, number]}
 */
export function slab(slice, mm, spacing, count) {
  const each = mm > 0 ? Math.max(Math.round((mm / spacing - 1) / 2), 0) : 0;
  return [Math.max(slice - each, 0), Math.min(slice + each, count - 1)];
}

/**
 * Levels of a plane's picture, row by row; for several slices, the maximum (axial only).
 * @param {Volume} volume
 * @param {Plane} plane
 * @param {number} first slice along the plane's axis
 * @param {number} last
 * @returns {Uint8Array | Uint16Array}
 */
export function picture(volume, plane, first, last = first) {
  const [nz, ny, nx] = volume.shape;
  const { data } = volume;
  if (plane.axis === 0) {
    if (first === last) return data.subarray(first * ny * nx, (first + 1) * ny * nx);
    const highest = data.slice(first * ny * nx, (first + 1) * ny * nx);
    for (let z = first + 1; z <= last; z++) {
      for (let n = 0, from = z * ny * nx; n < highest.length; n++, from++) {
        if (data[from] > highest[n]) highest[n] = data[from];
      }
    }
    return highest;
  }
  const [width] = size(plane, volume.shape);
  const levels = data instanceof Uint8Array ? new Uint8Array(width * nz) : new Uint16Array(width * nz);
  for (let row = 0; row < nz; row++) {
    const z = nz - 1 - row;
    if (plane.axis === 1) {
      const from = (z * ny + first) * nx;
      levels.set(data.subarray(from, from + nx), row * width);
    } else {
      for (let y = 0, from = z * ny * nx + first, to = row * width; y < ny; y++, from += nx, to++) {
        levels[to] = data[from];
      }
    }
  }
  return levels;
}

/**
 * The slice of a slab with the highest voxel at a place, which is the one that the maximum shows.
 * @param {Volume} volume
 * @param {Triple} at
 * @param {number} first
 * @param {number} last
 */
export function brightest(volume, [z, y, x], first, last) {
  const [, ny, nx] = volume.shape;
  let found = z;
  for (let slice = first; slice <= last; slice++) {
    const level = volume.data[(slice * ny + y) * nx + x];
    if (level > volume.data[(found * ny + y) * nx + x]) found = slice;
  }
  return found;
}

/**
 * Levels as opaque grey pixels.
 * @param {Uint8Array | Uint16Array} levels
 * @param {Uint32Array} table of each level's pixel
 * @param {Uint32Array} pixels to write to
 */
export function paint(levels, table, pixels) {
  for (let n = 0; n < levels.length; n++) pixels[n] = table[levels[n]];
}
