/**
 * The line to the service: WebSocket frames, resumed by sequence number; long polling where no socket gets through.
 * It never ends by itself: 0.5 s × 2 up to 15 s between tries, at once when the page is looked at or the network is back.
 */

const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 15_000;
const DEAD_MS = 5_000; // the service sends at least an empty frame every 2 s
const SIGNED_OUT = 4401;

/**
 * @typedef {{kind: "connecting" | "live" | "delayed" | "off", lag_s: number, since: number}} LineState
 */
export class LiveLine {
  /**
   * @param {{onFrame: (frame: any) => void, onState: (state: LineState) => void, seq: () => number}} hooks
   *   `seq`: the last sequence number applied
   */
  constructor(hooks) {
    this.hooks = hooks;
    /** Server time − our time, ms: the least delayed frame of a connection tells it best. */
    this.offset = -Infinity;
    this.lag_s = 0;
    this.heard = Date.now();
    this.failures = 0;
    this.opened = false;
    /** @type {WebSocket | null} */ this.socket = null;
    this.polling = false;
    this.timer = 0;
  }

  start() {
    const now = () => (this.socket || this.polling ? this.#watch() : this.#again(0));
    document.addEventListener("visibilitychange", () => document.hidden || now());
    addEventListener("online", now);
    addEventListener("offline", () => this.socket?.close());
    setInterval(() => this.#watch(), 1000);
    this.#open();
  }

  /** The service's clock, UTC ms. */
  now() {
    return Date.now() + (Number.isFinite(this.offset) ? this.offset : 0);
  }

  #open() {
    if (this.socket || this.polling) return;
    const address = new URL("/api/v1/live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    if (this.hooks.seq() >= 0) address.searchParams.set("since", String(this.hooks.seq()));
    const socket = (this.socket = new WebSocket(address));
    this.offset = -Infinity;
    socket.onmessage = ({ data }) => {
      this.opened = true;
      this.failures = 0;
      this.#take(JSON.parse(data));
      socket.send(JSON.stringify({ ack: this.hooks.seq() }));
      this.#state("live");
    };
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.failures++;
      if (code === SIGNED_OUT) return location.reload(); // leads to the sign-in page and back here
      if (!this.opened && this.failures >= 2) return void this.#poll();
      this.#again(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.failures - 1)) * (0.75 + Math.random() / 2));
    };
  }

  async #poll() {
    this.polling = true;
    try {
      const path = this.hooks.seq() < 0 ? "/api/v1/live" : `/api/v1/live/changes?since=${this.hooks.seq()}&wait_s=2`;
      const answer = await fetch(path);
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(`${answer.status}`);
      const frame = await answer.json();
      this.#take(this.hooks.seq() < 0 ? { ...frame, reset: true } : frame);
      this.#state("delayed");
      this.timer = setTimeout(() => this.#poll(), 250);
    } catch {
      this.polling = false;
      this.#again(3000);
    }
  }

  #take(frame) {
    this.heard = Date.now();
    this.offset = Math.max(this.offset, frame.t - this.heard);
    this.lag_s = Math.max(0, this.now() - frame.t) / 1000;
    this.hooks.onFrame(frame);
  }

  #again(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#open(), wait);
    this.#watch();
  }

  /** Say it when nothing has come for too long; a dead socket is closed so that a new one can be opened. */
  #watch() {
    const silent = Date.now() - this.heard;
    if (silent < DEAD_MS) return;
    this.#state("off");
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.close();
  }

  #state(kind) {
    this.hooks.onState({ kind, lag_s: this.lag_s, since: this.heard });
  }
}
