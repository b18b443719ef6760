/**
 * The fleet as typed arrays: one slot per vehicle, filled by frames of the live stream. Pure, no DOM.
 * Ages grow by themselves, so `refresh(now)` turns a vehicle stale or offline without any message.
 */

import { unitX, unitY } from "./project.js";

export const MOTIONS = ["stopped", "idling", "moving"];
export const CONTACTS = ["live", "stale", "offline"];
export const STOPPED = 0, IDLING = 1, MOVING = 2;
export const LIVE = 0, STALE = 1, OFFLINE = 2;
const STALE_MS = 60_000, OFFLINE_MS = 600_000;
const HEARD = 1000; // ten times as many as come again

/**
 * What the service knows about a vehicle beside its position.
 * @typedef {{id: string, plate: string, orders: number, next: string, due: number | null, why: string, words: string,
 *            stale_ms: number, offline_ms: number}} Meta
 */

export class FleetStore {
  constructor(capacity = 256) {
    this.size = 0;
    this.seq = -1;
    /** @type {string[]} */ this.ids = [];
    /** @type {(Meta | null)[]} */ this.meta = [];
    /** @type {Map<string, number>} */ this.slots = new Map();
    /** @type {Map<string, Meta>} */ this.known = new Map();
    /** @type {Set<number>} */ this.heard = new Set(); // ids of events
    /** @type {Set<(what: "frame" | "meta" | "contact") => void>} */ this.listeners = new Set();
    this.#grow(capacity);
  }

  /** Be told about changes. @param {(what: "frame" | "meta" | "contact") => void} listener */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Take a frame of the live stream.
   * @param {{seq: number, t: number, v: any[][], e: Record<string, any>[], reset?: boolean}} frame
   * @returns {boolean} true when it names a vehicle whose plate is not known yet
   */
  apply(frame) {
    if (frame.reset) this.#clear();
    let strange = false;
    for (const row of frame.v) strange = this.#put(row) || strange;
    this.seq = frame.seq;
    if (frame.reset || frame.v.length || frame.e.length) this.#tell("frame");
    return strange;
  }

  /**
   * The events of a frame that none before it had: a new start, and another process of the service, tell some again.
   * @param {{e: Record<string, any>[]}} frame
   */
  news(frame) {
    const fresh = frame.e.filter(({ id }) => id === undefined || !this.heard.has(id));
    for (const { id } of fresh) if (id !== undefined) this.heard.add(id);
    for (const id of this.heard) {
      if (this.heard.size <= HEARD) break;
      this.heard.delete(id);
    }
    return fresh;
  }

  /** What is known about the vehicles; replaces what was known before. @param {Meta[]} list */
  describe(list) {
    this.known = new Map(list.map((meta) => [meta.id, meta]));
    for (let slot = 0; slot < this.size; slot++) this.#dress(slot);
    this.#tell("meta");
  }

  /** Recompute who is stale or offline. @param {number} now server time, ms @returns {boolean} true when one changed */
  refresh(now) {
    let changed = false;
    for (let slot = 0; slot < this.size; slot++) {
      const contact = this.#contact(slot, now);
      if (contact !== this.contact[slot]) {
        this.contact[slot] = contact;
        changed = true;
      }
    }
    if (changed) this.#tell("contact");
    return changed;
  }

  /** @param {string} id @returns {number} its slot, or −1 */
  slot(id) {
    return this.slots.get(id) ?? -1;
  }

  /** @param {number} slot */
  plate(slot) {
    return this.meta[slot]?.plate ?? "–";
  }

  /** `moving`, `idling`, `stopped` joined by `stale` or `offline`: the classes of its sign. @param {number} slot */
  sign(slot) {
    const alarm = this.alarm[slot] ? " alarm" : "";
    if (this.contact[slot] === OFFLINE) return "offline" + alarm;
    return MOTIONS[this.motion[slot]] + (this.contact[slot] === STALE ? " stale" : "") + alarm;
  }

  /** @param {any[]} row [id, lng, lat, course, speed, motion, contact, t] */
  #put([id, lng, lat, course, speed, motion, contact, at]) {
    let slot = this.slots.get(id);
    const isNew = slot === undefined;
    if (slot === undefined) {
      slot = this.size++;
      if (slot >= this.at.length) this.#grow(slot * 2);
      this.slots.set(id, slot);
      this.ids[slot] = id;
      this.#dress(slot);
    }
    this.lng[slot] = lng;
    this.lat[slot] = lat;
    this.wx[slot] = unitX(lng);
    this.wy[slot] = unitY(lat);
    this.course[slot] = course ?? NaN;
    this.speed[slot] = speed ?? NaN;
    this.motion[slot] = Math.max(0, MOTIONS.indexOf(motion));
    this.told[slot] = Math.max(0, CONTACTS.indexOf(contact));
    this.at[slot] = at;
    this.contact[slot] = this.told[slot];
    return isNew && !this.known.has(id);
  }

  /** @param {number} slot */
  #dress(slot) {
    const meta = this.known.get(this.ids[slot]) ?? null;
    this.meta[slot] = meta;
    this.alarm[slot] = meta?.why ? 1 : 0;
  }

  /** @param {number} slot @param {number} now */
  #contact(slot, now) {
    if (this.told[slot] === OFFLINE) return OFFLINE; // a last will, whatever the age
    const age = now - this.at[slot];
    const meta = this.meta[slot];
    if (age >= (meta?.offline_ms ?? OFFLINE_MS)) return OFFLINE;
    return age >= (meta?.stale_ms ?? STALE_MS) ? STALE : LIVE;
  }

  #clear() {
    this.size = 0;
    this.ids.length = this.meta.length = 0;
    this.slots.clear();
  }

  /** @param {number} capacity */
  #grow(capacity) {
    /** @param {any} old @param {any} Kind */
    const wider = (old, Kind) => {
      const fresh = new Kind(capacity);
      if (old) fresh.set(old);
      return fresh;
    };
    for (const name of ["lng", "lat", "wx", "wy", "at"]) this[name] = wider(this[name], Float64Array);
    for (const name of ["course", "speed"]) this[name] = wider(this[name], Float32Array);
    for (const name of ["motion", "told", "contact", "alarm"]) this[name] = wider(this[name], Uint8Array);
  }

  /** @param {"frame" | "meta" | "contact"} what */
  #tell(what) {
    for (const listener of this.listeners) listener(what);
  }
}
