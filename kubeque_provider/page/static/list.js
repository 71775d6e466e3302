// The list of sweeps, newest first, in pages.
import { address, ask, bar, make, problem, query } from "./dom.js";
import { count, when } from "./format.js";

export async function showList(place) {
  const words = make("input", { type: "search", autocomplete: "off", "aria-label": "only sweeps with these words", placeholder: "name, DAG or run" });
  const tools = make("div", { class: "tools" }, make("label", {}, "Only with ", words));
  const said = make("p", { class: "soft", role: "status" });
  const warnings = make("div", { role: "note" });
  const body = make("tbody");
  const heads = ["sweep", "state", "progress", "tasks", "DAG", "run", "submitted"].map((head) => make("th", { scope: "col" }, head));
  const table = make("table", { class: "sweeps" }, make("thead", {}, make("tr", {}, ...heads)), body);
  const newer = make("button", { type: "button", onclick: () => go(first - page) }, "newer");
  const older = make("button", { type: "button", onclick: () => go(first + page) }, "older");
  const frame = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "sweeps" }, table);
  place.replaceChildren(make("h1", {}, "Sweeps"), tools, warnings, said, frame, make("div", { class: "tools" }, newer, older));
  let first = 0, page = 50, timer = 0, offered = false;

  async function load() {
    const told = await ask("jobs", { first, words: words.value });
    page = told.page;
    problem("");
    body.replaceChildren(...told.sweeps.map(row));
    warnings.replaceChildren(...told.warnings.map((line) => make("p", { class: "warning" }, line)));
    frame.hidden = !told.sweeps.length;
    said.textContent = told.total ? `${count(first + 1)} to ${count(first + told.sweeps.length)} of ${count(told.total)}`
      : words.value ? "No sweep has these words." : "No sweeps yet. A KubequeSubmitOperator or @task.kubeque makes one; users with read access to its DAG see it.";
    newer.hidden = first === 0;
    older.hidden = first + page >= told.total;
    if (!offered && told.connections.length > 1) offer(told.connections);
    offered = true;
  }
  function offer(names) {
    const choice = make("select", { onchange: () => { location.search = new URLSearchParams({ conn: choice.value }); } },
      ...names.map((name) => make("option", { value: name }, name)));
    choice.value = query.get("conn") ?? "kubeque_default";
    tools.append(make("label", {}, "Connection ", choice));
  }
  const go = (to) => { first = Math.max(0, to); load().catch((error) => problem(error.message)); };
  words.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => go(0), 250); });
  await load();
}

function row(sweep) {
  const { dag, run } = sweep.origin;
  return make("tr", {},
    make("td", {}, make("a", { href: address({ job: sweep.name }) }, make("bdi", {}, sweep.name))),
    make("td", {}, make("span", { class: "state" }, sweep.state)), make("td", {}, bar(sweep.counts, sweep.tasks)),
    make("td", { class: "n" }, count(sweep.tasks)), make("td", {}, make("bdi", {}, dag)), make("td", {}, make("bdi", {}, run)),
    make("td", {}, when(sweep.created)));
}
