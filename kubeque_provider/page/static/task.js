// The dialog of one task: its row, its results, its output, its command and files, and its attempts.
import { note } from "./address.js";
import { ask, problem } from "./dom.js";
import { bytes, number, span, when } from "./format.js";
import { make } from "./make.js";
import { badge } from "./states.js";

const FOLLOW = 2000;
const SIZES = new Set(["peak_memory", "bytes"]);

export async function openTask(index, sweep, grid) {
  let task;
  try { task = await ask("task", { index }); } catch (error) { return problem(error.message); }
  note({ task: String(index) });
  const log = make("pre", { id: "log", tabindex: 0, "aria-label": "end of the output" }, "…"), about = make("p", { class: "soft" });
  const stream = make("select", { onchange: () => look() }, make("option", {}, "stdout"), make("option", {}, "stderr"));
  if (task.state === "failed") stream.value = "stderr";
  const go = (to, text) => make("button", { type: "button", disabled: to === null || to < 0 || to >= sweep.tasks ? "" : null, onclick: () => move(to) }, text);
  const box = make("dialog", { "aria-label": `row ${index}` },
    make("form", { method: "dialog", class: "tools", onsubmit: (event) => { event.preventDefault(); close(); } },
      make("h2", {}, `Row ${index} `, badge(task.state)), make("span", { class: "room" }), go(index - 1, "previous"), go(index + 1, "next"),
      sweep.counts.failed ? make("button", { type: "button", onclick: (event) => { const to = grid.nextFailed(index); if (to === null) event.target.disabled = true; else move(to); } }, "next failed") : null, make("button", { autofocus: "" }, "Close")),
    task.message ? make("pre", {}, task.message) : null,
    list(task.row), task.out.length ? make("h3", {}, "out") : null, list(task.out),
    make("div", { class: "tools" }, make("label", {}, "Output ", stream)), log, about,
    task.command ? make("h3", {}, "Command") : null, task.command ? make("pre", { class: "command" }, task.command) : null,
    task.files.length ? make("h3", {}, "Files") : null,
    task.files.length ? make("ul", { class: "files" }, ...task.files.map(([name, size]) => make("li", {}, make("bdi", {}, name), size === null ? "" : ` (${bytes(size)})`))) : null,
    task.folder ? make("p", { class: "soft" }, "in ", make("code", {}, task.folder)) : null,
    make("h3", {}, "Attempts"), list(Object.entries(task.facts).filter(([name, value]) => value !== null && name !== "state" && name !== "message")),
    make("ul", {}, ...task.attempts.map((a) => make("li", {}, `attempt ${a.number}: ${a.cause}${a.code === null ? "" : ` ${a.code}`}, ${span(a.seconds)}, ${when(a.start)}, ${a.consumer}`))));
  let timer = 0;
  function move(to) { leave(); openTask(to, sweep, grid); }
  function leave() { clearTimeout(timer); box.remove(); }
  function close() { leave(); note({ task: "" }); }
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
  box.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  document.body.append(box);
  box.showModal();
  await look();
}

function list(pairs) {
  const text = (name, value) => (typeof value !== "number" ? String(value ?? "") : SIZES.has(name) ? bytes(value) : number(value));
  return make("dl", { class: "facts" }, ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", { title: String(value ?? "") }, text(name, value)))));
}
