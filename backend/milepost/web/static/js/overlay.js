/** What lies under the vehicles: graticule, sites with their fences, the trail of the chosen vehicle. Map-library free. */

import { drawLand, gridStep } from "./land.js";
import { latOf, lngOf, metresPerPixel, toScreen, unitX, unitY } from "./project.js";
import { text } from "./fleet_layer.js";

/**
 * @typedef {{id: string, name: string, kind: string, wx: number, wy: number, radius_m: number, lat: number,
 *            outline: [number, number][] | null}} Site
 * @param {{id: string, name: string, kind: string, shape: any}[]} list sites as the service sends them
 * @returns {Site[]}
 */
export function placeSites(list) {
  return list.map(({ id, name, kind, shape }) => {
    if (shape.type === "circle") {
      return { id, name, kind, lat: shape.lat, wx: unitX(shape.lon), wy: unitY(shape.lat), radius_m: shape.radius_m, outline: null };
    }
    const outline = shape.points.map(([lat, lon]) => /** @type {[number, number]} */ ([unitX(lon), unitY(lat)]));
    const mean = (i) => outline.reduce((sum, point) => sum + point[i], 0) / outline.length;
    return { id, name, kind, lat: shape.points[0][0], wx: mean(0), wy: mean(1), radius_m: 0, outline };
  });
}

/**
 * @param {CanvasRenderingContext2D} g @param {import("./project.js").View} view
 * @param {{land: import("./land.js").Ring[], sites: Site[], trail: {parts: Float64Array[], gaps: {from: number[], to: number[],
 *   words: string}[]} | null, colours: Record<string, string>, tiles: boolean}} what
 * @returns {{x: number, y: number, half: number, name: string, big: boolean}[]} stones drawn, with the names they want
 */
export function drawGround(g, view, { land, sites, trail, colours, tiles }) {
  if (!tiles) {
    g.fillStyle = colours.sea;
    g.fillRect(0, 0, view.width, view.height);
    drawLand(g, view, land, colours);
    drawGrid(g, view, colours);
  }
  const stones = sites.flatMap((site) => drawSite(g, view, site, colours));
  if (trail) drawTrail(g, view, trail, colours);
  return stones;
}

function drawGrid(g, view, colours) {
  const step = gridStep(view.scale);
  const west = lngOf(view.ox / view.scale), east = lngOf((view.ox + view.width) / view.scale);
  const north = latOf(view.oy / view.scale), south = latOf((view.oy + view.height) / view.scale);
  const digits = step < 1 ? Math.ceil(-Math.log10(step)) : 0;
  g.globalAlpha = 0.5;
  g.strokeStyle = colours.line;
  g.lineWidth = 1;
  g.beginPath();
  const names = [];
  for (let lng = Math.ceil(west / step) * step; lng < east; lng += step) {
    const x = Math.round(unitX(lng) * view.scale - view.ox) + 0.5;
    g.moveTo(x, 0);
    g.lineTo(x, view.height);
    names.push([`${lng.toFixed(digits)}°`, x + 4, view.height - 38, "left"]);
  }
  for (let lat = Math.ceil(south / step) * step; lat < north; lat += step) {
    const y = Math.round(unitY(lat) * view.scale - view.oy) + 0.5;
    g.moveTo(0, y);
    g.lineTo(view.width, y);
    names.push([`${lat.toFixed(digits)}°`, view.width - 4, y - 8, "right"]);
  }
  g.stroke();
  g.globalAlpha = 0.75;
  for (const [words, x, y, align] of names) {
    text(g, words, x, y, { weight: 400, px: 10, colour: colours.silent, font: colours.font, align });
  }
  g.globalAlpha = 1;
}

/** A fence of ours in accent, and the stone that every site stands under. */
function drawSite(g, view, site, colours) {
  const [x, y] = toScreen(view, site.wx, site.wy);
  const r = site.radius_m / metresPerPixel(site.lat, view.scale);
  const reach = Math.max(60, r);
  if (x < -reach || y < -reach || x > view.width + reach || y > view.height + reach) return [];
  g.beginPath();
  if (site.outline) {
    site.outline.forEach(([wx, wy], i) => {
      const [px, py] = toScreen(view, wx, wy);
      if (i) g.lineTo(px, py);
      else g.moveTo(px, py);
    });
    g.closePath();
  } else {
    g.arc(x, y, r, 0, 7);
  }
  g.globalAlpha = 0.55;
  g.fillStyle = colours.accent_weak;
  g.fill();
  g.globalAlpha = 1;
  g.strokeStyle = colours.accent;
  g.lineWidth = 1.25;
  if (r > 5 || site.outline) g.stroke();
  const big = site.kind === "hub" || site.kind === "origin" || site.kind === "terminal";
  const w = big ? 7 : 5, h = big ? 9 : 6;
  g.beginPath();
  g.roundRect(x - w, y - h, 2 * w, 2 * h, [w, w, 1.5, 1.5]);
  g.fillStyle = big ? colours.accent : colours.surface;
  g.fill();
  g.lineWidth = big ? 1.5 : 2;
  g.strokeStyle = big ? colours.surface : colours.accent;
  g.stroke();
  return [{ x, y, half: h, name: view.zoom >= (big ? 7 : 9) ? site.name : "", big }];
}

function drawTrail(g, view, trail, colours) {
  const path = (points) => {
    g.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = toScreen(view, points[i], points[i + 1]);
      if (i) g.lineTo(x, y);
      else g.moveTo(x, y);
    }
  };
  g.lineJoin = g.lineCap = "round";
  for (const [colour, width] of [[colours.land, 6], [colours.accent, 3]]) {
    g.strokeStyle = /** @type {string} */ (colour);
    g.lineWidth = /** @type {number} */ (width);
    for (const part of trail.parts) {
      path(part);
      g.stroke();
    }
  }
  g.lineCap = "butt";
  g.setLineDash([5, 4]); // dashed always means: not directly seen
  for (const gap of trail.gaps) {
    path([...gap.from, ...gap.to]);
    g.stroke();
  }
  g.setLineDash([]);
  for (const gap of trail.gaps) {
    const [ax, ay] = toScreen(view, gap.from[0], gap.from[1]), [bx, by] = toScreen(view, gap.to[0], gap.to[1]);
    if (Math.hypot(ax - bx, ay - by) < 40) continue;
    text(g, gap.words, (ax + bx) / 2 - 8, (ay + by) / 2 - 10, { weight: 400, px: 11, colour: colours.text_2, font: colours.font, align: "right", halo: colours.land });
  }
}

/**
 * Split a track where the tracker was silent. Pure.
 * @param {[number, number, number][]} points [t, lng, lat] in order of time, t in ms
 * @param {number} gap_ms longest silence that still counts as seen
 * @param {(ms: number) => string} words
 */
export function trailOf(points, gap_ms, words) {
  const parts = [], gaps = [];
  let part = [];
  let last = null;
  for (const [t, lng, lat] of points) {
    const here = [unitX(lng), unitY(lat)];
    if (last && t - last.t > gap_ms) {
      parts.push(Float64Array.from(part));
      gaps.push({ from: last.here, to: here, words: words(t - last.t) });
      part = [];
    }
    part.push(...here);
    last = { t, here };
  }
  if (part.length) parts.push(Float64Array.from(part));
  return { parts, gaps };
}

const NEAR_DEG = 0.06; // some 6 km

/**
 * Places of the sites within a few kilometres of one of these positions.
 * @param {Site[]} sites
 * @param {[number, number][]} positions lat, lng
 * @returns {[number, number][]} lat, lng
 */
export function sitesNear(sites, positions) {
  return sites
    .map((site) => /** @type {[number, number]} */ ([latOf(site.wy), lngOf(site.wx)]))
    .filter(([lat, lng]) => positions.some(([a, b]) => Math.abs(a - lat) < NEAR_DEG && Math.abs(b - lng) < NEAR_DEG));
}
