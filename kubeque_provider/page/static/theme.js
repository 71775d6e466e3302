// Airflow's theme: inside its own page, the colours and fonts of that page, with the user's choice of dark or light.
import { framed } from "./address.js";

const COLOURS = {
  paper: "bg", ink: "fg", soft: "fg-muted", line: "border", panel: "bg-muted", focus: "fg-info",
  ok: "success-solid", failed: "failed-solid", running: "running-solid", pending: "queued-solid", held: "deferred-solid", killed: "removed-solid",
  "on-ok": "success-contrast", "on-failed": "failed-contrast", "on-running": "running-contrast", "on-pending": "queued-contrast",
  "on-held": "deferred-contrast", "on-killed": "removed-contrast",
};
const FONTS = { body: "body", mono: "mono" };

export function followTheme() {
  if (!framed) return;
  const outer = window.parent.document.documentElement;
  new MutationObserver(() => follow(outer)).observe(outer, { attributeFilter: ["class"] });
  follow(outer);
}

function follow(outer) {
  const dark = outer.classList.contains("dark");
  if (!dark && !outer.classList.contains("light")) return;
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (rule instanceof CSSMediaRule && (rule.themed || rule.media.mediaText.includes("prefers-color-scheme"))) {
        rule.themed = true;
        rule.media.mediaText = dark ? "all" : "not all";
      }
    }
  }
  const root = document.documentElement.style, theirs = getComputedStyle(outer);
  root.colorScheme = dark ? "dark" : "light";
  const copy = (ours, kind, name) => {
    const value = theirs.getPropertyValue(`--chakra-${kind}-${name}`).trim();
    if (value) root.setProperty(ours, value); // an Airflow without this name keeps the value of sweeps.css
  };
  for (const [ours, name] of Object.entries(COLOURS)) copy(`--${ours}`, "colors", name);
  for (const [ours, name] of Object.entries(FONTS)) copy(`--font-${ours}`, "fonts", name);
  dispatchEvent(new Event("themed"));
}
