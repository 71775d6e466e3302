// The grid: one cell per row on a canvas, in the colour of its state. The legend is that of the bar above it. The report and the page share it.
import { make } from "./make.js";
import { kind } from "./states.js";

const ROOM = 360, LARGEST = 14, SMALLEST = 2;

export class Grid {
  /** `open`: called with the index of a chosen row. `ask`: called with "marks" and {first}; gives the rows. `problem`: called with the text of an error. */
  constructor(open, ask, problem) {
    this.ask = ask; this.problem = problem;
    this.marks = ""; this.first = 0; this.page = 0; this.meaning = {}; this.at = 0; this.open = open;
    this.canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": "tasks" });
    this.spoken = make("p", { class: "soft", role: "status" }, "\u00a0");
    this.cursor = make("div", { class: "cursor", hidden: "" });
    this.box = make("div", { class: "grid" }, this.canvas, this.cursor);
    this.back = make("button", { type: "button", onclick: () => this.turn(-1) }, "earlier tasks");
    this.on = make("button", { type: "button", onclick: () => this.turn(1) }, "later tasks");
    this.element = make("div", {}, this.box, make("div", { class: "tools" }, this.back, this.on), this.spoken);
    this.back.hidden = this.on.hidden = true;
    this.canvas.addEventListener("mousemove", (event) => { this.at = this.under(event); this.say(); });
    this.canvas.addEventListener("click", (event) => { this.at = this.under(event); if (this.marks[this.at]) this.open(this.first + this.at); });
    this.canvas.addEventListener("blur", () => { this.cursor.hidden = true; });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
    addEventListener("themed", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  async load() {
    const told = await this.ask("marks", { first: this.first });
    const text = told.marks.replace(/([^\d])(\d+)/g, (_, mark, times) => mark.repeat(Number(times)));
    this.meaning = told.meaning; this.page = told.page;
    this.back.hidden = this.first === 0;
    this.on.hidden = text.length < told.page;
    if (text === this.marks) return;
    this.marks = text;
    this.draw();
    const tally = {};
    for (const mark of text) tally[mark] = (tally[mark] ?? 0) + 1;
    const parts = Object.entries(tally).map(([mark, n]) => [this.meaning[mark] ?? "other", n]);
    this.canvas.setAttribute("aria-label", `${parts.map(([name, n]) => `${n} ${name}`).join(", ")}. Keys: arrows go from task to task, n to the next that failed, Enter opens it.`);
  }

  turn(by) { this.first = Math.max(0, this.first + by * this.page); this.at = 0; this.load().catch((error) => this.problem(error.message)); }

  /** Return the index of the next failed task behind a task; null if there is none on this page. */
  nextFailed(index) {
    let to = index - this.first + 1;
    while (to < this.marks.length && kind(this.meaning[this.marks[to]]) !== "failed") to += 1;
    return to < this.marks.length ? this.first + to : null;
  }

  colours() {
    const style = getComputedStyle(document.documentElement), pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    return Object.fromEntries(Object.entries(this.meaning).map(([mark, name]) => {
      pen.fillStyle = style.getPropertyValue(kind(name) === "pending" ? "--line" : `--${kind(name)}`).trim() || "#888";
      pen.fillRect(0, 0, 1, 1);
      return [mark, new Uint32Array(pen.getImageData(0, 0, 1, 1).data.buffer)[0]];
    }));
  }

  draw() {
    const tasks = this.marks.length, width = Math.max(60, this.box.clientWidth - 12);
    if (!tasks) return;
    let size = LARGEST;
    while (size > SMALLEST && Math.ceil(tasks / Math.floor(width / size)) * size > ROOM) size -= 1;
    this.size = size; this.across = Math.min(tasks, Math.floor(width / size));
    const down = Math.ceil(tasks / this.across), ratio = Math.max(1, Math.round(devicePixelRatio)), cell = size * ratio, gap = size > 4 ? ratio : 0;
    const image = new ImageData(this.across * cell, down * cell), pixels = new Uint32Array(image.data.buffer), colours = this.colours();
    for (let task = 0; task < tasks; task += 1) {
      const colour = colours[this.marks[task]] ?? 0, left = (task % this.across) * cell, top = Math.floor(task / this.across) * cell;
      for (let y = 0; y < cell - gap; y += 1) {
        const from = (top + y) * image.width + left;
        pixels.fill(colour, from, from + cell - gap);
      }
      if (size < 6 || kind(this.meaning[this.marks[task]]) !== "failed") continue;
      for (let d = ratio; d < cell - gap - ratio; d += 1) { // a cross, which can be seen without colours
        const row = (top + d) * image.width + left, right = cell - gap - 1 - d;
        pixels[row + d] = pixels[row + right] = 0xffffffff;
      }
    }
    this.canvas.width = image.width; this.canvas.height = image.height;
    this.canvas.style.width = `${this.across * size}px`; this.canvas.style.height = `${down * size}px`;
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  under(event) { return Math.floor(event.offsetY / this.size) * this.across + Math.min(this.across - 1, Math.floor(event.offsetX / this.size)); }

  say() {
    const mark = this.marks[this.at];
    this.spoken.textContent = mark ? `task ${this.first + this.at}: ${this.meaning[mark]}` : "\u00a0";
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across }[event.key];
    if (event.key === "Enter") this.open(this.first + this.at);
    else if (event.key === "n") {
      const to = this.nextFailed(this.first + this.at);
      if (to !== null) this.at = to - this.first;
    } else if (step) this.at = Math.min(this.marks.length - 1, Math.max(0, this.at + step));
    else return;
    event.preventDefault();
    this.say();
    const { size, across } = this, style = { left: 6 + (this.at % across) * size, top: 6 + Math.floor(this.at / across) * size, width: size - 1, height: size - 1 };
    for (const [name, value] of Object.entries(style)) this.cursor.style[name] = `${value}px`;
    this.cursor.hidden = false;
    this.cursor.scrollIntoView({ block: "nearest" });
  }
}
