// The page of one sweep: its progress, a grid of its tasks, its failures and its table.
import { address, ask, bar, keys, make, problem, query } from "./dom.js";
import { count, number, span, when } from "./format.js";
import { Grid } from "./grid.js";
import { showTable } from "./table.js";
import { openTask } from "./task.js";

const POLL = 2000, SLOWEST = 60000;

export async function showSweep(place) {
  let sweep = await ask("job");
  if (sweep.last) return showLast(place, sweep);
  document.title = `${sweep.name}: sweep`;
  const script = make("p", { class: "soft" }), head = make("header"), failures = make("section"), seen = [];
  const open = (index) => openTask(index);
  const grid = new Grid(open);
  const rows = showTable(open);
  const link = make("a", { href: `timeline${address({ job: sweep.name })}` }, "Timeline: which attempt ran where and when");
  place.replaceChildren(make("p", { class: "crumbs" }, make("a", { href: address({}) }, "All sweeps")), head, script,
    make("h2", {}, "Tasks at a glance"), grid.element, make("p", {}, link), failures, rows.element);

  function draw() {
    const { counts } = sweep, ended = counts.ok + counts.failed + counts.killed, { origin } = sweep;
    const who = `DAG ${origin.dag}, run ${origin.run}, Airflow task ${origin.task}${origin.map_index === "-1" ? "" : ` [${origin.map_index}]`}`;
    const from = window.parent === window ? make("a", { href: `../${sweep.address}` }, who) : who; // in the frame, pages would nest
    head.replaceChildren(make("h1", {}, make("bdi", {}, sweep.name)),
      make("p", { class: "verdict", role: "status" }, make("strong", {}, sweep.state), `${count(ended)} of ${count(sweep.tasks)} tasks have ended`,
        sweep.reason ? ` (${sweep.reason})` : "", rate(ended)), bar(counts, sweep.tasks), keys(counts),
      make("p", { class: "soft" }, from, `; submitted ${when(sweep.created)}${sweep.ended ? `, ended ${when(sweep.ended)}` : ""}`,
        sweep.linked ? `; ${count(sweep.linked)} tasks were done before` : "", "; results in ", make("code", {}, sweep.results)));
  }
  function rate(ended) {
    if (sweep.ended) return `, in ${span(sweep.ended - sweep.created)}`;
    if (ended >= sweep.tasks) return ""; // it is being closed
    seen.push([sweep.now, ended]);
    while (seen.length > 2 && sweep.now - seen[0][0] > 60) seen.shift();
    const [at, then] = seen[0], speed = (ended - then) / Math.max(1, sweep.now - at);
    return speed > 0 ? `; ${number(speed, 2)} a second, about ${span((sweep.tasks - ended) / speed)} left` : "";
  }
  let described = ""; // the revision whose script is shown
  async function rest() {
    const revision = `${sweep.uid} ${sweep.revision} ${sweep.run}`;
    if (described !== revision) script.textContent = await ask("script").then((answer) => answer.script, () => ""); // the store may not answer
    described = revision;
    await grid.load();
    if (sweep.counts.failed) failures.replaceChildren(...groups(await ask("failures"), open));
    else failures.replaceChildren();
    await rows.refresh();
  }
  draw();
  rest().catch((error) => problem(error.message));

  let wait = POLL;
  async function look() {
    const began = performance.now();
    try {
      const before = JSON.stringify([sweep.counts, sweep.run, sweep.ended]);
      const told = await ask("job");
      if (told.last) throw new Error(told.error); // the queue does not answer, and the shown values are newer
      sweep = told;
      draw();
      if (JSON.stringify([sweep.counts, sweep.run, sweep.ended]) !== before) await rest();
      problem("");
      wait = Math.min(SLOWEST, Math.max(POLL, 10 * (performance.now() - began))); // repeat slow requests less often
    } catch (error) {
      problem(error.message);
      if (error.status === 404 || error.status === 401) return;
      wait = Math.min(SLOWEST, 2 * wait);
    }
    next();
  }
  function next() {
    if (sweep.ended) return; // no further change
    if (document.hidden) document.addEventListener("visibilitychange", look, { once: true });
    else setTimeout(look, wait);
  }
  next();
  if (query.get("task")) open(Number(query.get("task")));
}

// Show the last summary in XCom, because the queue does not answer.
function showLast(place, { last, error }) {
  document.title = `${last.name}: sweep`;
  place.replaceChildren(make("p", { class: "crumbs" }, make("a", { href: address({}) }, "All sweeps")),
    make("header", {}, make("h1", {}, make("bdi", {}, last.name)),
      make("p", { class: "verdict", role: "status" }, `State at ${when(last.at)}, from Airflow, of ${count(last.tasks)} tasks:`),
      bar(last.counts, last.tasks), keys(last.counts), make("p", { class: "soft" }, "Results in ", make("code", {}, last.results))));
  problem(`${error}. Load the page again to see its present state.`);
}

function groups(told, open) {
  const causes = Object.entries(told.causes).map(([cause, n]) => `${count(n)} ${cause}`).join(", ");
  const line = (group) => make("tr", {}, make("td", { class: "n" }, count(group.count)),
    make("td", {}, make("span", { class: `swatch cause-${group.cause}` }), group.cause), make("td", { class: "mono" }, group.message || "(no message)"),
    make("td", {}, ...group.first.map(({ index, row }) => make("div", {}, make("button", { class: "link", type: "button", onclick: () => open(index) }, `${index}`), " ", make("bdi", {}, row))),
      group.more ? make("span", { class: "soft" }, `and ${count(group.more)} more`) : null));
  const heads = ["tasks", "cause", "message", "first of them"].map((head) => make("th", { scope: "col" }, head));
  return [make("h2", {}, "Failures"), make("p", {}, `${causes}. Messages that differ in numbers only are one line.`),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "failures" },
      make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...told.groups.map(line))))];
}
