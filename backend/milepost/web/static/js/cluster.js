/**
 * Which vehicles are drawn one by one and which as a cluster: one pass over a grid that stands still in the world. Pure.
 */

import { LIVE, OFFLINE, STALE, STOPPED, IDLING, MOVING } from "./store.js";

/** Cells of the grid, CSS pixels. */
export const CELL = 56;
/** From this zoom on nothing is clustered. */
export const SINGLE_ZOOM = 14;

/** Kinds in the order of a cluster's ring: the worst last, so that it is drawn on top. */
export const KINDS = ["moving", "idling", "stopped", "silent", "alarm"];

/**
 * @typedef {{x: number, y: number, n: number, kinds: number[], slots: number[], worst: string}} Cluster
 * @typedef {{singles: {slot: number, x: number, y: number}[], clusters: Cluster[]}} Layout
 */

/** Index into KINDS of a vehicle. @param {import("./store.js").FleetStore} store @param {number} slot */
export function kindOf(store, slot) {
  if (store.alarm[slot]) return 4;
  if (store.contact[slot] !== LIVE) return 3;
  return store.motion[slot] === MOVING ? 0 : store.motion[slot] === IDLING ? 1 : 2;
}

/** Who is painted over whom: alarm, chosen, moving, idling, stopped, stale, offline. */
function depth(store, slot, chosen) {
  if (store.alarm[slot]) return 6;
  if (slot === chosen) return 5;
  if (store.contact[slot] === OFFLINE) return 0;
  if (store.contact[slot] === STALE) return 1;
  return store.motion[slot] === STOPPED ? 2 : store.motion[slot] === IDLING ? 3 : 4;
}

/**
 * @param {import("./store.js").FleetStore} store
 * @param {import("./project.js").View} view
 * @param {number} chosen slot that always stands alone, or −1
 * @param {(slot: number) => boolean} shown filter
 * @returns {Layout} clusters and singles hold every shown vehicle in view exactly once
 */
export function layout(store, view, chosen, shown) {
  const margin = CELL;
  const cluster = view.zoom < SINGLE_ZOOM;
  /** @type {Map<number, Cluster>} */ const cells = new Map();
  const singles = [];
  for (let slot = 0; slot < store.size; slot++) {
    const px = store.wx[slot] * view.scale, py = store.wy[slot] * view.scale;
    const x = px - view.ox, y = py - view.oy;
    if (x < -margin || y < -margin || x > view.width + margin || y > view.height + margin || !shown(slot)) continue;
    if (!cluster || slot === chosen || store.alarm[slot]) {
      singles.push({ slot, x, y });
      continue;
    }
    // Cells belong to the world, not to the screen: panning regroups nothing.
    const key = Math.floor(py / CELL) * 0x4000000 + Math.floor(px / CELL);
    let cell = cells.get(key);
    if (!cell) cells.set(key, (cell = { x: 0, y: 0, n: 0, kinds: [0, 0, 0, 0, 0], slots: [], worst: "" }));
    cell.x += x;
    cell.y += y;
    cell.n++;
    cell.kinds[kindOf(store, slot)]++;
    cell.slots.push(slot);
  }
  const clusters = [];
  for (const cell of merged([...cells.values()].map((cell) => ({ ...cell, x: cell.x / cell.n, y: cell.y / cell.n })))) {
    if (cell.n === 1) {
      singles.push({ slot: cell.slots[0], x: cell.x, y: cell.y });
      continue;
    }
    cell.worst = cell.kinds[4] ? "alarm" : cell.kinds[3] ? "silent" : "";
    clusters.push(cell);
  }
  singles.sort((a, b) => depth(store, a.slot, chosen) - depth(store, b.slot, chosen) || a.slot - b.slot);
  return { singles, clusters };
}

/** Cells of the grid whose rings would overlap become one; a vehicle under a ring joins it. @param {Cluster[]} cells */
function merged(cells) {
  const kept = [];
  for (const cell of cells.sort((a, b) => b.n - a.n)) {
    const reach = (other) => (other.n > 1 ? radius(other.n) : 9) + (cell.n > 1 ? radius(cell.n) : 9) + 2;
    const near = kept.find((k) => (k.n > 1 || cell.n > 1) && (k.x - cell.x) ** 2 + (k.y - cell.y) ** 2 < reach(k) ** 2);
    if (!near) {
      kept.push(cell);
      continue;
    }
    near.x = (near.x * near.n + cell.x * cell.n) / (near.n + cell.n);
    near.y = (near.y * near.n + cell.y * cell.n) / (near.n + cell.n);
    near.n += cell.n;
    near.kinds = near.kinds.map((count, i) => count + cell.kinds[i]);
    near.slots.push(...cell.slots);
  }
  return kept;
}

/**
 * What lies under a point: the topmost vehicle within reach, else a cluster.
 * @param {Layout} drawn @param {number} x @param {number} y
 * @returns {{slot: number} | {cluster: Cluster} | null}
 */
export function hit(drawn, x, y) {
  let best = null, nearest = 16 * 16;
  for (const single of drawn.singles) {
    const d = (single.x - x) ** 2 + (single.y - y) ** 2;
    if (d <= nearest) [best, nearest] = [{ slot: single.slot }, d];
  }
  if (best) return best;
  for (const cluster of drawn.clusters) {
    if ((cluster.x - x) ** 2 + (cluster.y - y) ** 2 <= radius(cluster.n) ** 2) return { cluster };
  }
  return null;
}

/** Radius of a cluster's ring, CSS pixels. @param {number} n */
export const radius = (n) => Math.min(26, 13 + Math.log2(n) * 2);
