/** The frame of every page: the clock runs, ages count up, signs turn. Works on whatever the page holds. */

import { age } from "./format.js";

const clock = /** @type {HTMLElement | null} */ (document.querySelector("[data-clock]"));
// The service's clock decides, not the one of this computer.
const offset = Number(document.body.dataset.now) - Date.now();

/** The service's clock, UTC ms. */
export const serverNow = () => Date.now() + offset;

/** Make signs turn and ages count inside an element. @param {ParentNode} root */
export function dress(root = document) {
  for (const sign of root.querySelectorAll("[data-course]")) {
    const element = /** @type {HTMLElement} */ (sign);
    element.style.setProperty("--course", `${Number(element.dataset.course) || 0}deg`);
  }
  count(root);
}

/** @param {ParentNode} root */
function count(root) {
  for (const element of root.querySelectorAll("[data-age]")) {
    const { age: at, ageWords } = /** @type {HTMLElement} */ (element).dataset;
    const text = age(serverNow() - Number(at));
    element.textContent = ageWords ? ageWords.replace("{age}", text) : text;
  }
}

function tick() {
  if (clock) {
    const zone = clock.dataset.clock;
    clock.textContent = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "medium" }).format(serverNow());
  }
  count(document);
}

dress();
tick();
setInterval(tick, 1000);
