/**
 * The signs of vehicles, drawn once per theme into small canvases. Shape says the motion, hollow says stale, a cross
 * says offline: readable in grey.
 */

import { IDLING, LIVE, MOVING, OFFLINE } from "./store.js";

const SIZE = 28;
const HEADINGS = 36;

/**
 * Draw one sign at the origin of `g`.
 * @param {CanvasRenderingContext2D} g @param {string} shape moving, idling, stopped or offline
 * @param {number} r half size @param {string} colour @param {string} halo @param {boolean} hollow
 */
export function sign(g, shape, r, colour, halo, hollow) {
  g.beginPath();
  if (shape === "moving") {
    g.moveTo(0, -r * 1.18);
    g.lineTo(r * 0.86, r);
    g.lineTo(0, r * 0.5);
    g.lineTo(-r * 0.86, r);
    g.closePath();
  } else if (shape === "idling") {
    g.arc(0, 0, r * 0.8, 0, 7);
  } else if (shape === "stopped") {
    g.rect(-r * 0.74, -r * 0.74, r * 1.48, r * 1.48);
  } else {
    g.moveTo(-r * 0.72, -r * 0.72);
    g.lineTo(r * 0.72, r * 0.72);
    g.moveTo(r * 0.72, -r * 0.72);
    g.lineTo(-r * 0.72, r * 0.72);
  }
  g.lineJoin = "round";
  g.lineCap = "round";
  g.strokeStyle = halo;
  g.lineWidth = shape === "offline" ? 6 : hollow ? 5 : 3;
  g.stroke();
  if (shape === "offline" || hollow) {
    if (hollow) {
      g.fillStyle = halo;
      g.fill();
    }
    g.strokeStyle = colour;
    g.lineWidth = shape === "offline" ? 2.6 : 1.9;
    g.stroke();
  } else {
    g.fillStyle = colour;
    g.fill();
  }
}

/**
 * @param {Record<string, string>} colours of palette.js
 * @param {number} dpr
 */
export function makeSprites(colours, dpr) {
  /** @type {Map<string, HTMLCanvasElement>} */ const made = new Map();
  const draw = (shape, turn, colour, hollow) => {
    const key = `${shape}${turn}${hollow}`;
    let canvas = made.get(key);
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.width = canvas.height = SIZE * dpr;
      const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      g.scale(dpr, dpr);
      g.translate(SIZE / 2, SIZE / 2);
      g.rotate((turn * 2 * Math.PI) / HEADINGS);
      sign(g, shape, 8, colour, colours.land, hollow);
      made.set(key, canvas);
    }
    return canvas;
  };
  return {
    size: SIZE,
    /** @param {import("./store.js").FleetStore} store @param {number} slot */
    of(store, slot) {
      const contact = store.contact[slot];
      if (contact === OFFLINE) return draw("offline", 0, colours.silent, false);
      const hollow = contact !== LIVE;
      const motion = store.motion[slot];
      if (motion === MOVING) {
        const course = Number.isNaN(store.course[slot]) ? 0 : store.course[slot];
        const turn = Math.round((course / 360) * HEADINGS) % HEADINGS;
        return draw("moving", turn, hollow ? colours.silent : colours.moving, hollow);
      }
      const shape = motion === IDLING ? "idling" : "stopped";
      return draw(shape, 0, hollow ? colours.silent : colours[shape], hollow);
    },
  };
}
