// The grid of a report. A click on a cell shows the line of its row in the table.
import { Grid } from "./shared/grid.js";
import { make } from "./shared/make.js";

const place = document.getElementById("glance");
if (place) {
  const told = JSON.parse(document.getElementById("marks-data").textContent);
  const lines = new Map([...document.querySelectorAll("#tasks tbody tr")].map((line) => [Number(line.cells[0].textContent), line]));
  const failed = make("p", { class: "soft", role: "alert" });
  let picked = null;
  const open = (index) => {
    picked?.classList.remove("picked");
    picked = lines.get(index) ?? null;
    if (!picked) return;
    picked.hidden = false; // the filter may hide it
    picked.classList.add("picked");
    picked.scrollIntoView({ block: "center" });
  };
  const grid = new Grid(open, () => Promise.resolve(told), (text) => { failed.textContent = text; });
  place.append(grid.element, failed);
  grid.load();
}
