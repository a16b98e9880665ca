// What each key does, for the key handler and for the help dialog.

/** keys: the browser's names, prefixed with "Ctrl+" and "Shift+". shown: "" leaves it out of the help.
 * @typedef {{keys: string[], shown: string, told: string, action: string}} Binding */

/** @type {{title: string, bindings: Binding[]}[]} */
export const GROUPS = [
  {
    title: "Findings",
    bindings: [
      { keys: ["j", "n"], shown: "J", told: "next finding", action: "next" },
      { keys: ["k", "p"], shown: "K", told: "previous finding", action: "previous" },
      { keys: ["a"], shown: "A", told: "accept", action: "accept" },
      { keys: ["r"], shown: "R", told: "reject", action: "reject" },
      { keys: ["u"], shown: "U", told: "undecided", action: "undecided" },
      { keys: ["Enter", "e"], shown: "Enter, E", told: "add a nodule at the crosshair", action: "add" },
      { keys: ["Delete", "Backspace"], shown: "Del", told: "remove your nodule at the crosshair", action: "remove" },
      { keys: ["z", "Ctrl+z"], shown: "Z", told: "undo", action: "undo" },
      { keys: ["f"], shown: "F", told: "finish the first read, then the reading", action: "finish" },
      { keys: ["s", "Ctrl+s"], shown: "S", told: "save as files", action: "save" },
    ],
  },
  {
    title: "Navigation",
    bindings: [
      { keys: ["PageUp", "w"], shown: "PgUp, W", told: "one slice up; with Shift five", action: "sliceUp" },
      { keys: ["PageDown", "x"], shown: "PgDn, X", told: "one slice down; with Shift five", action: "sliceDown" },
      { keys: ["Shift+PageUp", "Shift+w"], shown: "", told: "", action: "sliceUp5" },
      { keys: ["Shift+PageDown", "Shift+x"], shown: "", told: "", action: "sliceDown5" },
      { keys: ["Home"], shown: "Home, End", told: "first, last slice", action: "sliceFirst" },
      { keys: ["End"], shown: "", told: "", action: "sliceLast" },
      { keys: ["ArrowLeft"], shown: "Arrows", told: "move the crosshair; with Shift 5, with Ctrl 25 voxels", action: "left" },
      { keys: ["ArrowRight"], shown: "", told: "", action: "right" },
      { keys: ["ArrowUp"], shown: "", told: "", action: "up" },
      { keys: ["ArrowDown"], shown: "", told: "", action: "down" },
      { keys: ["Shift+ArrowLeft"], shown: "", told: "", action: "left5" },
      { keys: ["Shift+ArrowRight"], shown: "", told: "", action: "right5" },
      { keys: ["Shift+ArrowUp"], shown: "", told: "", action: "up5" },
      { keys: ["Shift+ArrowDown"], shown: "", told: "", action: "down5" },
      { keys: ["Ctrl+ArrowLeft"], shown: "", told: "", action: "left25" },
      { keys: ["Ctrl+ArrowRight"], shown: "", told: "", action: "right25" },
      { keys: ["Ctrl+ArrowUp"], shown: "", told: "", action: "up25" },
      { keys: ["Ctrl+ArrowDown"], shown: "", told: "", action: "down25" },
      { keys: ["v"], shown: "V", told: "next plane", action: "plane" },
      { keys: ["+", "="], shown: "+  −", told: "zoom in, out", action: "zoomIn" },
      { keys: ["-"], shown: "", told: "", action: "zoomOut" },
      { keys: ["b"], shown: "B", told: "crosshair to the middle of the bright spot", action: "snap" },
      { keys: ["c"], shown: "C", told: "centre the picture on the crosshair", action: "centre" },
      { keys: ["9"], shown: "9", told: "close-up at the crosshair", action: "close" },
      { keys: ["0"], shown: "0", told: "whole picture", action: "whole" },
    ],
  },
  {
    title: "Display",
    bindings: [
      { keys: ["1"], shown: "1 2 3 4", told: "lung, mediastinum, bone, narrow lung", action: "window1" },
      { keys: ["2"], shown: "", told: "", action: "window2" },
      { keys: ["3"], shown: "", told: "", action: "window3" },
      { keys: ["4"], shown: "", told: "", action: "window4" },
      { keys: ["m"], shown: "M", told: "slab maximum on and off", action: "mip" },
      { keys: ["["], shown: "[  ]", told: "thinner, thicker slab", action: "thinner" },
      { keys: ["]"], shown: "", told: "", action: "thicker" },
      { keys: ["h"], shown: "H", told: "hide marks", action: "hide" },
      { keys: ["o"], shown: "O", told: "marks of all findings, or of this one", action: "all" },
      { keys: ["g"], shown: "G", told: "where the network looked", action: "seen" },
      { keys: ["t"], shown: "T", told: "crosshair on and off", action: "crosshair" },
      { keys: ["i"], shown: "I", told: "smooth or single pixels", action: "smooth" },
      { keys: ["d"], shown: "D", told: "measure from here; again: to here", action: "measure" },
      { keys: ["Escape"], shown: "Esc", told: "remove the measurement", action: "clear" },
      { keys: ["?"], shown: "?", told: "this help", action: "help" },
    ],
  },
];

const BY_KEY = new Map(
  GROUPS.flatMap((group) => group.bindings.flatMap((one) => one.keys.map((key) => [key, one.action]))),
);

/**
 * The action of a key press; undefined if it has none.
 * @param {{key: string, shiftKey: boolean, ctrlKey: boolean, metaKey: boolean, altKey: boolean}} event
 * @returns {string | undefined}
 */
export function actionOf({ key, shiftKey, ctrlKey, metaKey, altKey }) {
  if (altKey) return undefined;
  const name = key.length === 1 ? key.toLowerCase() : key;
  const control = ctrlKey || metaKey ? "Ctrl+" : "";
  // Characters such as ? or + may themselves need Shift, so it counts for letters and named keys only.
  const shift = shiftKey && (key.length > 1 || /[a-z]/i.test(key)) ? "Shift+" : "";
  return BY_KEY.get(control + shift + name);
}
