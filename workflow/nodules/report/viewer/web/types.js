// Types of the page's input and of what it stores, for tsc. Nothing here runs.

/** Three numbers: an index in array order (z, y, x), or a world point (x, y, z) in mm, LPS.
 * @typedef {[number, number, number]} Triple */

/** A regular grid: world = origin + axes * (x, y, z); axes row by row, each column one voxel's step.
 * @typedef {{origin: Triple, axes: number[], shape: Triple}} Grid */

/** A mask in its box: bits row by row as base64, the first voxel in the highest bit.
 * @typedef {{corner: Triple, shape: Triple, bits: string}} PackedMask */

/** An unpacked mask: one byte per voxel.
 * @typedef {{corner: Triple, shape: Triple, voxels: Uint8Array}} Mask */

/** Where a network looked: a square picture and its heat map, bytes as base64.
 * @typedef {{px: number, image: string, heat: string, told: string}} Seen */

/** @typedef {{number: number, x: number, y: number, z: number, probability: number,
 *   confidence: number, reported: boolean, diameter_mm: number | null, volume_mm3: number | null,
 *   long_mm: number | null, short_mm: number | null, mean_hu: number | null,
 *   malignancy: number | null, side: string, mask: PackedMask | null, seen: Seen | null}} Finding */

/** A contour that is not the computer's, but a reader's or the reference's.
 * @typedef {{name: string, mask: PackedMask}} Outline */

/** Voxels: how they are coded, where their pieces are, and where they lie in the whole scan.
 * @typedef {{name: string, grid: Grid, spacing: Triple, levels: number[], coding: string,
 *   depth: number, pieces: number, corner: Triple, whole: Triple, url: string}} VolumeSpec */

/** @typedef {{told: string, points: [number, number, number][]}} Froc */

/** A prior scan; a link's mm is the finding's diameter in the prior scan.
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
