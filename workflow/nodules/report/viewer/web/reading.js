// A reader's decisions as data: how they change, and how they are written and read back.

/** @import {Added, Case, Decision, Finding, Mode, Reading, Triple, Verdict} from "./types.js" */

export const FORMAT = 1;
export const KIND = "luna16 reading";
export const COLUMNS = ["seriesuid", "coordX", "coordY", "coordZ", "probability"];
// A verdict's probability in a submission; null is left out.
export const WORTH = { accept: 1, undecided: 0.5, reject: null };
const VERDICTS = Object.keys(WORTH);
const MODES = ["second reader", "concurrent"];

/**
 * @param {Case} shown
 * @param {string} reader
 * @param {Mode} mode
 * @param {string} now time as ISO 8601
 * @returns {Reading}
 */
export function begin(shown, reader, mode, now) {
  return {
    format: FORMAT,
    kind: KIND,
    seriesuid: shown.seriesuid,
    case: shown.case,
    reader,
    mode,
    model: { name: shown.model.name, sha256: shown.model.sha256 },
    threshold: shown.threshold,
    begun: now,
    saved: now,
    first_read_finished: mode === "concurrent" ? now : "",
    finished: "",
    seconds: { total: 0, first_read: 0, with_marks: 0, looked: {} },
    decisions: [],
    added: [],
    research: shown.research,
  };
}

/**
 * Whether the computer's marks may be shown.
 * @param {Reading} reading
 */
export function revealed(reading) {
  return reading.first_read_finished !== "";
}

/**
 * @param {Reading} reading
 * @param {number} finding
 * @returns {Decision | undefined}
 */
export function decisionOn(reading, finding) {
  return reading.decisions.find((one) => one.finding === finding);
}

/**
 * The reading with a verdict on a finding; giving the same verdict again withdraws it.
 * @param {Reading} reading
 * @param {Finding} finding
 * @param {Verdict} verdict
 * @param {string} now
 * @returns {Reading}
 */
export function decide(reading, finding, verdict, now) {
  const earlier = decisionOn(reading, finding.number);
  const others = reading.decisions.filter((one) => one !== earlier);
  if (earlier?.verdict === verdict) return { ...reading, decisions: others };
  const decision = {
    finding: finding.number,
    seriesuid: reading.seriesuid,
    coordX: finding.x,
    coordY: finding.y,
    coordZ: finding.z,
    diameter_mm: finding.diameter_mm,
    probability: finding.probability,
    verdict,
    seconds: looked(reading, String(finding.number)),
    at: now,
  };
  const decisions = [...others, decision].sort((one, other) => one.finding - other.finding);
  return { ...reading, decisions };
}

/**
 * The reading with a nodule of the reader's own.
 * @param {Reading} reading
 * @param {Triple} world mm
 * @param {number | null} diameter_mm where it was measured
 * @param {string} now
 * @returns {Reading}
 */
export function add(reading, [coordX, coordY, coordZ], diameter_mm, now) {
  const number = 1 + Math.max(0, ...reading.added.map((one) => one.number));
  const phase = revealed(reading) ? "with marks" : "first read";
  const spent = reading.added.reduce((sum, one) => sum + (one.phase === phase ? one.seconds : 0), 0);
  const searching = looked(reading, phase === "first read" ? "first read" : "searching");
  const seconds = Math.max(rounded(searching - spent), 0);
  const found = { number, coordX, coordY, coordZ, diameter_mm, phase, seconds, at: now };
  return { ...reading, added: [...reading.added, /** @type {Added} */ (found)] };
}

/**
 * The reading without one of the reader's own nodules. A nodule of a finished first read is only
 * marked as removed, so that the first read keeps what the reader found alone.
 * @param {Reading} reading
 * @param {number} number
 * @param {string} now
 * @returns {Reading}
 */
export function remove(reading, number, now) {
  const added = reading.added.flatMap((one) => {
    if (one.number !== number) return [one];
    return revealed(reading) && one.phase === "first read" ? [{ ...one, removed: now }] : [];
  });
  return { ...reading, added };
}

/**
 * The reader's own nodules that were not removed.
 * @param {Reading} reading
 */
export function own(reading) {
  return reading.added.filter((one) => !one.removed);
}

/**
 * The reading with time added to its phase and to the finding that was viewed.
 * @param {Reading} reading
 * @param {number} seconds
 * @param {number | null} finding that was viewed; null for none
 * @returns {Reading}
 */
export function spend(reading, seconds, finding) {
  const phase = revealed(reading) ? "with_marks" : "first_read";
  const what = phase === "first_read" ? "first read" : finding === null ? "searching" : String(finding);
  const times = { ...reading.seconds, looked: { ...reading.seconds.looked } };
  times.total = rounded(times.total + seconds);
  times[phase] = rounded(times[phase] + seconds);
  times.looked[what] = rounded((times.looked[what] ?? 0) + seconds);
  const decisions = reading.decisions.map((one) =>
    one.finding === finding ? { ...one, seconds: times.looked[what] } : one,
  );
  return { ...reading, seconds: times, decisions };
}

/** @param {Reading} reading @param {string} what */
function looked(reading, what) {
  return reading.seconds.looked[what] ?? 0;
}

/** @param {number} seconds */
function rounded(seconds) {
  return Math.round(seconds * 1000) / 1000;
}

/**
 * A LUNA16 submission: accepted and added nodules with probability 1, undecided ones with 0.5. Of
 * the first read: only the nodules that the reader added before the marks were shown.
 * @param {Reading} reading
 * @param {"final" | "first read"} which
 */
export function submission(reading, which) {
  const added = which === "final" ? own(reading) : reading.added.filter((one) => one.phase === "first read");
  const rows = added
    .map((one) => [reading.seriesuid, one.coordX, one.coordY, one.coordZ, 1]);
  for (const one of which === "final" ? reading.decisions : []) {
    const worth = WORTH[one.verdict];
    if (worth !== null) rows.push([reading.seriesuid, one.coordX, one.coordY, one.coordZ, worth]);
  }
  return [COLUMNS, ...rows].map((row) => `${row.join(",")}\n`).join("");
}

/**
 * A reading as text.
 * @param {Reading} reading
 */
export function toText(reading) {
  return `${JSON.stringify(reading, null, 2)}\n`;
}

/**
 * A reading of this case, from its text. Throws an Error with a sentence for the reader otherwise.
 * @param {string} text
 * @param {Case} shown
 * @returns {Reading}
 */
export function fromText(text, shown) {
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON. Choose a reading saved by this page.");
  }
  if (given?.kind !== KIND || given.format !== FORMAT) {
    throw new Error("This file is not a reading of luna16 view. Choose a .json saved by this page.");
  }
  if (given.seriesuid !== shown.seriesuid) {
    throw new Error(`This reading is of another scan (${String(given.seriesuid).slice(0, 80)}).`);
  }
  if (given.case !== shown.case) {
    throw new Error("This reading is of the same scan with other findings: its numbers do not match.");
  }
  if (!isWhole(given, shown)) {
    throw new Error("This reading is damaged: something in it is missing or of the wrong kind.");
  }
  return given;
}

/** @param {any} given @param {Case} shown */
function isWhole(given, shown) {
  const numbers = new Set(shown.findings.map((one) => one.number));
  /** @param {any} one */
  const placed = (one) => [one?.coordX, one?.coordY, one?.coordZ, one?.seconds].every(Number.isFinite);
  /** @param {any} value */
  const size = (value) => value === null || (Number.isFinite(value) && value > 0);
  const times = given.seconds ?? {};
  return (
    ["reader", "begun", "saved", "first_read_finished", "finished"].every((key) => typeof given[key] === "string") &&
    MODES.includes(given.mode) &&
    [times.total, times.first_read, times.with_marks].every(Number.isFinite) &&
    Object.values(times.looked ?? { none: null }).every(Number.isFinite) &&
    Array.isArray(given.decisions) &&
    given.decisions.every(
      (/** @type {any} */ one) => placed(one) && numbers.has(one.finding) && VERDICTS.includes(one.verdict),
    ) &&
    new Set(given.decisions.map((/** @type {any} */ one) => one.finding)).size === given.decisions.length &&
    Array.isArray(given.added) &&
    given.added.every(
      (/** @type {any} */ one) =>
        placed(one) && Number.isInteger(one.number) && size(one.diameter_mm) &&
        ["first read", "with marks"].includes(one.phase) &&
        typeof (one.removed ?? "") === "string",
    )
  );
}

/**
 * Expected false alarms per scan and sensitivity at a threshold: the lowest of the FROC's points at
 * or above it. null if the curve does not reach that far down.
 * @param {[number, number, number][]} points threshold, false alarms per scan, sensitivity; descending
 * @param {number} threshold
 * @returns {{alarms: number, sensitivity: number} | null}
 */
export function expected(points, threshold) {
  let found = { alarms: 0, sensitivity: 0 };
  if (!points.length || threshold < points[points.length - 1][0]) return null;
  for (const [from, alarms, sensitivity] of points) {
    if (from < threshold) break;
    found = { alarms, sensitivity };
  }
  return found;
}
