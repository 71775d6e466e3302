// The table of tasks: parameters, state, and out.*. A click on a heading sorts the table by this column.
import { ask, make, problem } from "./dom.js";
import { number } from "./format.js";

export function showTable(open) {
  const body = make("tbody"), head = make("tr"), said = make("span", { role: "status" });
  const state = make("select", { onchange: () => begin() },
    ...["", "ok", "failed", "running", "pending", "killed", "held"].map((name) => make("option", { value: name }, name || "all")));
  const back = make("button", { type: "button", onclick: () => { at.pop(); load(); } }, "back");
  const on = make("button", { type: "button", onclick: () => { at.push(following); load(); } }, "next");
  const element = make("section", {}, make("h2", {}, "Tasks"), make("div", { class: "tools" }, make("label", {}, "State ", state), said),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "tasks" }, make("table", { id: "tasks" }, make("thead", {}, head), body)),
    make("div", { class: "tools" }, back, on));
  let at = [0], following = null, sort = "", down = false;

  function begin() { at = [0]; return load(); }
  async function refresh() {
    said.textContent = sort ? "sorting …" : "";
    const told = await ask("table", { first: at.at(-1), state: state.value, sort, down: down ? "1" : "" });
    following = told.next;
    head.replaceChildren(...told.heads.map(heading));
    body.replaceChildren(...told.rows.map(line));
    back.hidden = at.length < 2; on.hidden = following === null;
    said.textContent = told.rows.length ? told.left_out ? `${told.left_out} columns more are not shown` : "" : "no such tasks";
  }
  const load = () => refresh().then(() => problem(""), (error) => { said.textContent = ""; problem(error.message); });
  function heading({ column, label }) {
    const sorted = column === sort ? { "aria-sort": down ? "descending" : "ascending" } : {};
    const turn = () => { down = column === sort && !down; sort = column; begin(); };
    return make("th", { scope: "col", ...sorted }, make("button", { type: "button", onclick: turn }, label));
  }
  function line(cells) {
    const [index, ...others] = cells;
    return make("tr", {}, make("td", { class: "n" }, make("button", { class: "link", type: "button", onclick: () => open(index) }, String(index))),
      ...others.map((value) => {
        const exact = value === null ? "" : String(value), text = typeof value === "number" ? number(value) : exact;
        return make("td", { class: typeof value === "number" ? "n" : "", title: text !== exact || text.length > 30 ? exact : null }, text);
      }));
  }
  return { element, refresh: () => (sort && body.rows.length ? Promise.resolve() : refresh()) }; // a sorted table is refreshed only by a click
}
