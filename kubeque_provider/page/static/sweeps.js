// The page of sweeps: the list, or one sweep, in Airflow's light or dark theme.
import { query } from "./address.js";
import { problem } from "./dom.js";
import { showList } from "./list.js";
import { showSweep } from "./sweep.js";
import { followTheme } from "./theme.js";

followTheme();
const place = document.getElementById("page");
(query.get("job") ? showSweep : showList)(place).catch((error) => problem(error.message))
  .finally(() => place.removeAttribute("aria-busy"));
