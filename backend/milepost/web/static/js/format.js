/** Ages, speeds and directions as people read them. Pure; the same steps as web/formats.py. */

/** @param {number} ms @returns {string} `3 s`, `4 min`, `2 h`, `5 d` */
export function age(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s >= 86400) return `${Math.floor(s / 86400)} d`;
  if (s >= 3600) return `${Math.floor(s / 3600)} h`;
  if (s >= 60) return `${Math.floor(s / 60)} min`;
  return `${s} s`;
}

/** @param {number} mps metres per second @returns {string} km/h without a unit, `–` when unknown */
export const kmh = (mps) => (Number.isNaN(mps) ? "–" : String(Math.round(mps * 3.6)));

/** @param {number} deg @param {string} names eight names, clockwise from north, with spaces between */
export const compass = (deg, names) => (Number.isNaN(deg) ? "–" : names.split(" ")[Math.round(deg / 45) % 8]);
