/**
 * The list of vehicles: the map's equal. Only rows in sight exist as elements (10 000 vehicles scroll smoothly);
 * rows change in place, and the order changes only when a person looks elsewhere or asks for it.
 */

import { age, kmh } from "./format.js";
import { t } from "./i18n.js";
import { IDLING, LIVE, MOVING, OFFLINE, STALE } from "./store.js";

const ROW_PX = 44;
const RESORT_MS = 10_000;

/** Is the planned time of its next stop past, and it is not there? @param {import("./store.js").FleetStore} store */
export const late = (store, slot, now) => Boolean(store.meta[slot]?.due && now - store.meta[slot].due >= 60_000);

/** Smaller stands higher: what needs a person first. @param {import("./store.js").FleetStore} store @param {number} slot */
export function urgency(store, slot, now) {
  if (store.alarm[slot]) return 0;
  if (late(store, slot, now)) return 1;
  const empty = store.meta[slot]?.orders ? 0 : 10;
  if (store.contact[slot] === OFFLINE) return empty + 6;
  if (store.contact[slot] === STALE) return empty + 5;
  return empty + (store.motion[slot] === MOVING ? 2 : store.motion[slot] === IDLING ? 3 : 4);
}

/** Does a vehicle pass the filter by state? @param {import("./store.js").FleetStore} store @param {string} filter */
export function passes(store, slot, filter, now = 0) {
  if (!filter) return true;
  if (filter === "late") return late(store, slot, now);
  if (filter === "alarm") return store.alarm[slot] === 1;
  if (filter === "stale") return store.contact[slot] === STALE;
  if (filter === "offline") return store.contact[slot] === OFFLINE;
  const motion = store.motion[slot];
  const name = motion === MOVING ? "moving" : motion === IDLING ? "idling" : "stopped";
  return store.contact[slot] === LIVE && filter === name;
}

/** Every word must occur in plate, orders, stops or driver. @param {import("./store.js").FleetStore} store */
export function matches(store, slot, query) {
  if (!query) return true;
  const words = `${store.plate(slot)} ${store.meta[slot]?.words ?? ""}`.toLowerCase().replaceAll("·", "");
  return query.toLowerCase().replaceAll("·", "").split(/\s+/).every((word) => words.includes(word));
}

export class VehicleList {
  /**
   * @param {import("./store.js").FleetStore} store
   * @param {HTMLElement} box the scrolling listbox
   * @param {{onOpen: (slot: number) => void, now: () => number, clock: (at: number) => string}} hooks
   */
  constructor(store, box, hooks) {
    Object.assign(this, { store, box, hooks, filter: "", query: "", chosen: -1, cursor: "", hovered: false, sorted: 0 });
    /** @type {number[]} */ this.order = [];
    /** @type {HTMLElement[]} */ this.pool = [];
    this.runway = document.createElement("div");
    this.runway.className = "runway";
    this.runway.setAttribute("role", "presentation");
    box.replaceChildren(this.runway);
    this.template = /** @type {HTMLTemplateElement} */ (document.getElementById("row"));
    box.addEventListener("scroll", () => this.paint(), { passive: true });
    box.addEventListener("pointerenter", () => (this.hovered = true));
    box.addEventListener("pointerleave", () => (this.hovered = false));
    box.addEventListener("click", (event) => {
      const row = /** @type {HTMLElement} */ (event.target).closest("[data-slot]");
      if (row) hooks.onOpen(Number(/** @type {HTMLElement} */ (row).dataset.slot));
    });
    new ResizeObserver(() => this.paint()).observe(box);
  }

  /** Is this vehicle among those listed (and so drawn on the map)? */
  shown = (slot) => passes(this.store, slot, this.filter, this.hooks.now()) && matches(this.store, slot, this.query);

  /** Sort anew. @param {boolean} [force] even while a person points at the list */
  sort(force = false) {
    const now = performance.now();
    const changedSize = this.order.length === 0 || this.store.size !== this.known;
    if (!force && !changedSize && (this.hovered || now - this.sorted < RESORT_MS)) return this.paint();
    this.sorted = now;
    this.known = this.store.size;
    const order = [];
    for (let slot = 0; slot < this.store.size; slot++) if (this.shown(slot)) order.push(slot);
    const at = this.hooks.now();
    const rank = new Map(order.map((slot) => [slot, urgency(this.store, slot, at)]));
    order.sort((a, b) => rank.get(a) - rank.get(b) || (this.store.plate(a) < this.store.plate(b) ? -1 : 1));
    this.order = order;
    this.runway.style.height = `${order.length * ROW_PX}px`;
    this.paint();
  }

  /** Move the cursor by rows. @param {number} step */
  move(step) {
    if (!this.order.length) return;
    const here = this.order.indexOf(this.store.slot(this.cursor));
    const next = Math.max(0, Math.min(this.order.length - 1, here < 0 ? 0 : here + step));
    this.cursor = this.store.ids[this.order[next]];
    const top = next * ROW_PX;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW_PX > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW_PX - this.box.clientHeight;
    this.paint();
  }

  /** Slot under the cursor, else the first row, else −1. */
  get current() {
    const slot = this.store.slot(this.cursor);
    return slot >= 0 && this.order.includes(slot) ? slot : (this.order[0] ?? -1);
  }

  /** Bring the rows in sight up to date. */
  paint() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - 2);
    const last = Math.min(this.order.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PX) + 2);
    while (this.pool.length < last - first) {
      const row = /** @type {HTMLElement} */ (this.template.content.firstElementChild?.cloneNode(true));
      this.pool.push(row);
      this.runway.append(row);
    }
    const cursor = this.store.slot(this.cursor);
    this.pool.forEach((row, i) => {
      const position = first + i;
      row.hidden = position >= last;
      if (row.hidden) return;
      row.style.transform = `translateY(${position * ROW_PX}px)`;
      this.#fill(row, this.order[position], position, cursor);
    });
    this.box.setAttribute("aria-activedescendant", cursor >= 0 ? `v-${this.cursor}` : "");
  }

  #fill(row, slot, position, cursor) {
    const { store } = this;
    const meta = store.meta[slot];
    const quiet = store.contact[slot] !== LIVE;
    const set = (part, text) => {
      const element = row.querySelector(`[data-part=${part}]`);
      if (element.textContent !== text) element.textContent = text;
    };
    row.dataset.slot = String(slot);
    row.id = `v-${store.ids[slot]}`;
    row.setAttribute("aria-setsize", String(this.order.length));
    row.setAttribute("aria-posinset", String(position + 1));
    row.setAttribute("aria-selected", String(slot === this.chosen));
    row.className = `v${slot === this.chosen ? " sel" : ""}${quiet ? " quiet" : ""}${slot === cursor ? " cursor" : ""}`;
    const sign = row.firstElementChild;
    sign.className = `sign ${store.sign(slot)}`;
    sign.style.setProperty("--course", `${store.course[slot] || 0}deg`);
    const state = quiet ? (store.contact[slot] === OFFLINE ? "offline" : "stale") : ["stopped", "idling", "moving"][store.motion[slot]];
    set("state", t(state));
    set("plate", store.plate(slot));
    set("why", meta?.why || (quiet ? t(state) : ""));
    row.querySelector("[data-part=why]").className = `why ell ${meta?.why ? "alarm-t" : "dim"}`;
    set("speed", quiet ? "–" : kmh(store.speed[slot]));
    set("age", age(this.hooks.now() - store.at[slot]));
    set("orders", !meta?.orders ? t("empty") : t(meta.orders === 1 ? "orders_1" : "orders", { n: meta.orders }));
    set("next", meta?.next ?? "");
    const over = late(store, slot, this.hooks.now()) ? `+${age(this.hooks.now() - (meta?.due ?? 0))}` : "";
    set("over", over);
    set("due", !meta?.due ? "" : this.hooks.clock(meta.due) + (quiet ? ` · ${t("old_fix")}` : ""));
  }
}
