/** The door's tablet: fetches what is true twice in three seconds, sounds when a wrong unit appears, says when cut off. */

import { load } from "./fragment.js";

const EVERY_MS = 1500;
const box = /** @type {HTMLElement} */ (document.getElementById("now"));
const dot = /** @type {HTMLElement} */ (document.querySelector("#line .dot"));
let told = box.querySelector("[data-wrong]")?.getAttribute("data-wrong") ?? "";

/** Three short tones. A tablet that nobody has touched yet may stay silent; the screen says it all the same. */
function tone() {
  const audio = new AudioContext();
  for (const start of [0, 0.3, 0.6]) {
    const voice = audio.createOscillator();
    voice.frequency.value = 880;
    voice.connect(audio.destination);
    voice.start(audio.currentTime + start);
    voice.stop(audio.currentTime + start + 0.18);
  }
}

async function refresh() {
  // A choice somebody is making stays.
  if (!document.hidden && !box.querySelector("input:checked")) {
    const seen = box.dataset.seen ?? "";
    try {
      const good = await load(box, `/doors/${box.dataset.door}/now?seen=${encodeURIComponent(seen)}`);
      dot.classList.toggle("off", !good);
    } catch {
      dot.classList.add("off");
    }
    const wrong = box.querySelector("[data-wrong]")?.getAttribute("data-wrong") ?? "";
    if (wrong && wrong !== told) tone();
    told = wrong;
  }
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
