// Small help with the page's elements. Text from data only ever goes in as text.

/**
 * The element of an id, which is there.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/**
 * A new element with a class and text, holding others.
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
 * A number with so many decimals, a dash for what is not known.
 * @param {number | null | undefined} value
 * @param {number} decimals
 * @param {string} [unit]
 */
export function shownNumber(value, decimals, unit = "") {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toFixed(decimals).replace("-", "−");
  return unit ? `${text} ${unit}` : text;
}
