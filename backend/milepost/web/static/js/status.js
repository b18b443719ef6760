/** The line's state in the top bar, and the banner when what is shown is no longer live. Never a silent, stale board. */

import { age } from "./format.js";
import { t } from "./i18n.js";

/** @param {import("./live.js").LineState} state */
export function showLine({ kind, lag_s, since }) {
  const conn = /** @type {HTMLElement} */ (document.getElementById("conn"));
  conn.hidden = false;
  conn.className = `conn ${kind === "live" ? (lag_s > 2 ? "slow" : "ok") : kind === "off" ? "off" : "slow"}`;
  const [word, small] = conn.querySelectorAll("[data-part]");
  word.textContent = t(`conn.${kind}`);
  small.textContent = kind === "live" || kind === "delayed" ? t("conn.lag", { s: lag_s.toFixed(1) }) : "";
  const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
  banner.hidden = kind === "live" || kind === "connecting";
  if (kind === "off") banner.textContent = t("banner.off", { age: age(Date.now() - since) });
  if (kind === "delayed") banner.textContent = t("banner.delayed");
}
