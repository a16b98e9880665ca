// The dialogs: who reads and in which mode, help, finishing, saving, loading.

/** @import {Mode, Reading} from "./types.js" */
/** @import {App} from "./app.js" */
import { byId, made } from "./elements.js";
import { GROUPS } from "./keys.js";
import { fromText, own, submission, toText } from "./reading.js";

/** @param {string} id @returns {HTMLDialogElement} */
const dialog = (id) => byId(id);

/** Whether a dialog is open, which then gets all keys. */
export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** Close the start dialog and let the scan have the keys. */
function closeStart() {
  dialog("start").close();
  byId("axial").focus();
}

/** Ask who reads until there is an answer. @param {App} app */
export function start(app) {
  const box = dialog("start");
  box.addEventListener("cancel", (event) => event.preventDefault());
  // Browsers close a dialog at the second Escape in any case.
  box.addEventListener("close", () => {
    if (!app.reading) whoReads(app);
  });
  byId("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    beginAs(app, new FormData(/** @type {HTMLFormElement} */ (byId("start-form"))));
  });
  whoReads(app);
}

/** @param {App} app @param {string} [why] a sentence that says why the dialog opens */
export function whoReads(app, why = "") {
  for (const open of document.querySelectorAll("dialog[open]")) {
    if (open.id !== "start") /** @type {HTMLDialogElement} */ (open).close();
  }
  const box = dialog("start");
  if (!box.open) box.showModal();
  byId("reader").focus(); // not a button: who types a name would press it
  known(app, why);
}

/**
 * The readings that can be continued now, which the dialog then lists; null if they cannot be told.
 * @param {App} app
 * @param {string} [told] a sentence beside them
 */
async function known(app, told = "") {
  try {
    const begun = await app.store.all();
    byId("begun").replaceChildren(...begun.map((one) => made("li", "", "", [offered(app, one)])));
    byId("begun-title").hidden = begun.length === 0;
    byId("start-problem").textContent = told;
    return begun;
  } catch (error) {
    byId("start-problem").textContent = error instanceof Error ? error.message : String(error);
    return null;
  }
}

/** The button that continues a reading. @param {App} app @param {Reading} reading */
function offered(app, { reader, mode, decisions, finished, first_read_finished }) {
  const state = finished ? "finished" : first_read_finished ? `${decisions.length} decided` : "first read";
  const button = made("button", "", `Continue as ${reader}: ${state}, ${mode}`);
  button.type = "button";
  button.addEventListener("click", async () => {
    // Its latest state, since another tab or browser may have continued it.
    const latest = (await known(app))?.find((one) => one.reader === reader);
    if (!latest || app.reading) return;
    closeStart();
    app.goOnWith(latest);
  });
  return button;
}

/** Begin a reading, unless the reader already has one. @param {App} app @param {FormData} form */
async function beginAs(app, form) {
  const reader = String(form.get("reader")).trim();
  const begun = reader ? await known(app) : null;
  if (!begun || app.reading) return;
  if (begun.some((one) => one.reader === reader)) {
    byId("start-problem").textContent = `${reader} has already started a reading of this scan: continue it above, or use another name.`;
    return;
  }
  closeStart();
  app.begin(reader, /** @type {Mode} */ (String(form.get("mode"))));
}

export function help() {
  if (!byId("help-groups").children.length) {
    byId("help-groups").append(
      ...GROUPS.map((group) =>
        made("section", "", "", [
          made("h3", "", group.title),
          made(
            "dl",
            "",
            "",
            group.bindings
              .filter((one) => one.shown)
              .map((one) => made("div", "", "", [made("dt", "", one.shown), made("dd", "", one.told)])),
          ),
        ]),
      ),
    );
  }
  dialog("help").showModal();
}

/**
 * Ask before a step that cannot be undone, or while something is incomplete.
 * @param {{title: string, text: string, no: string, yes: string}} told
 * @param {() => void} then what follows a yes
 */
function confirm(told, then) {
  const box = dialog("finish");
  for (const [name, words] of Object.entries(told)) byId(`finish-${name}`).textContent = words;
  box.returnValue = "";
  box.onclose = () => {
    if (box.returnValue === "yes") then();
  };
  box.showModal();
}

/** @param {App} app */
export function finish(app) {
  const { reading } = app;
  if (!reading || reading.finished) {
    app.tell("This reading is finished. S saves it as files.");
    return;
  }
  const left = app.left.length;
  const title = app.revealed ? "Finish the reading?" : "Finish the first read?";
  const text = !app.revealed
    ? `The computer's marks are then shown, one at a time, and this cannot be undone. Your nodules so far: ${reading.added.length}.`
    : left
      ? `${left} of the ${app.listed.length} listed findings have no verdict: they count as not looked at.`
      : "Every listed finding has a verdict.";
  confirm({ title, text, no: "Not yet", yes: "Finish" }, () => app.finish());
}

/** @param {App} app */
export function save(app) {
  if (!app.reading) return;
  app.count();
  app.keep();
  byId("save-first").hidden = app.reading.mode === "concurrent";
  dialog("save").showModal();
}

/** Download a text as a file. @param {string} name @param {string} text @param {string} type */
function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** @param {Reading} reading */
function counts(reading) {
  const many = (/** @type {number} */ n, /** @type {string} */ what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  return `${many(reading.decisions.length, "verdict")} and ${many(own(reading).length, "added nodule")}`;
}

/**
 * Continue a reading from a file; ask first if a newer or another one is stored.
 * @param {App} app
 * @param {Reading} reading
 * @param {Reading} [kept] of the same reader
 */
function takeUp(app, reading, kept) {
  const load = () => {
    closeStart();
    app.goOnWith(reading);
    app.tell(`Loaded the reading of ${reading.reader}.`);
  };
  if (!kept || (kept.begun === reading.begun && kept.saved <= reading.saved)) {
    load();
    return;
  }
  const told = kept.begun === reading.begun ? "a later state of this reading" : "another reading";
  const text = `${told[0].toUpperCase()}${told.slice(1)} of ${reading.reader} is kept, with ${counts(kept)}. The file holds ${counts(reading)}.`;
  confirm({ title: "Replace the reading that is kept?", text, no: "Keep it", yes: "Replace it" }, load);
}

/** Connect the controls that save and load. @param {App} app */
export function wireFiles(app) {
  /** @param {string} ending */
  const name = (ending) => {
    const reader = (app.reading?.reader ?? "").replace(/[^\p{L}\p{N}]+/gu, "_").slice(0, 40);
    return `${app.shown.seriesuid.replace(/[^0-9A-Za-z.]+/g, "_").slice(0, 80)}_${reader}${ending}`;
  };
  byId("save-json").addEventListener("click", () => {
    if (app.reading) download(name(".json"), toText(app.reading), "application/json");
  });
  byId("save-csv").addEventListener("click", () => {
    if (app.reading) download(name(".csv"), submission(app.reading, "final"), "text/csv");
  });
  byId("save-first").addEventListener("click", () => {
    if (app.reading) download(name("_first_read.csv"), submission(app.reading, "first read"), "text/csv");
  });
  for (const id of ["load", "start-load"]) byId(id).addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async () => {
    const input = /** @type {HTMLInputElement} */ (byId("file"));
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    try {
      const reading = fromText(await file.text(), app.shown);
      for (const one of await app.store.served()) {
        if (one.reader !== reading.reader || one.begun === reading.begun) continue;
        throw new Error(`The server keeps another reading of ${one.reader}, with ${counts(one)}, and never replaces one by another. Continue that one, or move its file away. The file that you chose holds ${counts(reading)}.`);
      }
      const kept = (await app.store.all()).find((one) => one.reader === reading.reader);
      takeUp(app, reading, kept);
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error);
      byId("start-problem").textContent = told;
      app.tell(told);
    }
  });
}
