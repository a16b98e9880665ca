// Voxels as the page stores them: integer levels, each of which stands for one HU.

/** @import {VolumeSpec, Triple} from "./types.js" */

export class Volume {
  /**
   * @param {VolumeSpec} spec
   * @param {Uint8Array | Uint16Array} data
   */
  constructor(spec, data) {
    this.spec = spec;
    this.grid = spec.grid;
    this.spacing = spec.spacing;
    this.shape = spec.grid.shape;
    this.levels = spec.levels;
    this.data = data;
  }

  /**
   * HU at an index (z, y, x), and how far the true value may be from it; null outside. The lowest
   * and the highest level also stand for all that lies beyond: there it is a bound ("≤" or "≥").
   * @param {Triple} index
   * @returns {{hu: number, within: number, bound: "" | "≤" | "≥"} | null}
   */
  hu([z, y, x]) {
    const [nz, ny, nx] = this.shape;
    if (z < 0 || y < 0 || x < 0 || z >= nz || y >= ny || x >= nx) return null;
    const level = this.data[(z * ny + y) * nx + x];
    const below = this.levels[level] - (this.levels[level - 1] ?? this.levels[level]);
    const above = (this.levels[level + 1] ?? this.levels[level]) - this.levels[level];
    const within = Math.floor(Math.max(below, above) / 2);
    if (!below) return { hu: this.levels[level] + within, within: 0, bound: "≤" };
    if (!above) return { hu: this.levels[level] - within, within: 0, bound: "≥" };
    return { hu: this.levels[level], within, bound: "" };
  }
}

/**
 * Bytes of base64 text.
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  const native = /** @type {any} */ (Uint8Array).fromBase64;
  if (native) return native(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < binary.length; n++) bytes[n] = binary.charCodeAt(n);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes of gzip
 * @returns {Promise<Uint8Array>}
 */
export async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Decode bytes that hold each voxel's difference from the mean, rounded down, of the one before it
 * in its row and the one above it; outside a slice these are 0.
 * @param {Uint8Array} bytes slices of height x width, changed in place
 * @param {number} height
 * @param {number} width
 */
export function undoDifferences(bytes, height, width) {
  for (let start = 0; start < bytes.length; start += height * width) {
    let at = start;
    for (let x = 0, left = 0; x < width; x++, at++) {
      left = bytes[at] = (bytes[at] + (left >> 1)) & 255;
    }
    for (let y = 1; y < height; y++) {
      for (let x = 0, left = 0; x < width; x++, at++) {
        left = bytes[at] = (bytes[at] + ((left + bytes[at - width]) >> 1)) & 255;
      }
    }
  }
}

/**
 * Load all voxels of a volume.
 * @param {VolumeSpec} spec
 * @param {(piece: number) => Promise<Uint8Array<ArrayBuffer>>} fetchPiece bytes as they are stored
 * @param {(share: number) => void} tell is called with the share done
 * @returns {Promise<Volume>}
 */
export async function load(spec, fetchPiece, tell) {
  const [nz, ny, nx] = spec.grid.shape;
  const wide = spec.coding === "wide";
  const data = wide ? new Uint16Array(nz * ny * nx) : new Uint8Array(nz * ny * nx);
  const bytes = new Uint8Array(data.buffer);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < spec.pieces) {
      const piece = next++;
      const stored = await fetchPiece(piece);
      const raw = wide ? stored : await inflate(stored);
      if (!wide) undoDifferences(raw, ny, nx);
      bytes.set(raw, piece * spec.depth * ny * nx * data.BYTES_PER_ELEMENT);
      tell(++done / spec.pieces);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return new Volume(spec, data);
}
