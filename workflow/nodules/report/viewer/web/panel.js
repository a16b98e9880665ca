// The side panel: the list of findings, details of the selected one, and the reader's own nodules.

/** @import {Finding} from "./types.js" */
/** @import {App} from "./app.js" */
import { WORDS } from "./app.js";
import { byId, made, shownNumber } from "./elements.js";
import { toIndex } from "./geometry.js";
import { expected } from "./reading.js";
import { PRESETS, table } from "./windows.js";
import { fromBase64 } from "./volume.js";

const THUMB_MM = 40;
const THUMB_PX = 96;
const SIGNS = { accept: "✓", reject: "✗", undecided: "?" };

export class Panel {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.list = byId("list");
    /** @type {Map<number, {row: HTMLElement, button: HTMLButtonElement, verdict: HTMLElement}>} */
    this.rows = new Map();
    this.drawn = "";
    this.told = "";
    this.own = "";
    this.shownSeen = "";
  }

  /** Update the panel to the app's state. */
  refresh() {
    const { app } = this;
    byId("hidden-marks").hidden = app.revealed;
    byId("findings").hidden = !app.revealed;
    if (app.revealed) {
      this.refreshThreshold();
      this.refreshList();
      this.refreshDetails();
    }
    this.refreshOwn();
  }

  refreshThreshold() {
    const { app } = this;
    const slider = byId("threshold");
    /** @type {HTMLInputElement} */ (slider).value = String(app.threshold);
    byId("threshold-told").textContent = app.threshold.toFixed(2);
    const { froc } = app.shown;
    const found = froc && expected(froc.points, app.threshold);
    const alarms = found
      ? `Expect about ${found.alarms.toFixed(found.alarms < 1 ? 2 : 1)} false positives per scan, with ${Math.round(100 * found.sensitivity)} % of nodules found (${froc.told}).`
      : froc
        ? `The number of false positives is not known this far down (${froc.told}).`
        : "The number of false positives to expect is not known: this page was given no FROC.";
    const count = app.shown.findings.length;
    byId("alarms").textContent = `${app.listed.length} of ${count} shown, ${app.left.length} left to judge. ${alarms}`;
  }

  refreshList() {
    const { app } = this;
    const { listed } = app;
    const key = listed.map((one) => one.number).join(" ");
    if (key !== this.drawn || !this.rows.size) {
      this.rows.clear();
      this.list.replaceChildren(...listed.map((one) => this.row(one)));
      this.drawn = key;
      byId("none").hidden = listed.length > 0;
    }
    for (const [number, { row, button, verdict }] of this.rows) {
      const said = app.verdict(number);
      const chosen = number === app.selected;
      row.dataset.verdict = said ?? "";
      verdict.textContent = said ? `${SIGNS[said]} ${WORDS[said]}` : "";
      if (button.getAttribute("aria-current") !== String(chosen)) {
        button.setAttribute("aria-current", String(chosen));
        if (chosen) row.scrollIntoView({ block: "nearest" });
      }
    }
  }

  /** @param {Finding} finding */
  row(finding) {
    const size = shownNumber(finding.diameter_mm, 1, "mm");
    const verdict = made("span", "verdict");
    const place = [finding.side, size].filter(Boolean).join(", ");
    const words = made("span", "words", "", [
      made("span", "title", `${finding.number}  ${place}`),
      made("span", "further", `confidence ${shownNumber(finding.confidence, 2)}${finding.malignancy === null ? "" : ` · malignancy ${shownNumber(finding.malignancy, 2)}`}`),
      verdict,
    ]);
    const bar = made("span", "bar");
    bar.style.setProperty("--share", String(finding.confidence));
    const button = made("button", "finding", "", [this.thumbnail(finding), words, bar]);
    button.type = "button";
    button.addEventListener("click", () => this.app.select(finding.number));
    const row = made("li", "", "", [button]);
    this.rows.set(finding.number, { row, button, verdict });
    return row;
  }

  /** The axial slice through a finding, by nearest neighbour. @param {Finding} finding */
  thumbnail(finding) {
    const { volume } = this.app;
    const [nz, ny, nx] = volume.shape;
    const at = toIndex(volume.grid, [finding.x, finding.y, finding.z]);
    const z = Math.min(Math.max(Math.round(at[0]), 0), nz - 1);
    const canvas = made("canvas", "thumb");
    canvas.width = canvas.height = THUMB_PX;
    canvas.setAttribute("aria-hidden", "true");
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = context.createImageData(THUMB_PX, THUMB_PX);
    const pixels = new Uint32Array(image.data.buffer);
    const greys = table(PRESETS[0], volume.levels);
    const step = THUMB_MM / THUMB_PX;
    for (let row = 0, n = 0; row < THUMB_PX; row++) {
      const y = Math.round(at[1] + ((row - THUMB_PX / 2) * step) / volume.spacing[1]);
      for (let column = 0; column < THUMB_PX; column++, n++) {
        const x = Math.round(at[2] + ((column - THUMB_PX / 2) * step) / volume.spacing[2]);
        const inside = y >= 0 && x >= 0 && y < ny && x < nx;
        pixels[n] = inside ? greys[volume.data[(z * ny + y) * nx + x]] : 0xff000000;
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  refreshDetails() {
    const { app } = this;
    const { finding } = app;
    byId("details").hidden = !finding;
    if (!finding) return;
    const verdict = app.verdict(finding.number);
    for (const name of Object.keys(SIGNS)) byId(name).setAttribute("aria-pressed", String(verdict === name));
    const own = app.ownAt(finding);
    byId("finding-title").textContent = `Finding ${finding.number}${own ? `, at your nodule +${own.number}` : ""}`;
    const told = `${finding.number}`;
    if (told !== this.told) {
      this.told = told;
      byId("numbers").replaceChildren(...this.numbers(finding));
      byId("malignancy").textContent = finding.malignancy === null ? "" : app.shown.malignancy;
      byId("seen-button").hidden = finding.seen === null;
    }
    this.refreshSeen(finding);
  }

  /** @param {Finding} finding */
  numbers(finding) {
    const axes = `${shownNumber(finding.long_mm, 1)} × ${shownNumber(finding.short_mm, 1, "mm")}`;
    const rows = [
      ["Confidence", shownNumber(finding.confidence, 2)],
      ["Probability", shownNumber(finding.probability, 3)],
      ["Diameter", shownNumber(finding.diameter_mm, 1, "mm")],
      ["Volume", shownNumber(finding.volume_mm3, 0, "mm³")],
      ...(finding.long_mm === null ? [] : [["Axes", axes]]),
      ...(finding.mean_hu === null ? [] : [["Mean", shownNumber(finding.mean_hu, 0, "HU")]]),
      ...(finding.malignancy === null ? [] : [["Malignancy", shownNumber(finding.malignancy, 2)]]),
    ];
    return rows.map(([name, value]) => made("div", "", "", [made("dt", "", name), made("dd", "", value)]));
  }

  /** @param {Finding} finding */
  refreshSeen(finding) {
    const shown = this.app.seen && finding.seen !== null;
    byId("seen").hidden = !shown;
    byId("seen-button").setAttribute("aria-expanded", String(shown));
    if (!shown || !finding.seen || this.shownSeen === this.told) return;
    this.shownSeen = this.told;
    const { px, told } = finding.seen;
    const [image, heat] = [fromBase64(finding.seen.image), fromBase64(finding.seen.heat)];
    const canvas = /** @type {HTMLCanvasElement} */ (byId("seen-picture"));
    canvas.width = canvas.height = px;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const pixels = context.createImageData(px, px);
    for (let n = 0; n < px * px; n++) {
      const share = heat[n] / 255;
      const warm = [255, 190 - 90 * share, 40];
      for (let c = 0; c < 3; c++) pixels.data[4 * n + c] = image[n] * (1 - 0.65 * share) + warm[c] * 0.65 * share;
      pixels.data[4 * n + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
    byId("seen-told").textContent = told;
  }

  refreshOwn() {
    const { app } = this;
    const added = app.own;
    const key = JSON.stringify(added);
    if (key === this.own) return;
    this.own = key;
    byId("own-title").textContent = `Your nodules (${added.length})`;
    byId("own").replaceChildren(
      ...added.map((one) => {
        const size = one.diameter_mm === null ? "" : `, ${one.diameter_mm.toFixed(1)} mm`;
        const place = [one.coordX, one.coordY, one.coordZ].map((mm) => shownNumber(mm, 1)).join(", ");
        const slice = Math.round(toIndex(app.volume.grid, [one.coordX, one.coordY, one.coordZ])[0]) + app.volume.spec.corner[0] + 1;
        const go = made("button", "go", `+${one.number}${size} · slice ${slice}${one.phase === "first read" ? "" : " · later"}`);
        go.title = `${place} mm, added in the ${one.phase === "first read" ? "first read" : "read with marks"}`;
        go.addEventListener("click", () => app.goTo([one.coordX, one.coordY, one.coordZ], true));
        const away = made("button", "away", "Remove");
        away.setAttribute("aria-label", `Remove your nodule ${one.number}`);
        away.addEventListener("click", () => app.remove(one.number));
        return made("li", "", "", [go, away]);
      }),
    );
  }
}
