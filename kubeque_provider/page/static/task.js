// The dialog of one task: its row, its attempts, its results, and the end of its output.
import { ask, make, problem } from "./dom.js";
import { span, when } from "./format.js";

const FOLLOW = 2000;

export async function openTask(index) {
  let task;
  try { task = await ask("task", { index }); } catch (error) { return problem(error.message); }
  const list = (pairs) => make("dl", { class: "facts" }, ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value ?? "")))));
  const log = make("pre", { id: "log", tabindex: 0, "aria-label": "the end of what it wrote" }, "…"), about = make("p", { class: "soft" });
  const stream = make("select", { onchange: () => look() }, make("option", {}, "stdout"), make("option", {}, "stderr"));
  const box = make("dialog", { "aria-label": `task ${index}` },
    make("h2", {}, `Task ${index} `, make("span", { class: "state" }, task.state)), task.message ? make("p", { class: "mono" }, task.message) : null,
    list(task.row), task.out.length ? make("h3", {}, "out") : null, list(task.out), list(Object.entries(task.facts).filter(([, value]) => value !== null)),
    make("ul", {}, ...task.attempts.map((a) => make("li", {}, `attempt ${a.number}: ${a.cause}${a.code === null ? "" : ` ${a.code}`}, ${span(a.seconds)}, ${when(a.start)}, ${a.consumer}`))),
    make("div", { class: "tools" }, make("label", {}, "Output ", stream)), log, about,
    make("form", { method: "dialog", class: "tools", onsubmit: (event) => { event.preventDefault(); box.close(); } }, make("button", {}, "Close")));
  let timer = 0;
  async function look() {
    clearTimeout(timer);
    try {
      const told = await ask("log", { index, stream: stream.value });
      const low = log.scrollTop + log.clientHeight > log.scrollHeight - 8;
      if (log.textContent !== told.text) log.textContent = told.text || "(nothing)";
      if (low) log.scrollTop = log.scrollHeight;
      about.textContent = told.attempt === 0 ? "" : `attempt ${told.attempt}${told.age ? `, ${span(told.age)} old` : ""}${told.from ? ", the last 64 KiB" : ""}`;
      if (!told.final && box.open) timer = setTimeout(look, FOLLOW);
    } catch (error) { log.textContent = error.message; }
  }
  box.addEventListener("close", () => { clearTimeout(timer); box.remove(); });
  document.body.append(box);
  box.showModal();
  await look();
}
