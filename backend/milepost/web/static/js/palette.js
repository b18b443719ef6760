/** The colours of tokens.css as a canvas needs them; read again when the theme changes. */

const NAMES = ["surface", "surface-2", "bg", "line", "text", "text-2", "accent", "accent-weak", "moving", "idling",
  "stopped", "silent", "alarm"];

/** @returns {Record<string, string>} */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = Object.fromEntries(NAMES.map((name) => [name.replace("-", "_"), read(name)]));
  return { ...colours, land: read("map-land"), sea: read("map-sea"), font: read("font") };
}

/** Call back when the system's or the page's theme changes. @param {() => void} callback */
export function onThemeChange(callback) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
  new MutationObserver(callback).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
