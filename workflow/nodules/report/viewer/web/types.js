// Shapes of what the page is given and what it keeps. Nothing here runs: these are types for tsc.

/** Three numbers: an index in array order (z, y, x), or a world point (x, y, z) in mm, LPS.
 * @typedef {[number, number, number]} Triple */

/** A regular grid: world = origin + axes * (x, y, z); axes row by row, a column a step of one voxel.
 * @typedef {{origin: Triple, axes: number[], shape: Triple}} Grid */

/** A mask in its box: bits row by row, the first voxel in the highest bit, as base64.
 * @typedef {{corner: Triple, shape: Triple, bits: string}} PackedMask */

/** A mask unpacked: a byte a voxel.
 * @typedef {{corner: Triple, shape: Triple, voxels: Uint8Array}} Mask */

/** Where a network looked: bytes of a square, the picture and the heat, as base64.
 * @typedef {{px: number, image: string, heat: string, told: string}} Seen */

/** @typedef {{number: number, x: number, y: number, z: number, probability: number,
 *   confidence: number, reported: boolean, diameter_mm: number | null, volume_mm3: number | null,
 *   long_mm: number | null, short_mm: number | null, mean_hu: number | null,
 *   malignancy: number | null, side: string, mask: PackedMask | null, seen: Seen | null}} Finding */

/** A contour that is not the computer's: of a reader, of the reference.
 * @typedef {{name: string, mask: PackedMask}} Outline */

/** Voxels: how they are coded, where their pieces are, and of how large a scan they are.
 * @typedef {{name: string, grid: Grid, spacing: Triple, levels: number[], coding: string,
 *   depth: number, pieces: number, corner: Triple, whole: Triple, url: string}} VolumeSpec */

/** @typedef {{told: string, points: [number, number, number][]}} Froc */

/** A prior scan; of a link, mm is the diameter that the finding had there.
 * @typedef {{volume: VolumeSpec, told: string, when: string, matrix: number[], offset: Triple,
 *   links: {finding: number, at: Triple, told: string, mm: number | null}[]}} Prior */

/** @typedef {{format: number, case: string, seriesuid: string, headline: string, notes: string[],
 *   volume: VolumeSpec, findings: Finding[], outlines: Outline[], threshold: number,
 *   froc: Froc | null, model: {name: string, sha256: string, trained: string, limits: string},
 *   malignancy: string, research: string, prior: Prior | null, save: string}} Case */

/** @typedef {"accept" | "reject" | "undecided"} Verdict */

/** @typedef {{finding: number, seriesuid: string, coordX: number, coordY: number, coordZ: number,
 *   diameter_mm: number | null, probability: number, verdict: Verdict, seconds: number,
 *   at: string}} Decision */

/** @typedef {{number: number, coordX: number, coordY: number, coordZ: number,
 *   diameter_mm: number | null, phase: "first read" | "with marks", seconds: number,
 *   at: string, removed?: string}} Added */

/** @typedef {"second reader" | "concurrent"} Mode */

/** @typedef {{format: number, kind: string, seriesuid: string, case: string, reader: string,
 *   mode: Mode, model: {name: string, sha256: string}, threshold: number, begun: string,
 *   saved: string, first_read_finished: string, finished: string,
 *   seconds: {total: number, first_read: number, with_marks: number, looked: Record<string, number>},
 *   decisions: Decision[], added: Added[], research: string}} Reading */

export {};
