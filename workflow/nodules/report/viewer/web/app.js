// The page's state and all changes to it. Nothing here touches lists or dialogs.

/** @import {Case, Finding, Mask, Mode, Reading, Triple, Verdict} from "./types.js" */
/** @import {Volume} from "./volume.js" */
/** @import {Mark, Ring, Scene} from "./view.js" */
/** @import {Store} from "./store.js" */
import { actionsOf } from "./actions.js";
import { unpack } from "./contours.js";
import { contains, distance, nearest, toIndex, toWorld } from "./geometry.js";
import * as readings from "./reading.js";
import { PRESETS, table } from "./windows.js";
import { brightest, PLANES, slab } from "./planes.js";
import { middle } from "./spots.js";

export const SLABS_MM = [5, 10, 15];
export const WORDS = { accept: "accepted", reject: "rejected", undecided: "undecided" };
const FINDING = { colour: "#56b4e9", dash: [], width: 1.75 };
const OUTLINE = { colour: "#f0a830", dash: [4, 3], width: 1.5 };
const OWN = "#ff9ecb";
const CLOSE_UP = 60; // mm that a plane shows, about, when a finding is gone to
const IDLE_S = 60; // after so long without a key or a mouse nobody may be looking
const SAME_MM = 5; // two places within are one nodule's, as luna16 view --summary has it
const FAR = 200; // steps of undoing that are kept

export class App {
  /**
   * @param {Case} shown
   * @param {Volume} volume
   * @param {Store} store
   * @param {() => void} changed called when what is shown has changed
   * @param {(text: string) => void} tell shows the reader a sentence
   */
  constructor(shown, volume, store, changed, tell) {
    this.shown = shown;
    this.volume = volume;
    this.store = store;
    this.changed = changed;
    this.tell = tell;
    /** @type {Map<number, Mask>} */
    this.masks = new Map();
    for (const one of shown.findings) if (one.mask) this.masks.set(one.number, unpack(one.mask));
    this.outlines = shown.outlines.map((one) => ({ name: one.name, mask: unpack(one.mask) }));
    this.centre = /** @type {Triple} */ (volume.shape.map((n) => (n - 1) / 2));
    this.at = nearest(volume.grid, this.centre);
    this.zoom = 1;
    this.closeUp = 1;
    /** @type {[Triple, Triple] | null} */
    this.measured = null;
    this.slabMm = 0;
    this.lastSlab = 10;
    this.window = { level: PRESETS[0].level, width: PRESETS[0].width };
    this.threshold = shown.threshold;
    this.opacity = 0.9;
    this.hidden = false;
    this.all = false;
    this.outlined = false;
    this.crosshair = true;
    this.smooth = true;
    this.goOn = true;
    this.plane = "axial";
    this.selected = /** @type {number | null} */ (null);
    this.measuring = false;
    this.seen = false;
    this.reading = /** @type {Reading | null} */ (null);
    /** @type {{reading: Reading, selected: number | null}[]} */
    this.history = [];
    this.stirred = performance.now();
    this.counted = performance.now();
    this.retable();
  }

  retable() {
    this.table = table(this.window, this.volume.levels);
    this.tableKey = `${this.window.level} ${this.window.width}`;
  }

  // What there is

  /** Whether the computer's marks may be shown. */
  get revealed() {
    return this.reading !== null && readings.revealed(this.reading);
  }

  /** Findings at or above the threshold, the most probable first. @returns {Finding[]} */
  get listed() {
    if (!this.revealed) return [];
    return this.shown.findings.filter((one) => one.probability >= this.threshold);
  }

  /** @returns {Finding | undefined} */
  get finding() {
    return this.revealed ? this.shown.findings.find((one) => one.number === this.selected) : undefined;
  }

  /** @param {number} number @returns {Verdict | undefined} */
  verdict(number) {
    return this.reading ? readings.decisionOn(this.reading, number)?.verdict : undefined;
  }

  /** The reader's own nodules. */
  get own() {
    return this.reading ? readings.own(this.reading) : [];
  }

  /** Listed findings without a verdict. */
  get left() {
    return this.listed.filter((one) => this.verdict(one.number) === undefined);
  }

  /** @returns {Scene} */
  get scene() {
    return {
      at: this.at,
      centre: this.centre,
      zoom: this.zoom,
      slabMm: this.slabMm,
      table: /** @type {Uint32Array} */ (this.table),
      tableKey: this.tableKey ?? "",
      smooth: this.smooth,
      crosshair: this.crosshair,
      opacity: this.opacity,
      marks: this.hidden ? [] : this.marks,
      rings: this.hidden ? [] : this.rings,
      measured: this.measured,
    };
  }

  /** @returns {Mark[]} */
  get marks() {
    const shown = this.all ? this.listed : this.listed.filter((one) => one.number === this.selected);
    const own = shown.flatMap((one) => {
      const mask = this.masks.get(one.number);
      return mask ? [{ mask, ...FINDING }] : [];
    });
    const others = this.outlined && this.revealed ? this.outlines : [];
    return [...others.map(({ mask }) => ({ mask, ...OUTLINE })), ...own];
  }

  /** @returns {Ring[]} */
  get rings() {
    const added = this.own.map((one) => ({
      at: toIndex(this.volume.grid, [one.coordX, one.coordY, one.coordZ]),
      colour: OWN,
      mm: one.diameter_mm ?? 6,
      label: `+${one.number}`,
    }));
    const shown = this.all ? this.listed : this.listed.filter((one) => one.number === this.selected);
    const bare = shown.filter((one) => !this.masks.has(one.number));
    const rings = bare.map((one) => ({
      at: toIndex(this.volume.grid, [one.x, one.y, one.z]),
      colour: FINDING.colour,
      mm: one.diameter_mm ?? 6,
      label: String(one.number),
    }));
    return [...rings, ...added];
  }

  // The reading

  /** @param {string} reader @param {Mode} mode */
  begin(reader, mode) {
    this.goOnWith(readings.begin(this.shown, reader, mode, new Date().toISOString()));
  }

  /** @param {Reading} reading */
  goOnWith(reading) {
    this.reading = reading;
    this.history = [];
    this.counted = this.stirred = performance.now();
    this.selected = null;
    this.keep();
    if (this.revealed && this.listed.length) this.select((this.left[0] ?? this.listed[0]).number);
    this.changed();
  }

  /** Leave the reading, which stays stored. */
  leave() {
    this.reading = null;
    this.history = [];
    this.selected = null;
    this.changed();
  }

  /** Store the reading in its current state. @param {boolean} sent whether to send it to the server, too */
  keep(sent = true) {
    if (!this.reading) return;
    this.reading = { ...this.reading, saved: new Date().toISOString() };
    this.store.keep(this.reading);
    if (sent) this.store.send(this.reading);
  }

  /** Count the time since the last call, except after IDLE_S without any input. */
  count() {
    const now = performance.now();
    const until = Math.min(now, this.stirred + 1000 * IDLE_S);
    const seconds = (until - this.counted) / 1000;
    this.counted = now;
    if (!this.reading || this.reading.finished || document.hidden || seconds <= 0) return;
    this.reading = readings.spend(this.reading, seconds, this.finding?.number ?? null);
  }

  stir() {
    this.stirred = performance.now();
  }

  /** @param {(reading: Reading) => Reading} change */
  decide(change) {
    if (!this.reading) return;
    this.count();
    this.history.push({ reading: this.reading, selected: this.selected });
    this.history.splice(0, this.history.length - FAR);
    this.reading = change({ ...this.reading, finished: "" }); // who changes one reads again
    this.keep();
  }

  /** @param {Verdict} verdict */
  judge(verdict) {
    const { finding } = this;
    if (!finding) {
      this.tell(this.revealed ? "No finding is selected: J goes to the next." : "Marks are hidden in the first read.");
      return;
    }
    const again = this.verdict(finding.number) === verdict;
    this.decide((reading) => readings.decide(reading, finding, verdict, new Date().toISOString()));
    const told = again ? "verdict withdrawn" : WORDS[verdict];
    const { left } = this;
    this.tell(`Finding ${finding.number}: ${told}. ${left.length ? `${left.length} left.` : "None left: F finishes."}`);
    if (!again && this.goOn && left.length) {
      const behind = this.listed.slice(this.listed.indexOf(finding) + 1);
      this.select((behind.find((one) => left.includes(one)) ?? left[0]).number);
    }
    this.changed();
  }

  add() {
    if (!this.reading) return;
    const mm = this.measuredHere;
    this.at = this.seenAt;
    const world = toWorld(this.volume.grid, this.at);
    this.decide((reading) => readings.add(reading, world, mm, new Date().toISOString()));
    const size = mm === null ? "" : ` of ${mm.toFixed(1)} mm`;
    this.tell(`Nodule${size} added at ${world.map((one) => one.toFixed(1)).join(", ")} mm.`);
    this.measured = null;
    this.measuring = false;
    this.changed();
  }

  /** The voxel that the axial plane shows at the crosshair. */
  get seenAt() {
    return this.seenIn(this.at);
  }

  /** The voxel that the axial plane shows at an index: with a slab, in the slice of its maximum.
   * @param {Triple} index @returns {Triple} */
  seenIn(index) {
    if (!this.slabMm) return index;
    const { shape, spacing } = this.volume;
    const [first, last] = slab(index[0], this.slabMm, spacing[0], shape[0]);
    return [brightest(this.volume, index, first, last), index[1], index[2]];
  }

  /** Move the crosshair to the middle of the bright spot at it. */
  snap() {
    const found = middle(this.volume, this.seenAt);
    if (!found) {
      this.tell("No bright spot has its middle within 8 mm of the crosshair.");
      return;
    }
    const [from, to] = [this.at, found].map((one) => toWorld(this.volume.grid, one));
    this.tell(`The crosshair moved ${distance(from, to).toFixed(1)} mm to the middle of the bright spot.`);
    this.move(found);
  }

  /** The reader's own nodule at a finding, if there is one. @param {Finding} finding */
  ownAt(finding) {
    const mm = Math.max((finding.diameter_mm ?? 0) / 2, SAME_MM);
    return this.own.find(
      (one) => distance([finding.x, finding.y, finding.z], [one.coordX, one.coordY, one.coordZ]) <= mm,
    );
  }

  /** The measured distance in mm; null unless the crosshair is near what was measured. */
  get measuredHere() {
    if (!this.measured) return null;
    const [from, to, at] = [...this.measured, this.at].map((one) => toWorld(this.volume.grid, one));
    const mm = distance(from, to);
    return mm > 0 && Math.min(distance(from, at), distance(to, at)) <= mm ? mm : null;
  }

  /** Remove one of the reader's own nodules, by number or else the one at the crosshair.
   * @param {number} [number] */
  remove(number) {
    const world = toWorld(this.volume.grid, this.at);
    const near = this.own
      .map((one) => ({ one, mm: distance(world, [one.coordX, one.coordY, one.coordZ]) }))
      .filter(({ one, mm }) => (number === undefined ? mm <= Math.max(one.diameter_mm ?? 0, 10) : one.number === number))
      .sort((one, other) => one.mm - other.mm)[0];
    if (!near) {
      this.tell("None of your nodules is at the crosshair.");
      return;
    }
    this.decide((reading) => readings.remove(reading, near.one.number, new Date().toISOString()));
    this.tell(`Your nodule ${near.one.number} was removed; Z undoes this.`);
    this.changed();
  }

  undo() {
    const last = this.history.pop();
    if (!last || !this.reading) {
      this.tell("Nothing to undo.");
      return;
    }
    this.count();
    const { decisions, added, finished } = last.reading;
    this.reading = { ...this.reading, decisions, added, finished };
    this.keep();
    if (last.selected !== null) this.select(last.selected);
    this.tell("Undone.");
    this.changed();
  }

  /** Finish the first read or, after it, the reading. */
  finish() {
    if (!this.reading) return;
    this.count();
    const now = new Date().toISOString();
    if (!this.revealed) {
      this.reading = { ...this.reading, first_read_finished: now };
      this.history = []; // who has seen the marks cannot go back to a first read
      this.keep();
      const { listed } = this;
      if (listed.length) this.select(listed[0].number);
      this.tell(listed.length ? `First read finished: ${listed.length} marks to judge.` : "First read finished: no marks.");
    } else if (!this.reading.finished) {
      this.decide((reading) => ({ ...reading, finished: now }));
      this.tell("Reading finished. S saves it as files.");
    }
    this.changed();
  }

  // Moving

  /** @param {number} number */
  select(number) {
    const finding = this.shown.findings.find((one) => one.number === number);
    if (!finding || !this.revealed) return;
    this.count();
    this.selected = number;
    this.seen = false;
    this.goTo([finding.x, finding.y, finding.z], true);
  }

  /** @param {Triple} world mm @param {boolean} close whether to zoom in */
  goTo(world, close) {
    const index = toIndex(this.volume.grid, world);
    this.at = nearest(this.volume.grid, index);
    if (!contains(this.volume.grid, index)) this.tell("This place is outside what is shown.");
    if (close) this.zoom = Math.max(this.zoom, this.closeUp);
    this.centre = /** @type {Triple} */ ([...this.at]);
    this.changed();
  }

  /** @param {number} by 1 for the next finding in the list, -1 for the previous one */
  step(by) {
    const { listed } = this;
    if (!listed.length) {
      this.tell(this.revealed ? "No finding is listed." : "Marks are hidden until the first read is finished (F).");
      return;
    }
    const place = listed.findIndex((one) => one.number === this.selected);
    const next = place < 0 ? (by > 0 ? 0 : listed.length - 1) : place + by;
    if (next < 0 || next >= listed.length) {
      this.tell(by > 0 ? "That was the last finding on the list." : "This is the first finding on the list.");
      return;
    }
    this.select(listed[next].number);
    const said = this.verdict(listed[next].number);
    this.tell(`Finding ${listed[next].number}, ${next + 1} of ${listed.length}${said ? `: ${WORDS[said]}` : ""}.`);
  }

  /** @param {Triple} index that the crosshair moves to, rounded @param {boolean} keptInView */
  move(index, keptInView = true) {
    this.at = nearest(this.volume.grid, index);
    if (keptInView) this.follow();
    if (this.measuring && this.measured) this.measured = [this.measured[0], this.at];
    this.changed();
  }

  /** Move the centre so that the crosshair does not leave a close-up. */
  follow() {
    const mm = (CLOSE_UP / 2) * (this.closeUp / this.zoom);
    this.centre = /** @type {Triple} */ (
      this.centre.map((value, axis) => {
        const most = mm / this.volume.spacing[axis];
        const free = this.zoom <= 1.05;
        return free ? value : Math.min(Math.max(value, this.at[axis] - most), this.at[axis] + most);
      })
    );
  }

  /** @param {number} voxels to the right @param {number} rows down, in the plane at hand */
  nudge(voxels, rows) {
    const { across, down, flipped } = PLANES[this.plane];
    const index = /** @type {Triple} */ ([...this.at]);
    index[across] += voxels;
    index[down] += flipped ? -rows : rows;
    this.move(index);
  }

  /** @param {number} slices towards the head, the front or the patient's right @param {string} plane */
  scroll(slices, plane = this.plane) {
    const { axis } = PLANES[plane];
    const index = /** @type {Triple} */ ([...this.at]);
    index[axis] += axis === 0 ? slices : -slices;
    this.move(index);
  }

  /** @param {number} end 0 for the first slice, 1 for the last */
  scrollTo(end) {
    const { axis } = PLANES[this.plane];
    const index = /** @type {Triple} */ ([...this.at]);
    index[axis] = end * (this.volume.shape[axis] - 1);
    this.move(index);
  }

  /** @param {number} factor @param {Triple} [fixed] index that stays where it is */
  magnify(factor, fixed = this.at) {
    const zoom = Math.min(Math.max(this.zoom * factor, 0.5), 40);
    const kept = this.zoom / zoom;
    this.centre = /** @type {Triple} */ (this.centre.map((value, n) => fixed[n] + (value - fixed[n]) * kept));
    this.zoom = zoom;
    this.changed();
  }

  /** @param {Triple} by voxels */
  pan(by) {
    this.centre = /** @type {Triple} */ (this.centre.map((value, n) => value + by[n]));
    this.changed();
  }

  whole() {
    this.zoom = 1;
    this.centre = /** @type {Triple} */ (this.volume.shape.map((n) => (n - 1) / 2));
    this.changed();
  }

  // Looking

  /** @param {number} level @param {number} width */
  setWindow(level, width) {
    this.window = { level: Math.round(level), width: Math.max(Math.round(width), 1) };
    this.retable();
    this.changed();
  }

  /** @param {number} mm 0 for single slices */
  setSlab(mm) {
    if (mm) this.lastSlab = mm;
    this.slabMm = mm;
    this.changed();
  }

  /** @param {number} by */
  thicken(by) {
    const place = SLABS_MM.indexOf(this.lastSlab) + by;
    this.setSlab(SLABS_MM[Math.min(Math.max(place, 0), SLABS_MM.length - 1)]);
  }

  measure() {
    if (this.measuring) {
      this.measuring = false;
      // The crosshair goes to the middle of the measured line, where E adds a nodule of this size.
      if (this.measured) {
        const [from, to] = this.measured;
        this.move(/** @type {Triple} */ (from.map((value, n) => (value + to[n]) / 2)));
      }
      const mm = this.measuredHere;
      this.tell(mm === null ? "Nothing measured." : `${mm.toFixed(1)} mm. E adds a nodule of this diameter.`);
    } else {
      this.measuring = true;
      this.measured = [this.at, this.at];
      this.tell("Move the crosshair, then press D again.");
    }
    this.changed();
  }

  /** @param {string} action of keys.js; those that are the page's own do nothing here */
  act(action) {
    actionsOf(this)[action]?.();
  }

  /** @param {"plane" | "hidden" | "all" | "seen" | "crosshair" | "smooth" | "measured"} what @param {any} value */
  toggle(what, value) {
    Object.assign(this, { [what]: value });
    this.changed();
  }
}
