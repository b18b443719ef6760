/** Texts of this page's language, put into the page by the service. */

const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");

/** @param {string} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  const text = texts[key];
  if (text === undefined) throw new Error(`no text for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
