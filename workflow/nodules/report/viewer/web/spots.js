// Moving the crosshair from near a nodule to its middle, by brightness, for reading by keyboard.

/** @import {Volume} from "./volume.js" */
/** @import {Triple} from "./types.js" */

const REACH_MM = 3; // looked at around a place
const FAR_MM = 8; // what is farther away is another
const LUNG_HU = -600; // lung is below
const SOFT_HU = 100; // what is brighter, as ribs are, counts no more
const ROUNDS = 60;
const STAYS = 0.02; // voxels

/**
 * The middle of the bright spot at a place: the centre of brightness above lung around it, iterated
 * until it stays (mean shift: Fukunaga and Hostetler, IEEE Trans Inf Theory 21, 1975).
 * @param {Volume} volume
 * @param {Triple} from index (z, y, x)
 * @returns {Triple | null} null if nothing near is brighter than lung, or the middle is too far away
 */
export function middle(volume, from) {
  let at = /** @type {Triple} */ ([...from]);
  for (let round = 0; round < ROUNDS; round++) {
    const next = shifted(volume, at);
    if (!next) return null;
    const moved = Math.max(...next.map((value, n) => Math.abs(value - at[n])));
    at = next;
    if (moved < STAYS) break;
  }
  const mm = Math.hypot(...at.map((value, n) => (value - from[n]) * volume.spacing[n]));
  return mm > FAR_MM ? null : /** @type {Triple} */ (at.map(Math.round));
}

/**
 * The centre of brightness above lung around a place; null if nothing there is brighter.
 * @param {Volume} volume
 * @param {Triple} at index
 * @returns {Triple | null}
 */
function shifted({ shape, spacing, data, levels }, at) {
  const reach = spacing.map((mm) => Math.max(REACH_MM / mm, 1));
  const [low, high] = [-1, 1].map((sign) =>
    at.map((value, n) => Math.min(Math.max(Math.round(value + sign * reach[n]), 0), shape[n] - 1)),
  );
  const sums = [0, 0, 0, 0];
  for (let z = low[0]; z <= high[0]; z++) {
    for (let y = low[1]; y <= high[1]; y++) {
      for (let x = low[2]; x <= high[2]; x++) {
        const off = Math.hypot((z - at[0]) / reach[0], (y - at[1]) / reach[1], (x - at[2]) / reach[2]);
        const hu = levels[data[(z * shape[1] + y) * shape[2] + x]];
        const above = Math.min(hu, SOFT_HU) - LUNG_HU;
        if (off > 1 || above <= 0) continue;
        [z, y, x, 1].forEach((value, n) => (sums[n] += above * value));
      }
    }
  }
  const [z, y, x, weight] = sums;
  return weight > 0 ? [z / weight, y / weight, x / weight] : null;
}
