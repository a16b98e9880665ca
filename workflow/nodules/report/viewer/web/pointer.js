// Mouse actions on a plane: crosshair, window, pan, zoom, measure, slices.

/** @import {Triple} from "./types.js" */
/** @import {App} from "./app.js" */
/** @import {View} from "./view.js" */

/**
 * Left button: crosshair; with Alt: measure; with Shift, or middle button: pan. Right button: window.
 * Wheel: slices; with Ctrl: zoom.
 * @param {App} app
 * @param {View} view
 * @param {(index: Triple | null) => void} hover is called with the index under the pointer
 */
export function listen(app, view, hover) {
  const { canvas } = view;
  let doing = "";
  let last = [0, 0];
  let turned = 0;
  /** @param {MouseEvent} event */
  const index = (event) => view.indexAt(app.scene, event.offsetX, event.offsetY);

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("focus", () => app.toggle("plane", view.plane.name));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    last = [event.offsetX, event.offsetY];
    doing = event.button === 2 ? "window" : event.button === 1 || event.shiftKey ? "pan" : "move";
    if (doing !== "move") return;
    app.move(index(event), false);
    if (event.altKey && !app.measuring) app.measure();
  });
  canvas.addEventListener("pointermove", (event) => {
    hover(index(event));
    const [dx, dy] = [event.offsetX - last[0], event.offsetY - last[1]];
    const before = view.indexAt(app.scene, ...(/** @type {[number, number]} */ (last)));
    last = [event.offsetX, event.offsetY];
    if (doing === "move") app.move(index(event), false);
    if (doing === "window") app.setWindow(app.window.level + 2 * dy, app.window.width + 4 * dx);
    if (doing === "pan") {
      const now = index(event);
      app.pan(/** @type {Triple} */ (before.map((value, n) => value - now[n])));
    }
  });
  const end = (/** @type {PointerEvent} */ event) => {
    if (doing === "move" && event.altKey && app.measuring) app.measure();
    doing = "";
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      app.stir();
      if (event.ctrlKey) {
        app.magnify(event.deltaY < 0 ? 1.15 : 1 / 1.15, index(event));
        return;
      }
      // A notch of a mouse wheel is about 100; a touchpad sends many small steps.
      turned += event.deltaMode === 0 ? event.deltaY / 60 : event.deltaY;
      const steps = Math.trunc(turned);
      turned -= steps;
      if (steps) app.scroll(-steps, view.plane.name);
    },
    { passive: false },
  );
}
