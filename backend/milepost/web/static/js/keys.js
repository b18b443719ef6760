/** Keys of a page: a table of actions, silent while somebody types, and the page of help behind `?`. */

/** @param {Record<string, () => void>} actions by `event.key` */
export function bindKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing && event.key !== "Escape") return;
    const help = /** @type {HTMLDialogElement | null} */ (document.getElementById("keys"));
    if (help?.open) return; // Escape closes a dialog by itself
    if (event.key === "?" && help) {
      event.preventDefault();
      help.showModal();
      return;
    }
    // Enter on a button or a link belongs to it.
    if (event.key === "Enter" && target.matches("a, button, summary")) return;
    const act = actions[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
