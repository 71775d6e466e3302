// The table of rows: state, parameters, out.*, then the rest. A click on a heading sorts it, and words search it.
import { note, query } from "./address.js";
import { ask, problem } from "./dom.js";
import { bytes, count, number } from "./format.js";
import { make } from "./make.js";
import { badge } from "./states.js";

const SIZES = new Set(["peak_memory", "bytes"]);
const NUMERIC = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const KEPT = ["state", "sort", "down", "find", "cause", "like"];

export function showTable(open) {
  const body = make("tbody"), head = make("tr"), said = make("span", { role: "status" });
  const wanted = Object.fromEntries(KEPT.map((key) => [key, query.get(key) ?? ""])), chosen = new Set();
  const state = make("select", { onchange: () => filter({ state: state.value }) },
    ...["", "ok", "failed", "running", "pending", "killed", "held"].map((name) => make("option", { value: name }, name || "all")));
  const find = make("input", { type: "search", "aria-label": "search by the value of a parameter", placeholder: "a value, or lr=0.1 batch>32" });
  const group = make("button", { type: "button", onclick: () => filter({}) }, "one group of failures ✕");
  const back = make("button", { type: "button", onclick: () => turn(-1) }, "back");
  const on = make("button", { type: "button", onclick: () => turn(1) }, "next"), page = make("span", {});
  back.hidden = on.hidden = group.hidden = true;
  const element = make("section", {}, make("h2", {}, "Rows"), make("div", { class: "tools" }, make("label", {}, "State ", state), find, group, said),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "rows" }, make("table", { id: "tasks" }, make("thead", {}, head), body)),
    make("div", { class: "tools" }, back, page, on));
  let at = [Number(query.get("first") ?? 0) || 0], following = null, choosing = false, timer = 0, asked = 0;

  /** Show only rows in a state, of a group of failures, or with a value. What is not named is shown without a limit. */
  function filter(limits) {
    Object.assign(wanted, { state: "", find: "", cause: "", like: "" }, limits);
    begin();
    element.scrollIntoView({ block: "nearest" });
  }
  function begin() { at = [0]; return load(); }
  function turn(by) { if (by > 0) at.push(following); else at.pop(); load(); }
  async function refresh() {
    const mine = (asked += 1), slow = wanted.sort || wanted.find || wanted.like || wanted.state;
    state.value = wanted.state; group.hidden = !wanted.like && !wanted.cause;
    if (document.activeElement !== find) find.value = wanted.find;
    note({ ...wanted, first: at.at(-1) });
    said.textContent = slow ? "…" : "";
    const told = await ask("table", { ...wanted, first: at.at(-1) });
    if (mine !== asked) return; // a newer question is on its way
    following = told.next;
    const numeric = told.heads.map((_, column) => told.rows.every((row) => plain(row[column])) && told.rows.some((row) => row[column] !== null));
    head.replaceChildren(...(choosing ? [make("th", {})] : []), ...told.heads.map((one, column) => heading(one, numeric[column])));
    body.replaceChildren(...told.rows.map((cells) => line(cells, told.heads, numeric)));
    back.hidden = at.length < 2; on.hidden = following === null;
    const pages = told.found === undefined ? "" : ` of ${count(Math.max(1, Math.ceil(told.found / told.page)))}`;
    page.textContent = back.hidden && on.hidden ? "" : `page ${count(at.length)}${pages}`;
    said.textContent = !told.rows.length ? "no row matches" : told.left_out ? `${told.left_out} more columns are not shown` : "";
  }
  const load = () => refresh().then(() => problem(""), (error) => { said.textContent = ""; problem(error.message); });
  const plain = (value) => value === null || typeof value === "number" || (typeof value === "string" && NUMERIC.test(value));
  function heading({ column, label }, isNumber) {
    const sorted = column === wanted.sort ? { "aria-sort": wanted.down ? "descending" : "ascending" } : {};
    const sort = () => { wanted.down = column === wanted.sort && !wanted.down ? "1" : ""; wanted.sort = column; begin(); };
    return make("th", { scope: "col", class: isNumber ? "n" : null, ...sorted }, make("button", { type: "button", onclick: sort }, label));
  }
  function line(cells, heads, numeric) {
    const [index, is] = cells, name = { class: "n" };
    return make("tr", { class: is === "failed" ? "failed" : null }, choosing ? make("td", {}, choice(index)) : null,
      make("td", name, make("button", { class: "link", type: "button", onclick: () => open(index) }, String(index))), make("td", {}, badge(is)),
      ...cells.slice(2).map((value, at) => cell(value, heads[at + 2].column, numeric[at + 2])));
  }
  function cell(value, column, isNumber) {
    const exact = value === null ? "" : String(value);
    const text = typeof value !== "number" ? exact : SIZES.has(column) ? bytes(value) : number(value);
    return make("td", { class: isNumber ? "n" : null, title: text !== exact || text.length > 30 ? exact : null }, text);
  }
  function choice(index) {
    const box = make("input", { type: "checkbox", "aria-label": `choose row ${index}`, onchange: () => (box.checked ? chosen.add(index) : chosen.delete(index)) });
    box.checked = chosen.has(index);
    return box;
  }
  find.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => filter({ state: wanted.state, find: find.value.trim() }), 300); });
  function choosable(yes) {
    if (choosing === yes) return;
    choosing = yes;
    if (body.rows.length) load();
  }
  // A sorted or searched table is refreshed only by a click.
  return { element, filter, choosable, chosen: () => chosen, refresh: () => ((wanted.sort || wanted.find) && body.rows.length ? Promise.resolve() : refresh()) };
}
