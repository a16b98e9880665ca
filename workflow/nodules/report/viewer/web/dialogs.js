// The dialogs: who reads and how, help, finishing, saving, loading.

/** @import {Mode, Reading} from "./types.js" */
/** @import {App} from "./app.js" */
import { byId, made } from "./elements.js";
import { GROUPS } from "./keys.js";
import { fromText, submission, toText } from "./reading.js";

/** @param {string} id @returns {HTMLDialogElement} */
const dialog = (id) => byId(id);

/** Whether a dialog is open, which then has the keys. */
export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** From here on the keys are for the scan. */
function closeStart() {
  dialog("start").close();
  byId("axial").focus();
}

/** @param {App} app @param {Reading[]} begun readings to go on with */
export function start(app, begun) {
  const readers = byId("begun");
  readers.replaceChildren(
    ...begun.slice(0, 6).map((reading) => {
      const decided = reading.decisions.length;
      const state = reading.finished ? "finished" : reading.first_read_finished ? `${decided} decided` : "first read";
      const button = made("button", "", `Continue as ${reading.reader}: ${state}, ${reading.mode}`);
      button.type = "button";
      button.addEventListener("click", () => {
        closeStart();
        app.goOnWith(reading);
      });
      return made("li", "", "", [button]);
    }),
  );
  byId("begun-title").hidden = begun.length === 0;
  dialog("start").addEventListener("cancel", (event) => event.preventDefault());
  byId("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (byId("start-form")));
    const reader = String(form.get("reader")).trim();
    if (!reader) return;
    const same = begun.find((one) => one.reader === reader);
    if (same) {
      byId("start-problem").textContent = `${reader} has already started a reading of this scan: continue it above, or use another name.`;
      return;
    }
    closeStart();
    app.begin(reader, /** @type {Mode} */ (String(form.get("mode"))));
  });
  dialog("start").showModal();
  /** @type {HTMLElement} */ (begun.length ? readers.querySelector("button") : byId("reader")).focus();
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

/** Ask before something that cannot be taken back, or is not complete. @param {App} app */
export function finish(app) {
  const { reading } = app;
  if (!reading || reading.finished) {
    app.tell("This reading is finished. S saves it as files.");
    return;
  }
  const left = app.left.length;
  byId("finish-title").textContent = app.revealed ? "Finish the reading?" : "Finish the first read?";
  byId("finish-text").textContent = !app.revealed
    ? `The computer's marks are then shown, one at a time, and this cannot be undone. Your nodules so far: ${reading.added.length}.`
    : left
      ? `${left} of the ${app.listed.length} listed findings have no verdict: they count as not looked at.`
      : "Every listed finding has a verdict.";
  const box = dialog("finish");
  box.returnValue = "";
  box.onclose = () => {
    if (box.returnValue === "yes") app.finish();
  };
  box.showModal();
}

/** @param {App} app */
export function save(app) {
  if (!app.reading) return;
  app.count();
  app.keep();
  byId("save-first").hidden = app.reading.mode === "concurrent";
  dialog("save").showModal();
}

/** Give a file to the reader. @param {string} name @param {string} text @param {string} type */
function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Wire what saves and loads. @param {App} app */
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
      closeStart();
      app.goOnWith(reading);
      app.tell(`Loaded the reading of ${reading.reader}.`);
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error);
      byId("start-problem").textContent = told;
      app.tell(told);
    }
  });
}
