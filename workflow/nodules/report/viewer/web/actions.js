// What each action of keys.js does to the page's state; the page's own, such as dialogs, are in main.js.

/** @import {App} from "./app.js" */
import { toWorld } from "./geometry.js";
import { PLANES } from "./planes.js";
import { PRESETS } from "./windows.js";

/** @param {App} app @returns {Record<string, () => void>} */
export function actionsOf(app) {
  const planes = Object.keys(PLANES);
  const preset = (/** @type {number} */ n) => app.setWindow(PRESETS[n].level, PRESETS[n].width);
  return {
    next: () => app.step(1),
    previous: () => app.step(-1),
    accept: () => app.judge("accept"),
    reject: () => app.judge("reject"),
    undecided: () => app.judge("undecided"),
    add: () => app.add(),
    remove: () => app.remove(),
    undo: () => app.undo(),
    sliceUp: () => app.scroll(1),
    sliceDown: () => app.scroll(-1),
    sliceUp5: () => app.scroll(5),
    sliceDown5: () => app.scroll(-5),
    sliceFirst: () => app.scrollTo(0),
    sliceLast: () => app.scrollTo(1),
    left: () => app.nudge(-1, 0),
    right: () => app.nudge(1, 0),
    up: () => app.nudge(0, -1),
    down: () => app.nudge(0, 1),
    left5: () => app.nudge(-5, 0),
    right5: () => app.nudge(5, 0),
    up5: () => app.nudge(0, -5),
    down5: () => app.nudge(0, 5),
    left25: () => app.nudge(-25, 0),
    right25: () => app.nudge(25, 0),
    up25: () => app.nudge(0, -25),
    down25: () => app.nudge(0, 25),
    plane: () => app.toggle("plane", planes[(planes.indexOf(app.plane) + 1) % planes.length]),
    zoomIn: () => app.magnify(1.25),
    zoomOut: () => app.magnify(0.8),
    centre: () => app.goTo(toWorld(app.volume.grid, app.at), false),
    close: () => app.goTo(toWorld(app.volume.grid, app.at), true),
    snap: () => app.snap(),
    whole: () => app.whole(),
    window1: () => preset(0),
    window2: () => preset(1),
    window3: () => preset(2),
    window4: () => preset(3),
    mip: () => app.setSlab(app.slabMm ? 0 : app.lastSlab),
    thinner: () => app.thicken(-1),
    thicker: () => app.thicken(1),
    hide: () => app.toggle("hidden", !app.hidden),
    all: () => app.toggle("all", !app.all),
    seen: () => app.toggle("seen", !app.seen),
    crosshair: () => app.toggle("crosshair", !app.crosshair),
    smooth: () => app.toggle("smooth", !app.smooth),
    measure: () => app.measure(),
    clear: () => {
      app.measuring = false;
      app.toggle("measured", null);
    },
  };
}
