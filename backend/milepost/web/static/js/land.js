/** The land outline: unpack once into unit-square rings, draw those in view. Format: static/data/README.md. */

import { unitX, unitY } from "./project.js";

/**
 * @typedef {{points: Float64Array, box: [number, number, number, number]}} Ring box: west, north, east, south (unit)
 * @param {{scale: number, rings: number[][]}} packed
 * @returns {Ring[]}
 */
export function unpack({ scale, rings }) {
  return rings.map((flat) => {
    const points = new Float64Array(flat.length);
    const box = /** @type {[number, number, number, number]} */ ([1, 1, 0, 0]);
    let lng = 0, lat = 0;
    for (let i = 0; i < flat.length; i += 2) {
      lng += flat[i];
      lat += flat[i + 1];
      const x = (points[i] = unitX(lng / scale)), y = (points[i + 1] = unitY(lat / scale));
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
    return { points, box };
  });
}

/**
 * @param {CanvasRenderingContext2D} g @param {import("./project.js").View} view
 * @param {Ring[]} rings @param {Record<string, string>} colours
 */
export function drawLand(g, view, rings, colours) {
  const { scale, ox, oy, width, height } = view;
  g.beginPath();
  for (const { points, box } of rings) {
    if (box[2] * scale < ox || box[0] * scale > ox + width || box[3] * scale < oy || box[1] * scale > oy + height) continue;
    if ((box[2] - box[0]) * scale < 1.5 && (box[3] - box[1]) * scale < 1.5) continue;
    for (let i = 0; i < points.length; i += 2) {
      const x = points[i] * scale - ox, y = points[i + 1] * scale - oy;
      if (i) g.lineTo(x, y);
      else g.moveTo(x, y);
    }
    g.closePath();
  }
  g.fillStyle = colours.land;
  g.fill("evenodd"); // lakes are rings inside their land
  g.strokeStyle = colours.silent;
  g.globalAlpha = 0.45;
  g.lineWidth = 1;
  g.stroke();
  g.globalAlpha = 1;
}

/** Degrees between two lines of the grid, so that they stand 120 to 300 pixels apart. @param {number} scale */
export function gridStep(scale) {
  const perPixel = 360 / scale;
  return [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005].find((step) => step / perPixel <= 300) ?? 0.005;
}
