// The list of sweeps, newest first, in pages.
import { address, note, outward, query } from "./address.js";
import { ask, problem } from "./dom.js";
import { count, when } from "./format.js";
import { make } from "./make.js";
import { badge, bar } from "./states.js";
import { home } from "./sweep.js";

const HEADS = [["sweep"], ["state"], ["progress"], ["rows", "n"], ["DAG"], ["run"], ["map index", "n"], ["submitted"]];

export async function showList(place) {
  const words = make("input", { type: "search", autocomplete: "off", "aria-label": "only sweeps with these words", placeholder: "name, DAG, run or Airflow task" });
  words.value = query.get("words") ?? "";
  const tools = make("div", { class: "tools" }, words);
  const said = make("p", { class: "soft", role: "status" });
  const warnings = make("div", { role: "note" });
  const body = make("tbody");
  const heads = HEADS.map(([head, kind]) => make("th", { scope: "col", class: kind }, head));
  const table = make("table", { class: "sweeps" }, make("thead", {}, make("tr", {}, ...heads)), body);
  const newer = make("button", { type: "button", onclick: () => go(first - page) }, "newer");
  const older = make("button", { type: "button", onclick: () => go(first + page) }, "older");
  const frame = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "sweeps" }, table);
  place.replaceChildren(...home(), make("h1", {}, "Sweeps"), tools, warnings, said, frame, make("div", { class: "tools" }, newer, older));
  let first = Number(query.get("first") ?? 0) || 0, page = 50, timer = 0, offered = false;

  async function load() {
    const told = await ask("jobs", { first, words: words.value });
    page = told.page;
    problem("");
    body.replaceChildren(...told.sweeps.map(row));
    warnings.replaceChildren(...told.warnings.map((line) => make("p", { class: "warning" }, line)));
    frame.hidden = !told.sweeps.length;
    said.textContent = told.total ? `${count(first + 1)} to ${count(first + told.sweeps.length)} of ${count(told.total)}`
      : words.value ? "No sweep matches these words." : "No sweeps yet. A KubequeSubmitOperator or @task.kubeque submits a sweep; users with read access to its DAG see the sweep.";
    newer.hidden = first === 0;
    older.hidden = first + page >= told.total;
    if (!offered) offer(told.connections);
    offered = true;
  }
  function offer(names) {
    const used = query.get("conn") ?? "kubeque_default";
    const all = [...new Set([used, ...names])].sort(); // the one in use need not be in Airflow's database
    if (all.length < 2) return;
    const choice = make("select", { onchange: () => { location.search = new URLSearchParams({ view: "list", conn: choice.value }); } },
      ...all.map((name) => make("option", { value: name }, name)));
    choice.value = used;
    tools.append(make("label", {}, "Connection ", choice));
  }
  function go(to) {
    first = Math.max(0, to);
    note({ first, words: words.value });
    load().catch((error) => problem(error.message));
  }
  words.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => go(0), 250); });
  await load();
}

function row(sweep) {
  const { dag, run, task, map_index: index } = sweep.origin, { paths } = sweep, mapped = index !== "-1";
  const link = { href: address({ job: sweep.name, dag, run }), title: sweep.name };
  return make("tr", { class: sweep.counts.failed ? "failed" : null },
    make("td", { class: "name" }, make("a", link, make("bdi", {}, task), mapped ? make("span", { class: "narrow" }, ` [${index}]`) : null)),
    make("td", {}, badge(sweep.state)), make("td", { class: "progress" }, bar(sweep.counts, sweep.tasks)),
    make("td", { class: "n wide" }, count(sweep.tasks)), make("td", {}, make("a", outward(paths.dag), make("bdi", {}, dag))),
    make("td", {}, make("a", outward(paths.run), make("bdi", {}, run))), make("td", { class: "n wide" }, mapped ? index : ""),
    make("td", { class: "soft" }, when(sweep.created)));
}
