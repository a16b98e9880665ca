// Starts the page: loads the voxels, creates state and views, and connects all controls.

/** @import {Case, Triple, VolumeSpec} from "./types.js" */
/** @import {Scene} from "./view.js" */
import { App, SLABS_MM } from "./app.js";
import { contains, distance, nearest, toIndex, toWorld } from "./geometry.js";
import * as dialogs from "./dialogs.js";
import { byId, made, shownNumber } from "./elements.js";
import { actionOf } from "./keys.js";
import { Panel } from "./panel.js";
import { PLANES } from "./planes.js";
import { listen } from "./pointer.js";
import { Store } from "./store.js";
import { View } from "./view.js";
import { fromBase64, load } from "./volume.js";
import { PRESETS, table } from "./windows.js";

const BEAT_MS = 1000;
const PRIOR_RING = "#56b4e9";
const NEAR_MM = 10; // within which the crosshair is at a finding
const READERS = ["accept", "reject", "undecided", "add", "remove", "undo", "finish", "save"]; // actions

/**
 * The stored bytes of a piece of a volume, from the page or from its server.
 * @param {VolumeSpec} spec
 * @param {number} piece
 */
async function fetchPiece(spec, piece) {
  if (spec.url) {
    const answer = await fetch(`${spec.url}/${piece}`);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }
  const element = byId(`${spec.name}-${piece}`);
  const bytes = fromBase64((element.textContent ?? "").trim());
  element.remove(); // the text is as large as the voxels
  return bytes;
}

/** @param {Case} shown */
async function open(shown) {
  const status = byId("status");
  const volume = await load(
    shown.volume,
    (piece) => fetchPiece(shown.volume, piece),
    (share) => (status.textContent = `Reading voxels: ${Math.round(100 * share)} %`),
  );
  const prior = shown.prior?.volume
    ? await load(shown.prior.volume, (piece) => fetchPiece(/** @type {VolumeSpec} */ (shown.prior?.volume), piece), () => {})
    : null;
  document.body.classList.toggle("with-prior", prior !== null);
  byId("prior-when").textContent = ["Prior", shown.prior?.when].filter(Boolean).join(" ");

  let asked = false;
  const changed = () => {
    if (!asked) requestAnimationFrame(drawAll);
    asked = true;
  };
  const tell = (/** @type {string} */ text) => (status.textContent = text);
  const complain = (/** @type {string} */ text) => {
    byId("problem").textContent = text;
    byId("problem").hidden = !text;
  };
  const store = new Store(shown, complain);
  const app = new App(shown, volume, store, changed, tell);
  const panel = new Panel(app);
  const views = Object.values(PLANES).map(
    (plane) => new View(/** @type {HTMLCanvasElement} */ (byId(plane.name)), plane, volume),
  );
  const priorView = prior && new View(/** @type {HTMLCanvasElement} */ (byId("prior")), PLANES.axial, prior);
  let pointer = /** @type {{index: Triple, view: View} | null} */ (null);
  // Zoomed in so that a selected finding fills a good part of a plane.
  app.closeUp = Math.max(views[0].canvas.height / views[0].fitted / 110, 1);

  function drawAll() {
    asked = false;
    const { scene } = app;
    for (const view of views) view.draw(scene);
    if (priorView) drawPrior(scene);
    panel.refresh();
    refreshControls();
    readout();
  }

  /** This scan's world point mapped to the prior's, by the affine map. @param {Triple} world @returns {Triple} */
  function affine(world) {
    const { matrix, offset } = shown.prior ?? { matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1], offset: [0, 0, 0] };
    const along = (/** @type {number} */ n) =>
      offset[n] + matrix[3 * n] * world[0] + matrix[3 * n + 1] * world[1] + matrix[3 * n + 2] * world[2];
    return [along(0), along(1), along(2)];
  }

  /** The prior's world point for one of this scan, exact at the selected finding if linked. @param {Triple} world */
  function inPrior(world) {
    const link = shown.prior?.links.find((one) => one.finding === app.selected);
    const finding = link && shown.findings.find((one) => one.number === link.finding);
    const moved = affine(world);
    if (!finding || !link) return moved;
    const there = affine([finding.x, finding.y, finding.z]); // off the link by what is not affine
    return /** @type {Triple} */ (moved.map((value, n) => value + link.at[n] - there[n]));
  }

  /** @param {Scene} scene */
  function drawPrior(scene) {
    if (!priorView || !prior) return;
    priorView.fit();
    const [at, centre] = [scene.at, scene.centre].map((index) =>
      toIndex(prior.grid, inPrior(toWorld(volume.grid, index))),
    );
    const zoom = (scene.zoom * views[0].fitted) / priorView.fitted;
    const link = shown.prior?.links.find((one) => one.finding === app.selected);
    const rings = link && link.mm !== null && !app.hidden
      ? [{ at: toIndex(prior.grid, link.at), colour: PRIOR_RING, mm: link.mm, label: "" }]
      : [];
    const own = { table: table(app.window, prior.levels), marks: [], rings, measured: null };
    priorView.draw({ ...scene, ...own, at: nearest(prior.grid, at), centre, zoom });
    // The finding's sentence is shown at the finding only, even if it stays selected elsewhere.
    const near = link && distance(link.at, toWorld(prior.grid, at)) <= Math.max(link.mm ?? 0, NEAR_MM);
    byId("prior-told").textContent =
      (near && link.told) || (contains(prior.grid, at) ? "the same place, by position" : "not covered by the prior scan");
  }

  function refreshControls() {
    const { reading } = app;
    const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (byId(id));
    if (document.activeElement !== byId("level")) input("level").value = String(app.window.level);
    if (document.activeElement !== byId("width")) input("width").value = String(app.window.width);
    input("slab").value = String(app.slabMm);
    input("opacity").value = String(app.opacity);
    input("all").checked = app.all;
    input("hide").checked = app.hidden;
    input("outlined").checked = app.outlined;
    for (const one of PRESETS) {
      const on = one.level === app.window.level && one.width === app.window.width;
      byId(`window${one.key}`).setAttribute("aria-pressed", String(on));
    }
    for (const name of Object.keys(PLANES)) byId(name).parentElement?.classList.toggle("active", name === app.plane);
    byId("who").textContent = reading ? reading.reader : "";
    const mode = reading?.mode === "concurrent" ? "Concurrent" : app.revealed ? "Second reader: marks shown" : "Second reader: first read, marks hidden";
    byId("mode").textContent = reading ? `${mode}${reading.finished ? ", finished" : ""}` : "";
    byId("finish-button").textContent = app.revealed ? "Finish (F)" : "Finish first read (F)";
    /** @type {HTMLButtonElement} */ (byId("finish-button")).disabled = !reading || reading.finished !== "";
  }

  function readout() {
    const pointed = pointer ? nearest(volume.grid, pointer.index) : app.at;
    const index = !pointer || pointer.view.plane === PLANES.axial ? app.seenIn(pointed) : pointed;
    const inside = !pointer || contains(volume.grid, pointer.index);
    const value = inside ? volume.hu(index) : null;
    const world = toWorld(volume.grid, index);
    const { corner, whole } = shown.volume; // slices are counted in the scan, not in what is shown of it
    const within = value && value.within > 1 ? ` ± ${value.within}` : "";
    const hu = value && `${value.bound && `${value.bound} `}${shownNumber(value.hu, 0)}${within}`;
    byId("hu").textContent = hu ? `${hu} HU` : "outside";
    byId("world").textContent = `${world.map((mm) => shownNumber(mm, 1)).join(", ")} mm`;
    byId("voxel").textContent = `slice ${index[0] + corner[0] + 1}`;
    for (const view of views) {
      const [first, last] = view.slices(app.scene);
      const { axis } = view.plane;
      const slab = last > first ? ` · max of ${last - first + 1}, ${shownNumber((last - first + 1) * volume.spacing[0], 1)} mm` : "";
      byId(`${view.plane.name}-told`).textContent = `${app.at[axis] + corner[axis] + 1} / ${whole[axis]}${slab}`;
    }
  }

  wireControls(app);
  dialogs.wireFiles(app);
  for (const view of views) listen(app, view, (index) => ((pointer = index && { index, view }), readout()));
  document.addEventListener("keydown", (event) => pressed(app, event));
  for (const name of ["pointermove", "keydown", "wheel"]) document.addEventListener(name, () => app.stir(), { passive: true });
  new ResizeObserver(changed).observe(byId("views"));
  document.addEventListener("visibilitychange", () => {
    app.count();
    if (app.reading) app.keep();
  });
  window.addEventListener("storage", (event) => {
    if (!app.reading || event.key !== store.key(app.reading.reader)) return;
    if (store.isOlder(event.newValue, app.reading)) return; // it was on its way when this tab took over
    app.leave(); // of two tabs the older would overwrite what the newer has decided
    dialogs.whoReads(app, "This reading goes on in another tab. Continue it to go on here.");
  });
  let beats = 0;
  setInterval(() => {
    if (!app.reading || app.reading.finished) return;
    app.count();
    app.keep(++beats % 30 === 0);
  }, BEAT_MS);

  drawAll();
  status.textContent = `Ready. ${shown.headline}.`;
  const at = () => toWorld(volume.grid, app.at);
  const priorAt = () => inPrior(at());
  Object.assign(window, { reader: { app, views, volume, prior: priorView, at, priorAt } }); // for whoever looks from outside
  document.body.dataset.ready = String(Math.round(performance.now()));
  if (shown.headline && !app.revealed) status.textContent = "Ready. ? shows all keys.";
  dialogs.start(app);
}

/** @param {App} app @param {KeyboardEvent} event */
function pressed(app, event) {
  if (dialogs.isOpen()) return;
  const target = /** @type {HTMLElement} */ (event.target);
  const kind = target instanceof HTMLInputElement ? target.type : target.tagName.toLowerCase();
  const writes = ["text", "number", "select"].includes(kind);
  if (writes && event.key !== "Escape") return;
  if (kind === "range" && event.key.length > 1) return; // arrows and the like move the slider
  if (["button", "checkbox", "summary"].includes(kind) && ["Enter", " "].includes(event.key)) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  if (writes) target.blur();
  run(app, action);
}

/** @param {App} app @param {string} action */
function run(app, action) {
  if (!app.reading && READERS.includes(action)) {
    app.tell("Nobody is reading yet.");
    dialogs.whoReads(app);
    return;
  }
  /** @type {Record<string, () => void>} */
  const own = {
    help: () => dialogs.help(),
    finish: () => dialogs.finish(app),
    save: () => dialogs.save(app),
    plane: () => {
      app.act("plane");
      byId(app.plane).focus();
    },
  };
  (own[action] ?? (() => app.act(action)))();
}

/** @param {App} app */
function wireControls(app) {
  /** @param {string} id @param {(input: HTMLInputElement) => void} answer @param {string} [name] */
  const on = (id, answer, name = "input") => {
    const input = /** @type {HTMLInputElement} */ (byId(id));
    input.addEventListener(name, () => answer(input));
  };
  byId("windows").append(
    ...PRESETS.map((one) => {
      const button = made("button", "", one.name);
      button.id = `window${one.key}`;
      button.title = `${one.name}: level ${one.level}, width ${one.width} HU (key ${one.key})`;
      button.addEventListener("click", () => app.setWindow(one.level, one.width));
      return button;
    }),
  );
  byId("slab").append(
    ...[0, ...SLABS_MM].map((mm) => {
      const option = made("option", "", mm ? `${mm} mm` : "off");
      option.value = String(mm);
      return option;
    }),
  );
  const free = () => {
    const [level, width] = ["level", "width"].map((id) => Number(/** @type {HTMLInputElement} */ (byId(id)).value));
    if (Number.isFinite(level) && width > 0) app.setWindow(level, width);
  };
  on("level", free);
  on("width", free);
  on("slab", (input) => app.setSlab(Number(input.value)));
  // After a choice by mouse the list would keep the keyboard focus; by keyboard the choice goes on.
  let byMouse = false;
  byId("slab").addEventListener("pointerdown", () => (byMouse = true));
  byId("slab").addEventListener("keydown", () => (byMouse = false));
  on("slab", () => byMouse && byId(app.plane).focus(), "change");
  on("opacity", (input) => {
    app.opacity = Number(input.value);
    app.changed();
  });
  on("threshold", (input) => {
    app.threshold = Number(input.value);
    app.changed();
  });
  on("all", (input) => app.toggle("all", input.checked));
  on("hide", (input) => app.toggle("hidden", input.checked));
  on("outlined", (input) => {
    app.outlined = input.checked;
    app.changed();
  });
  on("go-on", (input) => (app.goOn = input.checked));
  byId("outlined").closest("label")?.toggleAttribute("hidden", app.shown.outlines.length === 0);
  for (const element of document.querySelectorAll("[data-action]")) {
    element.addEventListener("click", () => run(app, /** @type {HTMLElement} */ (element).dataset.action ?? ""));
  }
}

const shown = /** @type {Case} */ (JSON.parse(byId("case").textContent ?? ""));
byId("uid").textContent = byId("uid").title = shown.seriesuid;
if (shown.save) {
  const link = /** @type {HTMLAnchorElement} */ (byId("worklist"));
  link.href = "../../"; // as server.py lays it out
  link.hidden = false;
}
byId("research").textContent = shown.research;
byId("trained").textContent = [shown.model.trained, shown.model.limits].filter(Boolean).join(" ");
byId("notes").replaceChildren(...shown.notes.map((note) => made("li", "", note)));
byId("malignancy").textContent = shown.malignancy;
open(shown).catch((error) => {
  byId("problem").hidden = false;
  byId("problem").textContent = `The scan cannot be shown (${error instanceof Error ? error.message : error}). Reload the page; if that does not help, make it again.`;
});
