// Helpers for the page's elements. Text from data is only ever inserted as text, never as HTML.

/**
 * The element with an id, which must exist.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/**
 * A new element with a class, text and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [kind] class
 * @param {string} [text]
 * @param {Node[]} [held]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function made(tag, kind = "", text = "", held = []) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  element.append(...held);
  return element;
}

/**
 * A number with a fixed number of decimals; a dash if it is unknown.
 * @param {number | null | undefined} value
 * @param {number} decimals
 * @param {string} [unit]
 */
export function shownNumber(value, decimals, unit = "") {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toFixed(decimals).replace("-", "−");
  return unit ? `${text} ${unit}` : text;
}
