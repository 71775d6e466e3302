// The table of tasks. A click on a heading sorts the rows. Words in the field hide all rows that do not have them.
"use strict";
(() => {
  const table = document.getElementById("tasks");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v ?? cell.textContent;
  };

  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === "" || b === "") return a === "" ? 1 : -1; // missing values come last in both directions
    return null;
  };

  function sort(column, direction) {
    const keys = new Map(rows.map((row) => [row, value(row, column)]));
    const numeric = rows.every((row) => keys.get(row) === "" || !Number.isNaN(Number(keys.get(row))));
    const collator = new Intl.Collator("en", { numeric: true });
    rows.sort((left, right) => {
      const a = keys.get(left), b = keys.get(right);
      const known = compare(a, b);
      if (known !== null) return known || left.sectionRowIndex - right.sectionRowIndex;
      return direction * (numeric ? Number(a) - Number(b) : collator.compare(a, b));
    });
    body.append(...rows);
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  }

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      sort(column, head.getAttribute("aria-sort") === "ascending" ? -1 : 1);
    });
  });

  const field = document.getElementById("filter");
  const said = document.getElementById("filtered");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) left += 1;
    }
    said.textContent = words.length ? `${left} of ${rows.length} rows` : "";
  });
})();
