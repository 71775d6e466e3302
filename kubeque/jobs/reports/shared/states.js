// States as badges, as a bar and as its legend. Each state has Airflow's colour, and a shape that can be seen without colours.
import { make } from "./make.js";
import { count } from "./format.js";

const SHAPES = { ok: "✓", failed: "✕", killed: "■", running: "▶", pending: "○", held: "‖" };
const STATES = Object.keys(SHAPES);
const SWEEPS = { success: "ok", stopped: "failed", waiting: "pending", paused: "held", resetting: "running" };
/** Least share of a state in the bar. One of a hundred thousand rows can be seen. */
const THINNEST = 0.008;

/** Return the state of a row whose colour a sweep's state, a row's state or a cause of failure has. */
export function kind(state) {
  if (SHAPES[state]) return state;
  return SWEEPS[state] ?? (state === "unknown" ? "killed" : "failed");
}

const shape = (state) => make("span", { class: "shape", "aria-hidden": "true" }, SHAPES[kind(state)]);

export function badge(state) {
  return make("span", { class: `badge state-${kind(state)}` }, shape(state), state);
}

const present = (counts) => STATES.filter((name) => counts[name]);
const words = (counts) => present(counts).map((name) => `${count(counts[name])} ${name}`).join(", ");

/** Return a bar with the rows by state, and its text. */
export function bar(counts, total) {
  const space = "http://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  const attributes = { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": words(counts) };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const shares = present(counts).map((name) => [name, Math.max(THINNEST, counts[name] / Math.max(1, total))]);
  const whole = shares.reduce((sum, [, share]) => sum + share, 0);
  let at = 0;
  for (const [name, share] of shares) {
    const width = 100 * share / whole, rect = document.createElementNS(space, "rect");
    for (const [key, value] of Object.entries({ x: at, width, height: 10, class: `fill-${name}` })) rect.setAttribute(key, value);
    svg.append(rect);
    at += width;
  }
  return svg;
}

/** Return the legend. A click on a state calls `pick`. */
export function legend(counts, pick) {
  return make("ul", { class: "keys" }, ...present(counts).map((name) =>
    make("li", {}, make("button", { type: "button", class: "key", title: `show only rows in the state ${name}`, onclick: () => pick(name) },
      make("span", { class: `swatch state-${name}` }, shape(name)), `${count(counts[name])} ${name}`))));
}
