// The page of one sweep: its progress, its actions, a grid of its rows, its failures and its table.
import { showActions } from "./actions.js";
import { address, framed, outward, query } from "./address.js";
import { ask, problem } from "./dom.js";
import { showFailures } from "./failures.js";
import { count, number, plural, ranges, span, when } from "./format.js";
import { Grid } from "./grid.js";
import { make } from "./make.js";
import { badge, bar, legend } from "./states.js";
import { showTable } from "./table.js";
import { openTask } from "./task.js";

const POLL = 2000, SLOWEST = 60000;

/** Return the way back to Airflow, where Airflow's own page is not around this one. */
export const home = () => (framed ? [] : [make("p", { class: "crumbs" }, make("a", { href: ".." }, "Airflow"))]);

export async function showSweep(place) {
  let sweep = await ask("job");
  if (sweep.last) return showLast(place, sweep);
  const { origin, paths } = sweep, index = origin.map_index === "-1" ? "" : ` [${origin.map_index}]`;
  document.title = `${origin.task}${index}: sweep`;
  const script = make("p", { class: "soft" }), head = make("div"), facts = make("p", { class: "soft" }), failures = make("section"), seen = [];
  const open = (row) => openTask(row, sweep, grid);
  const grid = new Grid(open, ask, problem), table = showTable(open), actions = showActions(() => ranges(table.chosen()), refresh);
  const link = (path, text) => make("a", outward(path), make("bdi", {}, text));
  const timeline = address({ job: sweep.name, dag: origin.dag, run: origin.run });
  place.replaceChildren(...home(),
    make("p", { class: "crumbs" }, make("a", { href: address() }, "Sweeps"), " / ", link(paths.dag, origin.dag), " / ", link(paths.run, origin.run), " / ", link(paths.task, `${origin.task}${index}`)),
    make("h1", {}, make("bdi", {}, `${origin.task}${index}`)), head, actions.element, facts, script,
    make("h2", {}, "Rows at a glance"), grid.element,
    make("p", {}, make("a", { href: `timeline${timeline}` }, "Timeline"), " · ", make("a", { href: `report${timeline}` }, "Report")),
    failures, table.element);

  function draw() {
    const { counts } = sweep, done = counts.ok + counts.failed + (sweep.unfinished ? 0 : counts.killed);
    head.replaceChildren(
      make("p", { class: "verdict", role: "status" }, badge(sweep.state), ` ${count(done)} of ${plural(sweep.tasks, "row")} ${sweep.tasks === 1 ? "has" : "have"} ended`,
        sweep.unfinished ? `; ${plural(sweep.unfinished, "row")} did not finish` : "", sweep.reason ? ` (${sweep.reason})` : "", rate(done)),
      bar(counts, sweep.tasks), legend(counts, (state) => table.filter({ state })));
    actions.draw(sweep.actions);
    table.choosable(sweep.actions.some((action) => action.name === "rerun_rows"));
    facts.replaceChildren(`Submitted ${when(sweep.created)}${sweep.ended ? `, ended ${when(sweep.ended)}` : ""}; ${plural(sweep.consumers, "consumer")}`,
      sweep.linked ? `; ${plural(sweep.linked, "row")} linked to earlier jobs` : "", "; results in ", make("code", {}, sweep.results), "; job ", make("code", {}, sweep.name));
  }
  function rate(done) {
    if (sweep.ended) return `, in ${span(sweep.ended - sweep.created)}`;
    if (done >= sweep.tasks) return ""; // it is being closed
    seen.push([sweep.now, done]);
    while (seen.length > 2 && sweep.now - seen[0][0] > 60) seen.shift();
    const [at, then] = seen[0], speed = (done - then) / Math.max(1, sweep.now - at);
    return speed > 0 ? `; ${number(speed, 2)} a second, about ${span((sweep.tasks - done) / speed)} left` : "";
  }
  let described = ""; // the revision whose script is shown
  async function rest() {
    const revision = `${sweep.uid} ${sweep.revision} ${sweep.run}`;
    if (described !== revision) script.textContent = await ask("script").then((answer) => answer.script, () => ""); // the store may not answer
    described = revision;
    await grid.load();
    if (sweep.counts.failed) failures.replaceChildren(...showFailures(await ask("failures"), open, table.filter));
    else failures.replaceChildren();
    await table.refresh();
  }
  draw();
  rest().catch((error) => problem(error.message));

  let wait = POLL, timer = 0;
  async function refresh() {
    const before = JSON.stringify([sweep.counts, sweep.run, sweep.ended]);
    const told = await ask("job");
    if (told.last) throw new Error(told.error); // the queue does not answer, and the shown values are newer
    const over = sweep.ended && !told.ended;
    sweep = told;
    draw();
    if (JSON.stringify([sweep.counts, sweep.run, sweep.ended]) !== before) await rest();
    if (over) next(); // it runs again
  }
  async function look() {
    const began = performance.now();
    try {
      await refresh();
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
    clearTimeout(timer);
    if (document.hidden) document.addEventListener("visibilitychange", look, { once: true });
    else timer = setTimeout(look, wait);
  }
  next();
  if (query.get("task")) open(Number(query.get("task")));
}

// Show the last summary in XCom, because the queue does not answer.
function showLast(place, { last, error }) {
  document.title = `${last.name}: sweep`;
  place.replaceChildren(...home(), make("p", { class: "crumbs" }, make("a", { href: address() }, "Sweeps")),
    make("h1", {}, make("bdi", {}, last.name)),
    make("p", { class: "verdict", role: "status" }, `State at ${when(last.at)}, from Airflow, of ${plural(last.tasks, "row")}:`),
    bar(last.counts, last.tasks), legend(last.counts, () => {}), make("p", { class: "soft" }, "Results in ", make("code", {}, last.results)));
  problem(`${error}. Load the page again to see its present state.`);
}
