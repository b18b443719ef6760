/**
 * The one module that knows Leaflet: it gives the map its gestures and zoom, and two canvases of ours lie on it.
 * Everything drawn on them gets only a view (project.js).
 */

import { scaleOf } from "./project.js";

const L = /** @type {any} */ (globalThis).L;

/**
 * @param {HTMLElement} box
 * @param {{lat: number, lng: number, zoom: number}} start
 * @param {{url: string, attribution: string, maxZoom: number} | null} tiles
 * @param {(ground: CanvasRenderingContext2D, fleet: CanvasRenderingContext2D, view: import("./project.js").View,
 *          whole: boolean) => void} draw `whole`: the ground must be drawn, too
 */
export function makeMap(box, start, tiles, draw) {
  const map = L.map(box, {
    center: [start.lat, start.lng], zoom: start.zoom, minZoom: 3, maxZoom: 19, zoomSnap: 0.25, zoomDelta: 1,
    zoomControl: false, attributionControl: Boolean(tiles), zoomAnimation: false, fadeAnimation: false,
    markerZoomAnimation: false, keyboard: true, worldCopyJump: false, doubleClickZoom: false, wheelPxPerZoomLevel: 90,
  });
  if (tiles) L.tileLayer(tiles.url, { attribution: tiles.attribution, maxZoom: tiles.maxZoom }).addTo(map);
  const [ground, fleet] = ["ground", "fleet"].map((name) => {
    const canvas = document.createElement("canvas");
    canvas.className = `layer ${name}`;
    canvas.setAttribute("aria-hidden", "true");
    box.append(canvas);
    return { canvas, g: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")) };
  });
  let asked = 0, whole = true;

  const view = () => {
    const size = map.getSize(), zoom = map.getZoom();
    const corner = map.project(map.getCenter(), zoom).subtract(size.divideBy(2));
    return { scale: scaleOf(zoom), ox: corner.x, oy: corner.y, width: size.x, height: size.y,
      dpr: Math.min(2, devicePixelRatio || 1), zoom };
  };

  const paint = () => {
    asked = 0;
    const v = view();
    for (const { canvas, g } of [ground, fleet]) {
      const w = Math.round(v.width * v.dpr), h = Math.round(v.height * v.dpr);
      if (canvas.width !== w || canvas.height !== h) {
        [canvas.width, canvas.height] = [w, h];
        whole = true;
      }
      g.setTransform(v.dpr, 0, 0, v.dpr, 0, 0);
    }
    if (whole) ground.g.clearRect(0, 0, v.width, v.height);
    fleet.g.clearRect(0, 0, v.width, v.height);
    draw(ground.g, fleet.g, v, whole);
    whole = false;
  };

  /** Draw at the next frame. @param {boolean} [everything] the ground, too */
  const redraw = (everything = false) => {
    whole ||= everything;
    asked ||= requestAnimationFrame(paint);
  };
  map.on("move zoom viewreset resize", () => redraw(true));
  new ResizeObserver(() => map.invalidateSize({ animate: false, pan: false })).observe(box);

  return {
    redraw,
    view,
    zoom: () => map.getZoom(),
    center: () => map.getCenter(),
    zoomBy: (delta) => map.setZoom(map.getZoom() + delta),
    /** Centre without a movement. */
    center_on: (lat, lng, zoom = map.getZoom()) => map.setView([lat, lng], zoom, { animate: false }),
    /** Show all these positions. @param {[number, number][]} positions lat, lng */
    fit: (positions, maxZoom = 14) =>
      positions.length && map.fitBounds(L.latLngBounds(positions), { padding: [48, 48], maxZoom, animate: false }),
    /** @param {(x: number, y: number) => void} callback */
    onClick: (callback) => map.on("click", (event) => callback(event.containerPoint.x, event.containerPoint.y)),
    /** @param {(x: number, y: number) => void} callback */
    onPoint: (callback) => map.on("mousemove", (event) => callback(event.containerPoint.x, event.containerPoint.y)),
    /** A person has moved the map by hand. @param {() => void} callback */
    onDrag: (callback) => map.on("dragstart", callback),
    onSettled: (callback) => map.on("moveend", callback),
  };
}
