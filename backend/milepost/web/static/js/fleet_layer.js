/**
 * Draws the fleet on a canvas from typed arrays: signs, clusters, labels, the lock. Knows nothing of the map library:
 * it gets a view (scale, origin, size), so that it can lie on any map.
 */

import { KINDS, layout, radius } from "./cluster.js";
import { Labels } from "./labels.js";
import { age, kmh } from "./format.js";
import { LIVE, MOVING, STALE } from "./store.js";
import { sign } from "./sprites.js";

const LABELS_UP_TO = 160; // with more single signs in view, plates would only be noise

/**
 * @param {CanvasRenderingContext2D} g cleared, in CSS pixels
 * @param {import("./project.js").View} view
 * @param {import("./store.js").FleetStore} store
 * @param {{colours: Record<string, string>, sprites: ReturnType<import("./sprites.js").makeSprites>, chosen: number,
 *          locked: boolean, now: number, shown: (slot: number) => boolean, ago: (age: string) => string,
 *          stones: {x: number, y: number, half: number, name: string, big: boolean}[]}} options
 * @returns {import("./cluster.js").Layout} what was drawn where, for the hit test
 */
export function drawFleet(g, view, store, options) {
  const { colours, sprites, chosen } = options;
  const drawn = layout(store, view, chosen, options.shown);
  const labels = new Labels();
  for (const { x, y, half } of options.stones) labels.block(x - half, y - half, 2 * half, 2 * half);
  for (const { x, y } of drawn.singles) labels.block(x - 8, y - 8, 16, 16);
  for (const c of drawn.clusters) {
    const r = radius(c.n) + 4;
    labels.block(c.x - r, c.y - r, 2 * r, 2 * r);
  }
  const half = sprites.size / 2;
  for (const { slot, x, y } of drawn.singles) {
    if (store.contact[slot] === STALE) staleRing(g, x, y, colours);
    if (store.alarm[slot]) ring(g, x, y, colours);
    if (slot === chosen) lockMark(g, x, y, colours, options.locked);
    g.drawImage(sprites.of(store, slot), x - half, y - half, sprites.size, sprites.size);
  }
  for (const cluster of drawn.clusters) drawCluster(g, cluster, colours);
  // Named first: what needs a person, then the chosen one.
  const named = drawn.singles.slice().reverse();
  if (drawn.singles.length > LABELS_UP_TO) named.splice(0, named.length, ...named.filter((s) => wanted(store, s.slot, chosen)));
  const first = named.filter((s) => wanted(store, s.slot, chosen));
  for (const single of first) name(g, single, store, labels, options);
  for (const stone of options.stones) nameStone(g, stone, labels, colours);
  for (const single of named) if (!wanted(store, single.slot, chosen)) name(g, single, store, labels, options);
  return drawn;
}

function nameStone(g, { x, y, half, name, big }, labels, colours) {
  if (!name) return;
  g.font = `600 ${big ? 13 : 12}px ${colours.font}`;
  const spot = labels.place(x, y, g.measureText(name).width, half + 5, big);
  if (spot) text(g, name, spot[0], spot[1], { weight: 600, px: big ? 13 : 12, colour: colours.accent, font: colours.font, halo: colours.land });
}

const wanted = (store, slot, chosen) => slot === chosen || store.alarm[slot] === 1;

function ring(g, x, y, colours) {
  g.beginPath();
  g.arc(x, y, 15, 0, 7);
  g.strokeStyle = colours.land;
  g.lineWidth = 5;
  g.stroke();
  g.strokeStyle = colours.alarm;
  g.lineWidth = 2.5;
  g.stroke();
}

function staleRing(g, x, y, colours) {
  g.beginPath();
  g.arc(x, y, 17, 0, 7);
  g.setLineDash([3, 3]); // dashed always means: not directly seen
  g.strokeStyle = colours.silent;
  g.lineWidth = 1;
  g.stroke();
  g.setLineDash([]);
}

function lockMark(g, x, y, colours, locked) {
  g.strokeStyle = colours.accent;
  g.lineWidth = locked ? 2 : 1.25;
  for (let i = 0; i < 4; i++) {
    const a = (i * Math.PI) / 2;
    g.beginPath();
    g.arc(x, y, 21, a - 0.5, a + 0.5);
    if (locked) {
      g.moveTo(x + Math.cos(a) * 21, y + Math.sin(a) * 21);
      g.lineTo(x + Math.cos(a) * 28, y + Math.sin(a) * 28);
    }
    g.stroke();
  }
}

function drawCluster(g, { x, y, n, kinds, worst }, colours) {
  const r = radius(n);
  disc(g, x, y, r + 3, colours.land);
  disc(g, x, y, r, colours.surface);
  let from = -Math.PI / 2;
  for (let kind = 0; kind < KINDS.length; kind++) {
    if (!kinds[kind]) continue;
    const to = from + (kinds[kind] / n) * 2 * Math.PI;
    const gap = kinds[kind] === n ? 0 : 0.05;
    g.beginPath();
    g.arc(x, y, r - 1.5, from + gap, to - gap);
    g.strokeStyle = colours[KINDS[kind]];
    g.lineWidth = KINDS[kind] === worst ? 5 : 3;
    g.lineCap = "butt";
    g.stroke();
    from = to;
  }
  text(g, String(n), x, y + 0.5, { weight: 600, px: 13, colour: colours.text, align: "center", font: colours.font });
  if (!worst) return;
  const bx = x + r * 0.78, by = y - r * 0.78;
  disc(g, bx, by, 8, colours.surface);
  g.save();
  g.translate(bx, by);
  sign(g, worst === "silent" ? "moving" : "idling", 5, colours[worst], colours.surface, worst === "silent");
  g.restore();
}

function name(g, { slot, x, y }, store, labels, options) {
  const { colours, chosen, now } = options;
  const quiet = store.contact[slot] !== LIVE;
  const plate = store.plate(slot);
  const why = store.meta[slot]?.why;
  if (slot === chosen || why) {
    const speed = store.motion[slot] === MOVING ? `${kmh(store.speed[slot])} km/h · ` : "";
    const note = why ? `! ${why}` : speed + age(now - store.at[slot]);
    tag(g, x, y, plate, note, why ? colours.alarm : colours.accent, labels, colours);
    return;
  }
  const words = quiet ? `${plate} · ${options.ago(age(now - store.at[slot]))}` : plate;
  g.font = `500 12px ${colours.font}`;
  const spot = labels.place(x, y, g.measureText(words).width, store.contact[slot] === STALE ? 22 : 12);
  if (spot) text(g, words, spot[0], spot[1], { weight: 500, px: 12, colour: quiet ? colours.text_2 : colours.text, font: colours.font, halo: colours.land });
}

function tag(g, x, y, plate, note, colour, labels, colours) {
  g.font = `600 12px ${colours.font}`;
  const first = g.measureText(plate).width;
  g.font = `500 11px ${colours.font}`;
  const width = first + g.measureText(note).width + 22;
  let [left, top] = [x + 24, y + 12];
  for (const [a, b] of [[x + 24, y + 12], [x - width - 24, y + 12], [x + 24, y - 34], [x - width / 2, y + 24]]) {
    if (labels.free(a, b, width, 22)) {
      [left, top] = [a, b];
      break;
    }
  }
  labels.block(left, top, width, 22);
  g.beginPath();
  g.roundRect(left, top, width, 22, 4);
  g.fillStyle = colours.surface;
  g.fill();
  g.strokeStyle = colour;
  g.lineWidth = 1;
  g.stroke();
  text(g, plate, left + 8, top + 11.5, { weight: 600, px: 12, colour: colours.text, font: colours.font });
  text(g, note, left + 14 + first, top + 11.5, { weight: 500, px: 11, colour, font: colours.font });
}

function disc(g, x, y, r, colour) {
  g.beginPath();
  g.arc(x, y, r, 0, 7);
  g.fillStyle = colour;
  g.fill();
}

/** Write on the map, with a halo in the colour of the ground. */
export function text(g, words, x, y, { weight, px, colour, font, align = "left", halo = "" }) {
  g.font = `${weight} ${px}px ${font}`;
  g.textAlign = align;
  g.textBaseline = "middle";
  if (halo) {
    g.strokeStyle = halo;
    g.lineWidth = 3;
    g.lineJoin = "round";
    g.strokeText(words, x, y);
  }
  g.fillStyle = colour;
  g.fillText(words, x, y);
}
