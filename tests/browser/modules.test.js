// The page's modules that need no page. Run by test_scripts.py: node --test.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";

const web = new URL("../../workflow/nodules/report/viewer/web/", import.meta.url);
const [geometry, volumes, planes, windows, contours, readings, keys, spots] = await Promise.all(
  ["geometry", "volume", "planes", "windows", "contours", "reading", "keys", "spots"].map(
    (name) => import(new URL(`${name}.js`, web)),
  ),
);

const GRID = { origin: [10, -20, 30], axes: [0, 0.5, 0, -0.7, 0, 0, 0, 0, 2], shape: [5, 6, 7] };
const FINDING = { number: 3, x: 1, y: 2, z: 3, probability: 0.7, diameter_mm: 6 };
const SHOWN = {
  seriesuid: "1.2.3", case: "abc", threshold: 0.5, research: "Research only.",
  model: { name: "m", sha256: "s" }, findings: [FINDING, { ...FINDING, number: 4 }],
};
const begun = (mode = "concurrent") => readings.begin(SHOWN, "A", mode, "2026-01-01T00:00:00.000Z");

test("an index and its world point are each other's inverse on a turned grid", () => {
  assert.deepEqual(geometry.toWorld(GRID, [1, 0, 0]), [10, -20, 32]);
  assert.deepEqual(geometry.toWorld(GRID, [0, 0, 2]), [10, -21.4, 30]);
  const back = geometry.toIndex(GRID, geometry.toWorld(GRID, [1.25, 3.5, -2]));
  [1.25, 3.5, -2].forEach((value, n) => assert.ok(Math.abs(back[n] - value) < 1e-12));
});

test("the nearest voxel lies in the grid", () => {
  assert.deepEqual(geometry.nearest(GRID, [-3, 2.6, 99]), [0, 3, 6]);
  assert.ok(geometry.contains(GRID, [4.5, 0, -0.5]) && !geometry.contains(GRID, [4.6, 0, 0]));
});

test("differences are undone, also where they wrap around", async () => {
  const [height, width] = [3, 4];
  const wanted = Uint8Array.from({ length: 24 }, (_, n) => (n * 97) % 256);
  const coded = wanted.map((value, n) => {
    const [y, x] = [Math.floor(n / width) % height, n % width];
    return value - ((((x && wanted[n - 1]) + (y && wanted[n - width])) >> 1) & 255);
  });
  volumes.undoDifferences(coded, height, width);
  assert.deepEqual(coded, wanted);
});

test("a volume comes in pieces, whichever is there first", async () => {
  const spec = {
    name: "v", grid: { ...GRID, shape: [3, 1, 2] }, spacing: [1, 1, 1], levels: [-10, 0, 30],
    coding: "differences", depth: 2, pieces: 2, corner: [0, 0, 0], url: "",
  };
  const pieces = [[1, 0, 2, 255], [0, 1]].map((bytes) => new Uint8Array(gzipSync(Uint8Array.from(bytes))));
  const late = (n) => new Promise((done) => setTimeout(() => done(pieces[n]), n ? 0 : 20));
  const volume = await volumes.load(spec, late, () => {});
  assert.deepEqual([...volume.data], [1, 0, 2, 0, 0, 1]);
  assert.deepEqual(volume.hu([0, 0, 0]), { hu: 0, within: 15, bound: "" });
  assert.deepEqual(volume.hu([0, 0, 1]), { hu: -5, within: 0, bound: "≤" });
  assert.deepEqual(volume.hu([1, 0, 0]), { hu: 15, within: 0, bound: "≥" });
  assert.equal(volume.hu([3, 0, 0]), null);
});

test("each plane shows the voxels that its places say", () => {
  const shape = [3, 4, 5];
  const data = Uint8Array.from({ length: 60 }, (_, n) => n);
  const volume = { shape, data };
  for (const plane of Object.values(planes.PLANES)) {
    const at = [1, 2, 3];
    const levels = planes.picture(volume, plane, at[plane.axis]);
    const [width, height] = planes.size(plane, shape);
    assert.equal(levels.length, width * height);
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < width; u++) {
        const [z, y, x] = planes.fromPicture(plane, shape, [u + 0.5, v + 0.5], at);
        assert.equal(levels[v * width + u], (z * 4 + y) * 5 + x, `${plane.name} ${u} ${v}`);
        assert.deepEqual(planes.toPicture(plane, shape, [z, y, x]), [u + 0.5, v + 0.5]);
      }
    }
  }
});

test("a slab has as many slices on either side, and is the highest of them", () => {
  assert.deepEqual(planes.slab(10, 10, 2.5, 40), [8, 12]);
  assert.deepEqual(planes.slab(0, 10, 2.5, 40), [0, 2]);
  assert.deepEqual(planes.slab(7, 5, 5, 40), [7, 7]);
  assert.deepEqual(planes.slab(7, 0, 1, 40), [7, 7]);
  const volume = { shape: [3, 1, 2], data: Uint16Array.from([1, 9, 5, 2, 3, 3]) };
  assert.deepEqual([...planes.picture(volume, planes.PLANES.axial, 0, 2)], [5, 9]);
  assert.deepEqual([...volume.data], [1, 9, 5, 2, 3, 3], "the volume stays as it is");
  assert.equal(planes.brightest(volume, [2, 0, 0], 0, 2), 1);
  assert.equal(planes.brightest(volume, [2, 0, 1], 1, 2), 2, "only within the slab");
});

test("a window is black at its lower end, white at its upper one", () => {
  const lung = { level: -600, width: 1500 };
  assert.deepEqual([-1350, -600, 150, 400].map((hu) => windows.grey(lung, hu)), [0, 128, 255, 255]);
  assert.deepEqual([...windows.table(lung, [-2000, 900])], [0xff000000, 0xffffffff]);
});

test("the outline of a mask is its edges, in every plane", () => {
  const shape = [4, 5, 6];
  // Two voxels beside each other along x, at z 1, y 2, x 3 and 4.
  const mask = contours.unpack({ corner: [1, 2, 3], shape: [1, 1, 2], bits: btoa("\xc0") });
  const lengths = (plane, slice) =>
    contours.outline(mask, planes.PLANES[plane], shape, slice).length;
  assert.deepEqual([lengths("axial", 1), lengths("coronal", 2), lengths("sagittal", 3)], [6, 6, 4]);
  assert.equal(lengths("axial", 0), 0);
  const edges = contours.outline(mask, planes.PLANES.coronal, shape, 2);
  const rows = edges.flatMap(([, v0, , v1]) => [v0, v1]);
  assert.deepEqual([Math.min(...rows), Math.max(...rows)], [2, 3], "the head is up");
});

test("edges are joined into closed lines, each edge once", () => {
  const square = [[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 0, 1], [1, 0, 1, 1]];
  const other = square.map((edge) => edge.map((value) => value + 1)); // they touch at a corner
  for (const edges of [square, [...square, ...other]]) {
    const found = contours.lines(edges);
    const steps = found.flatMap((line) => line.slice(1).map((point, n) => [line[n], point]));
    assert.equal(steps.length, edges.length);
    assert.equal(new Set(steps.map((step) => String(step.sort()))).size, edges.length);
    for (const line of found) assert.deepEqual(line[0], line.at(-1));
  }
  assert.deepEqual(contours.lines([]), []);
});

test("a verdict given again is taken back", () => {
  const once = readings.decide(begun(), FINDING, "accept", "t");
  assert.equal(readings.decisionOn(once, 3).verdict, "accept");
  assert.equal(readings.decide(once, FINDING, "reject", "t").decisions.length, 1);
  assert.equal(readings.decide(once, FINDING, "accept", "t").decisions.length, 0);
  assert.equal(begun().decisions.length, 0);
});

test("time is counted for what was looked at", () => {
  let reading = readings.spend(begun("second reader"), 2, null);
  reading = readings.add(reading, [1, 2, 3], null, "t");
  assert.equal(reading.added[0].seconds, 2);
  reading = { ...reading, first_read_finished: "t" };
  reading = readings.decide(readings.spend(reading, 1.5, 3), FINDING, "reject", "t");
  reading = readings.spend(reading, 0.5, 3);
  assert.equal(reading.decisions[0].seconds, 2);
  assert.deepEqual(reading.seconds, {
    total: 4, first_read: 2, with_marks: 2, looked: { "first read": 2, 3: 2 },
  });
});

test("a submission holds what was accepted, added or left undecided", () => {
  let reading = readings.add(begun("second reader"), [9, 8, 7], 5, "t");
  reading = { ...reading, first_read_finished: "t" };
  reading = readings.add(reading, [6, 5, 4], null, "t");
  reading = readings.decide(reading, FINDING, "undecided", "t");
  reading = readings.decide(reading, SHOWN.findings[1], "reject", "t");
  const head = "seriesuid,coordX,coordY,coordZ,probability\n1.2.3,9,8,7,1\n";
  assert.equal(readings.submission(reading, "first read"), head);
  assert.equal(readings.submission(reading, "final"), `${head}1.2.3,6,5,4,1\n1.2.3,1,2,3,0.5\n`);
});

test("what is removed after the marks were seen stays in the first read", () => {
  let reading = readings.add(begun("second reader"), [9, 8, 7], 5, "t");
  reading = readings.add(reading, [1, 1, 1], null, "t");
  reading = readings.remove(reading, 2, "t");
  assert.equal(reading.added.length, 1, "a first read may change while it lasts");
  reading = readings.remove({ ...reading, first_read_finished: "t" }, 1, "later");
  assert.equal(reading.added[0].removed, "later");
  assert.deepEqual(readings.own(reading), []);
  const head = "seriesuid,coordX,coordY,coordZ,probability\n";
  assert.equal(readings.submission(reading, "final"), head);
  assert.equal(readings.submission(reading, "first read"), `${head}1.2.3,9,8,7,1\n`);
  assert.deepEqual(readings.fromText(readings.toText(reading), SHOWN), reading);
  const own = readings.add(reading, [6, 5, 4], null, "t");
  assert.deepEqual(readings.remove(own, 2, "t").added, reading.added);
});

test("a reading comes back as it was saved, and anything else is refused with a reason", () => {
  const reading = readings.add(readings.decide(begun(), FINDING, "accept", "t"), [1, 2, 3], null, "t");
  assert.deepEqual(readings.fromText(readings.toText(reading), SHOWN), reading);
  const refused = (change, reason) =>
    assert.throws(() => readings.fromText(JSON.stringify({ ...reading, ...change }), SHOWN), reason);
  assert.throws(() => readings.fromText("{", SHOWN), /not JSON/);
  assert.throws(() => readings.fromText("null", SHOWN), /not a reading/);
  refused({ kind: "other" }, /not a reading/);
  refused({ seriesuid: "1.2.4" }, /another scan/);
  refused({ case: "x" }, /other findings/);
  for (const change of [
    { decisions: [{ ...reading.decisions[0], verdict: "maybe" }] },
    { decisions: [{ ...reading.decisions[0], finding: 99 }] },
    { decisions: [reading.decisions[0], reading.decisions[0]] },
    { added: [{ ...reading.added[0], coordX: "1" }] },
    { added: [{ ...reading.added[0], removed: 7 }] }, { added: null }, { seconds: {} }, { mode: "other" }, { reader: 7 },
  ]) refused(change, /damaged/);
});

test("expected false alarms are those of the FROC's last point at or above the threshold", () => {
  const points = [[0.9, 0.1, 0.5], [0.6, 1, 0.8], [0.2, 8, 0.9]];
  assert.deepEqual(readings.expected(points, 0.95), { alarms: 0, sensitivity: 0 });
  assert.deepEqual(readings.expected(points, 0.6), { alarms: 1, sensitivity: 0.8 });
  assert.deepEqual(readings.expected(points, 0.21), { alarms: 1, sensitivity: 0.8 });
  assert.equal(readings.expected(points, 0.1), null);
});

test("no key means two things, and Shift makes another key of letters and names alone", () => {
  const all = keys.GROUPS.flatMap((group) => group.bindings.flatMap((one) => one.keys));
  assert.equal(new Set(all).size, all.length);
  const press = (key, more = {}) =>
    keys.actionOf({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });
  assert.equal(press("?", { shiftKey: true }), "help");
  assert.equal(press("W", { shiftKey: true }), "sliceUp5");
  assert.equal(press("A"), "accept", "with caps lock");
  assert.equal(press("a", { ctrlKey: true }), undefined);
  assert.equal(press("z", { metaKey: true }), "undo");
});

/** Lung with a ball of soft tissue; the slices are thicker than the pixels. */
function ball(centre, radiusMm) {
  const [shape, spacing] = [[12, 40, 40], [2, 0.8, 0.7]];
  const data = new Uint8Array(12 * 40 * 40);
  for (let z = 0, n = 0; z < 12; z++) {
    for (let y = 0; y < 40; y++) {
      for (let x = 0; x < 40; x++, n++) {
        const mm = Math.hypot(...[z, y, x].map((value, k) => (value - centre[k]) * spacing[k]));
        data[n] = mm <= radiusMm ? 1 : 0;
      }
    }
  }
  return { shape, spacing, data, levels: [-850, 30] };
}

for (const off of [[0, 4, 0], [1, 0, -5], [-1, -2, 3], [2, 1, 1]]) {
  test(`a crosshair ${off} voxels beside a small nodule finds its middle`, () => {
    const centre = [5, 20, 18];
    const found = spots.middle(ball(centre, 3), centre.map((value, n) => value + off[n]));
    found.forEach((value, n) => assert.ok(Math.abs(value - centre[n]) <= 1, `${found}`));
  });
}

test("where there is lung alone the crosshair stays", () => {
  assert.equal(spots.middle(ball([5, 20, 18], 3), [5, 5, 5]), null);
});

test("in a large nodule the crosshair is not led to its rim", () => {
  const found = spots.middle(ball([5, 20, 18], 9), [5, 22, 19]);
  assert.ok(Math.hypot(found[1] - 22, found[2] - 19) <= 2);
});
