/** The panel of the chosen vehicle or order: a piece of page from the service, its live figures kept by us. */

import { age, compass, kmh } from "./format.js";
import { load } from "./fragment.js";
import { t } from "./i18n.js";
import { LIVE, MOVING, OFFLINE } from "./store.js";

const REFRESH_MS = 15_000;

export class Panel {
  /**
   * @param {HTMLElement} box
   * @param {import("./store.js").FleetStore} store
   * @param {() => number} now
   */
  constructor(box, store, now) {
    Object.assign(this, { box, store, now, slot: -1, address: "", loaded: 0, pending: false });
    this.idle = [...box.childNodes].map((node) => node.cloneNode(true));
  }

  /** @param {number} slot */
  async showVehicle(slot) {
    this.slot = slot;
    await this.#load(`/live/vehicles/${encodeURIComponent(this.store.ids[slot])}`);
  }

  /** @param {string} number */
  async showOrder(number) {
    this.slot = -1;
    await this.#load(`/live/orders/${encodeURIComponent(number)}`);
  }

  clear() {
    this.slot = -1;
    this.address = "";
    this.box.replaceChildren(...this.idle.map((node) => node.cloneNode(true)));
  }

  /** Fetch it anew, because something it shows has changed. */
  async refresh() {
    if (this.address && !this.pending) await this.#load(this.address);
  }

  /** Once a second: figures that move by themselves. */
  tick() {
    if (this.address && performance.now() - this.loaded > REFRESH_MS) void this.refresh();
    const { slot, store } = this;
    if (slot < 0 || slot >= store.size) return;
    const quiet = store.contact[slot] !== LIVE;
    const state = store.contact[slot] === OFFLINE ? "offline" : quiet ? "stale" : ["stopped", "idling", "moving"][store.motion[slot]];
    this.#set("state", t(state));
    this.#set("speed", quiet ? "–" : kmh(store.speed[slot]));
    this.#set("course", store.motion[slot] === MOVING ? `${compass(store.course[slot], t("compass"))} ${Math.round(store.course[slot]) || 0}°` : "");
    this.#set("age", t("ago", { age: age(this.now() - store.at[slot]) }));
    this.#set("position", `${store.lat[slot].toFixed(5)}, ${store.lng[slot].toFixed(5)}`);
    const sign = /** @type {HTMLElement | null} */ (this.box.querySelector("[data-live=sign]"));
    if (sign) {
      sign.className = `sign big ${store.sign(slot)}`;
      sign.style.setProperty("--course", `${store.course[slot] || 0}deg`);
    }
    const word = this.box.querySelector("[data-live=state]");
    if (word) word.className = `st-${state}`;
  }

  async #load(address) {
    this.address = address;
    this.pending = true;
    this.loaded = performance.now();
    try {
      await load(this.box, address, () => this.address === address);
    } catch {
      return; // the line is down: what is shown stays, the banner says so
    } finally {
      this.pending = false;
    }
    this.tick();
  }

  #set(part, text) {
    const element = this.box.querySelector(`[data-live=${part}]`);
    if (element && element.textContent !== text) element.textContent = text;
  }
}
