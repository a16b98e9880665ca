// Display windows: from HU to grey.

/** @typedef {{level: number, width: number}} Window */

/** Presets with their keys. @type {{key: string, name: string, level: number, width: number}[]} */
export const PRESETS = [
  { key: "1", name: "Lung", level: -600, width: 1500 },
  { key: "2", name: "Mediastinum", level: 40, width: 400 },
  { key: "3", name: "Bone", level: 400, width: 1500 },
  { key: "4", name: "Narrow lung", level: -500, width: 700 },
];

/**
 * Grey value, 0 to 255, of a HU.
 * @param {Window} window
 * @param {number} hu
 */
export function grey({ level, width }, hu) {
  const share = (hu - level) / Math.max(width, 1) + 0.5;
  return Math.round(Math.min(Math.max(share, 0), 1) * 255);
}

/**
 * Opaque grey pixel of each level, its bytes in the order of canvas image data (RGBA).
 * @param {Window} window
 * @param {number[]} levels HU of each
 * @returns {Uint32Array}
 */
export function table(window, levels) {
  return Uint32Array.from(levels, (hu) => {
    const value = grey(window, hu);
    return ((255 << 24) | (value << 16) | (value << 8) | value) >>> 0;
  });
}
