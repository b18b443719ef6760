/** Printing is the browser's; the button only stands where scripts run. */

const button = /** @type {HTMLElement | null} */ (document.querySelector("[data-act=print]"));
if (button) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
