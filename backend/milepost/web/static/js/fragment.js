/** Pieces of a page that come from the service, already escaped there; scripts in them would not run (CSP). */

import { dress } from "./chrome.js";

/**
 * Put what an address gives into an element. @param {Element} into @param {string} address
 * @param {() => boolean} wanted asked when the answer is there: the person may have gone on meanwhile
 * @returns {Promise<boolean>} false when there was nothing
 */
export async function load(into, address, wanted = () => true) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!wanted()) return answer.ok;
  const kept = focusOf(into);
  into.replaceChildren(...page.body.childNodes);
  dress(into);
  if (kept) /** @type {HTMLElement | null} */ (into.querySelector(kept))?.focus();
  return answer.ok;
}

/** Where the focus stands inside, so that a refresh does not take it away. */
function focusOf(into) {
  const active = document.activeElement;
  return active && active.id && into.contains(active) ? `#${CSS.escape(active.id)}` : null;
}
