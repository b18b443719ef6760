/**
 * Web Mercator on the unit square: (0, 0) is the north-west corner, (1, 1) the south-east one. Pure.
 * A screen position is unit × scale − origin, with scale = 256 × 2^zoom (CSS pixels).
 */

/** Latitude beyond which Web Mercator ends, degrees. */
export const MAX_LAT = 85.0511287798;
const TILE = 256;
const EARTH_RADIUS_M = 6378137;

/** @param {number} lng degrees */
export const unitX = (lng) => lng / 360 + 0.5;

/** @param {number} lat degrees; beyond ±85.05 it is drawn at the edge */
export function unitY(lat) {
  const s = Math.sin((Math.max(-MAX_LAT, Math.min(MAX_LAT, lat)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
}

/** @param {number} x unit → longitude in degrees */
export const lngOf = (x) => (x - 0.5) * 360;

/** @param {number} y unit → latitude in degrees */
export const latOf = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

/** Pixels of the whole world at a zoom. @param {number} zoom */
export const scaleOf = (zoom) => TILE * 2 ** zoom;

/** Metres that one pixel spans at a latitude. @param {number} lat degrees @param {number} scale */
export const metresPerPixel = (lat, scale) => (2 * Math.PI * EARTH_RADIUS_M * Math.cos((lat * Math.PI) / 180)) / scale;

/**
 * What is on the screen: everything a layer needs to draw, and nothing of the map library.
 * @typedef {{scale: number, ox: number, oy: number, width: number, height: number, dpr: number, zoom: number}} View
 */

/**
 * @param {View} view @param {number} wx unit @param {number} wy unit
 * @returns {[number, number]} CSS pixels from the top left corner
 */
export const toScreen = (view, wx, wy) => [wx * view.scale - view.ox, wy * view.scale - view.oy];
