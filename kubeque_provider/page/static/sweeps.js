// The page of sweeps: the list, or one sweep, in Airflow's light or dark theme.
import { problem, query } from "./dom.js";
import { showList } from "./list.js";
import { showSweep } from "./sweep.js";

// Inside Airflow's own page, Airflow's theme applies instead of the system's. So switch the rules for dark on or off.
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
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  dispatchEvent(new Event("themed"));
}

try {
  if (window.parent !== window) {
    const outer = window.parent.document.documentElement;
    new MutationObserver(() => follow(outer)).observe(outer, { attributeFilter: ["class"] });
    follow(outer);
  }
} catch { /* the frame belongs to another site: use the system's theme */ }

const place = document.getElementById("page");
(query.get("job") ? showSweep : showList)(place).catch((error) => problem(error.message))
  .finally(() => place.removeAttribute("aria-busy"));
