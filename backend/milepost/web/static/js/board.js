/** The live board: list, map and panel over one store and one line to the service. Every view is an address. */

import { serverNow } from "./chrome.js";
import { hit } from "./cluster.js";
import { age } from "./format.js";
import { drawFleet } from "./fleet_layer.js";
import { t } from "./i18n.js";
import { bindKeys } from "./keys.js";
import { unpack } from "./land.js";
import { VehicleList, passes } from "./list.js";
import { LiveLine } from "./live.js";
import { makeMap } from "./map_view.js";
import { drawGround, placeSites, sitesNear, trailOf } from "./overlay.js";
import { onThemeChange, palette } from "./palette.js";
import { Panel } from "./panel.js";
import { makeSprites } from "./sprites.js";
import { showLine } from "./status.js";
import { FleetStore } from "./store.js";
import { readAddress, writeAddress } from "./address.js";

const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const config = JSON.parse($("config").textContent || "{}");
const store = new FleetStore();
const state = { ...readAddress(), locked: false, trail: null, land: [], sites: [], drawn: null, placed: false };
let colours = palette();
let sprites = makeSprites(colours, Math.min(2, devicePixelRatio || 1));
let stones = [];

const line = new LiveLine({ onFrame, onState: (s) => showLine(s, store.size), seq: () => store.seq });
const now = () => (Number.isFinite(line.offset) ? line.now() : serverNow());
const hours = new Intl.DateTimeFormat("en-GB", { timeZone: config.zone, hour: "2-digit", minute: "2-digit" });
const list = new VehicleList(store, $("rows"), { onOpen: choose, now, clock: (at) => hours.format(at) });
const panel = new Panel($("panel"), store, now);
const map = makeMap($("map"), state.center ?? config.start, config.tiles, draw);

list.filter = state.filter;
list.query = state.query;
/** @type {HTMLInputElement} */ ($("search")).value = state.query;

function draw(ground, fleet, view, whole) {
  if (whole) {
    stones = drawGround(ground, view, { land: state.land, sites: state.sites, trail: state.trail, colours, tiles: Boolean(config.tiles) });
    showScale(view);
  }
  state.drawn = drawFleet(fleet, view, store, {
    colours, sprites, chosen: list.chosen, locked: state.locked, now: now(), shown: list.shown, stones,
    ago: (text) => t("ago", { age: text }),
  });
}

function onFrame(frame) {
  const strange = store.apply(frame);
  if (frame.reset || strange) void describe();
  if (frame.e.some((event) => event.kind !== "tag" && event.kind !== "gate")) later(describe);
  for (const event of store.news(frame)) if (event.kind === "alert" && event.state !== "closed") say(event);
  if (list.chosen >= 0 && frame.v.some((row) => row[0] === store.ids[list.chosen])) follow();
}

/** The words for a cause; one without words speaks for itself. */
function named(cause) {
  try {
    return t(`ex.${cause}`);
  } catch {
    return cause ?? t("alarm");
  }
}

/** A screen reader is told about what needs a person. */
function say(event) {
  const plate = event.vehicle ? store.plate(store.slot(event.vehicle)) : (event.number ?? "");
  $("said").textContent = t("said", { plate, what: named(event.cause) });
}

function follow() {
  const slot = list.chosen;
  if (state.locked) map.center_on(store.lat[slot], store.lng[slot]);
  if (state.trail && store.at[slot] > state.trail.until) {
    state.trail.points.push([store.at[slot], store.lng[slot], store.lat[slot]]);
    Object.assign(state.trail, trailOf(state.trail.points, state.trail.gap_ms, missing), { until: store.at[slot] });
    map.redraw(true);
  }
}

const missing = (ms) => t("missing", { age: age(ms) });
let waiting = 0;
function later(act) {
  waiting ||= setTimeout(() => {
    waiting = 0;
    void act();
    void panel.refresh();
  }, 400);
}

/** Fetch plates, orders, next stops, sites. */
async function describe() {
  const answer = await fetch("/live/meta.json").catch(() => null);
  if (!answer?.ok) return;
  const meta = await answer.json();
  state.sites = placeSites(meta.sites);
  store.describe(meta.vehicles);
  map.redraw(true);
  if (!state.placed && store.size) {
    state.placed = true;
    if (state.vehicle) {
      const slot = [...store.ids.keys()].find((i) => store.plate(i) === state.vehicle);
      if (slot !== undefined && !state.center) map.center_on(store.lat[slot], store.lng[slot], 11);
      if (slot !== undefined) void choose(slot, { keep: true });
    }
    if (!state.center && !state.vehicle) fitAll();
  }
}

/** @param {number} slot @param {{keep?: boolean}} [options] keep: leave the map where it is */
async function choose(slot, { keep = false } = {}) {
  if (slot < 0) return;
  if (list.chosen !== slot) Object.assign(state, { locked: false, trail: null });
  list.chosen = slot;
  list.cursor = store.ids[slot];
  state.vehicle = store.plate(slot);
  state.order = "";
  document.body.classList.remove("no-panel");
  const view = map.view(), inset = 60;
  const x = store.wx[slot] * view.scale - view.ox, y = store.wy[slot] * view.scale - view.oy;
  if (!keep && (x < inset || y < inset || x > view.width - inset || y > view.height - inset)) map.center_on(store.lat[slot], store.lng[slot]);
  list.paint();
  map.redraw(true);
  save();
  await Promise.all([panel.showVehicle(slot), showTrail(slot)]);
}

async function showTrail(slot) {
  const answer = await fetch(`/live/vehicles/${encodeURIComponent(store.ids[slot])}/trail.json`).catch(() => null);
  if (!answer?.ok || list.chosen !== slot) return;
  const { points, gap_ms } = await answer.json();
  state.trail = { points, gap_ms, until: points.at(-1)?.[0] ?? 0, ...trailOf(points, gap_ms, missing) };
  map.redraw(true);
}

function close() {
  Object.assign(state, { locked: false, trail: null, vehicle: "", order: "" });
  list.chosen = -1;
  panel.clear();
  list.paint();
  map.redraw(true);
  save();
}

function lock() {
  if (list.chosen < 0) return;
  state.locked = !state.locked;
  $("lock").hidden = !state.locked;
  $("locked-plate").textContent = store.plate(list.chosen);
  document.querySelector("[data-act=lock]")?.setAttribute("aria-pressed", String(state.locked));
  follow();
  map.redraw();
}

/** All vehicles of the list, and the sites around them: a truck alone on an empty map says nothing. */
function fitAll() {
  const vehicles = [...Array(store.size).keys()].filter(list.shown).map((i) => [store.lat[i], store.lng[i]]);
  map.fit([...vehicles, ...sitesNear(state.sites, vehicles)], 16);
}

function save() {
  const center = map.center();
  writeAddress({ ...state, filter: list.filter, query: list.query, center: { lat: center.lat, lng: center.lng, zoom: map.zoom() } });
}

function filter(name) {
  list.filter = name;
  countStates();
  list.sort(true);
  map.redraw();
  save();
}

function countStates() {
  for (const chip of document.querySelectorAll("[data-filter]")) {
    const name = /** @type {HTMLElement} */ (chip).dataset.filter ?? "";
    let n = 0;
    for (let slot = 0; slot < store.size; slot++) if (passes(store, slot, name, now())) n++;
    const count = /** @type {HTMLElement} */ (chip.querySelector("b"));
    if (count.textContent !== String(n)) count.textContent = String(n);
    chip.setAttribute("aria-pressed", String(name === list.filter));
  }
  $("no-rows").hidden = list.order.length > 0 || store.size === 0;
  $("no-fleet").hidden = store.size > 0 || store.seq < 0;
}

function showScale(view) {
  $("zoom-now").textContent = t("zoom", { z: Math.round(view.zoom * 4) / 4 });
  const lat = map.center().lat;
  const perPixel = (40075016.686 * Math.cos((lat * Math.PI) / 180)) / view.scale;
  const width = [1, 2, 5].flatMap((m) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((p) => m * p)).sort((a, b) => a - b)
    .findLast((metres) => metres / perPixel <= 100) ?? 1;
  $("scale").style.width = `${width / perPixel}px`;
  $("scale").textContent = width >= 1000 ? `${width / 1000} km` : `${width} m`;
}

const fold = (side) => document.body.classList.toggle(`no-${side}`);
const acts = {
  "zoom-in": () => map.zoomBy(1), "zoom-out": () => map.zoomBy(-1), fit: fitAll, lock, close,
  "fold-list": () => fold("list"), "fold-panel": () => fold("panel"),
};
document.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const act = target.closest("[data-act]");
  if (act) acts[/** @type {HTMLElement} */ (act).dataset.act ?? ""]?.();
  const chip = target.closest("[data-filter]");
  if (chip) filter(/** @type {HTMLElement} */ (chip).dataset.filter ?? "");
});
$("search").addEventListener("input", (event) => {
  list.query = /** @type {HTMLInputElement} */ (event.target).value.trim();
  filter(list.filter);
});
map.onClick((x, y) => {
  const found = state.drawn && hit(state.drawn, x, y);
  if (!found) return;
  if ("slot" in found) void choose(found.slot, { keep: true });
  else map.fit(found.cluster.slots.map((i) => [store.lat[i], store.lng[i]]), 15);
});
map.onPoint((x, y) => $("map").classList.toggle("pointing", Boolean(state.drawn && hit(state.drawn, x, y))));
map.onDrag(() => state.locked && lock());
map.onSettled(save);
onThemeChange(() => {
  colours = palette();
  sprites = makeSprites(colours, Math.min(2, devicePixelRatio || 1));
  map.redraw(true);
});
bindKeys({
  "/": () => $("search").focus(), j: () => list.move(1), k: () => list.move(-1), Enter: () => void choose(list.current),
  f: lock, "[": () => fold("list"), "]": () => fold("panel"), 0: fitAll,
  Escape: () => (document.activeElement === $("search") ? $("search").blur() : close()),
});

store.subscribe((what) => {
  if (what === "frame") list.paint();
  else list.sort(what === "meta");
  countStates();
  map.redraw();
});
setInterval(() => {
  store.refresh(now());
  list.sort();
  countStates();
  panel.tick();
  map.redraw();
}, 1000);
void fetch(config.land).then((answer) => answer.json()).then((packed) => {
  state.land = unpack(packed);
  map.redraw(true);
});
if (state.order) void panel.showOrder(state.order);
line.start();
