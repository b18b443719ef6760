/** The desk and the list of orders: time left counts by itself, the page is fetched anew when something is due or
 *  changes, keys move. Without scripts the page says the same, at the moment it was made. */

import { serverNow } from "./chrome.js";
import { LiveLine } from "./live.js";
import { showLine } from "./status.js";
import { t } from "./i18n.js";

const NEAR_MS = 120_000; // from here on the figures stand in the alarm colour
const FRESH_MS = 30_000; // longest between two looks at the service
let seq = -1, first = true, waiting = 0, fetched = Date.now();
const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** Time left or passed: the same steps as web/clock_view.py. @param {number} ms @returns {string} */
export function leftText(ms) {
  const s = Math.floor(Math.max(0, ms) / 1000), two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))}`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function count() {
  const now = serverNow();
  for (const each of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".cd[data-due]"))) {
    const due = Number(each.dataset.due), start = Number(each.dataset.start), left = due - now;
    const words = /** @type {HTMLElement} */ (each.querySelector("b"));
    words.textContent = left < 0 ? t("late_by", { left: leftText(-left) }) : leftText(left);
    const rest = each.querySelector(".rest");
    if (rest) rest.setAttribute("width", `${Math.max(0, Math.min(100, (left * 100) / Math.max(1, due - start)))}%`);
    each.classList.toggle("near", left >= 0 && left <= NEAR_MS);
    if (left < 0 && !each.classList.contains("late")) soon();
  }
}

function soon() {
  waiting ||= setTimeout(refresh, 500);
}

async function refresh() {
  waiting = 0;
  // Never take a form away from somebody who is filling it in.
  const busy = main.querySelector(".act[open]") || main.contains(document.activeElement) &&
    /** @type {Element} */ (document.activeElement).matches("input, select, textarea");
  if (busy || document.hidden) return;
  fetched = Date.now();
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = [...main.querySelectorAll("details[open][id]")].map((each) => each.id);
  const side = document.getElementById("side")?.scrollTop ?? 0, focus = document.activeElement?.getAttribute("href");
  main.replaceChildren(...(page.getElementById("main")?.childNodes ?? []));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  document.getElementById("side")?.scrollTo(0, side);
  if (focus) /** @type {HTMLElement | null} */ (main.querySelector(`a[href="${CSS.escape(focus)}"]`))?.focus();
  count();
}

/** j k move through the rows, Enter opens (the link has the focus), Esc closes what stands beside. */
function keys(/** @type {KeyboardEvent} */ event) {
  const at = /** @type {Element} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || at.matches("input, select, textarea")) return;
  const rows = /** @type {HTMLElement[]} */ ([...main.querySelectorAll("tbody a.plate")]);
  const here = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  if (event.key === "j" || event.key === "k") rows[Math.max(0, Math.min(rows.length - 1, here + (event.key === "j" ? 1 : -1)))]?.focus();
  else if (event.key === "/") { /** @type {HTMLElement | null} */ (main.querySelector("input[type=search]"))?.focus(); event.preventDefault(); }
  else if (event.key === "Escape") /** @type {HTMLElement | null} */ (main.querySelector("#side .oh a.icon"))?.click();
}

// A choice in the sentence above the desk takes effect at once.
document.addEventListener("change", (event) => {
  const at = /** @type {HTMLSelectElement} */ (event.target);
  if (at.matches("select.said")) at.form?.requestSubmit();
});
document.addEventListener("keydown", keys);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => { count(); if (Date.now() - fetched > FRESH_MS) soon(); }, 1000);
new LiveLine({
  seq: () => seq,
  onState: showLine,
  onFrame: (frame) => {
    seq = frame.seq;
    if (!first && (frame.reset || frame.e.some((event) => event.order || event.number))) soon();
    first = false;
  },
}).start();
