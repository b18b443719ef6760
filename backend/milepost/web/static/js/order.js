/** An order's page stays true while it is open: when a fact moves the order, the page is fetched and put in place. */

import { LiveLine } from "./live.js";
import { dress } from "./chrome.js";
import { showLine } from "./status.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
let seq = -1, first = true, waiting = 0;

async function refresh() {
  waiting = 0;
  // Never take a form away from somebody who is filling it in.
  if (main.querySelector(".act[open]") || document.hidden) return;
  const open = [...main.querySelectorAll("details[open][id]")].map((each) => each.id);
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  main.replaceChildren(...(page.getElementById("main")?.childNodes ?? []));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  dress(main);
  offerPrint();
}

/** Printing is the browser's; the button only stands where scripts run. */
function offerPrint() {
  const button = /** @type {HTMLElement | null} */ (main.querySelector("[data-act=print]"));
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => print());
}

offerPrint();

const line = new LiveLine({
  seq: () => seq,
  onState: showLine,
  onFrame: (frame) => {
    seq = frame.seq;
    const mine = frame.e.some((event) => event.order === main.dataset.order || event.number === main.dataset.number);
    if ((mine || frame.reset) && !first) waiting ||= setTimeout(refresh, 300);
    first = false;
  },
});
line.start();
document.addEventListener("visibilitychange", () => document.hidden || refresh());
